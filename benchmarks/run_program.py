# SPDX-License-Identifier: Apache-2.0
"""Runs exported programs on any device that JAX sees, without TensorFlow."""

import os
import time
from collections.abc import Mapping

import numpy as np

from benchmarks import artifact as artifact_lib
from tfp_rd import errors

__all__ = ['Device', 'Executable']


class Device:
  """The first device that JAX sees.

  Attributes:
    name: What JAX calls it.

  Raises:
    UserError: There is no JAX.
  """

  def __init__(self):
    self._jax, backend = _import_jax()
    self._client = backend.get_backend()
    self._device = self._client.local_devices()[0]
    self.name = f'{self._device.platform} {self._device.device_kind}'

  def put(self, arrays: Mapping[str, np.ndarray]) -> dict:
    """Returns arrays on the device."""
    # The number of the step has 64 bits, which JAX would cut.
    with self._jax.enable_x64(True):  # noqa: FBT003
      return {
        name: self._jax.device_put(x, self._device)
        for name, x in arrays.items()
      }

  def compile(self, program: artifact_lib.Program) -> 'Executable':
    """Compiles a program for the device, which can take minutes."""
    start = time.perf_counter()
    loaded = self._client.compile_and_load(program.stablehlo, [self._device])
    seconds = time.perf_counter() - start
    return Executable(self._jax, program, loaded, compile_s=seconds)

  @property
  def versions(self) -> dict[str, str]:
    """Returns the version of JAX, and environment variables that it reads."""
    names = ('NVIDIA_TF32_OVERRIDE', 'XLA_FLAGS')
    known = {name: os.environ[name] for name in names if name in os.environ}
    return {'jax': self._jax.__version__, **known}


class Executable:
  """A compiled program.

  Args:
    jax: The module.
    program: What was compiled.
    loaded: The same on the device.
    compile_s: Seconds that XLA took.
  """

  def __init__(self, jax, program, loaded, *, compile_s):
    self._jax = jax
    self._program = program
    self._loaded = loaded
    self.compile_s = compile_s

  def __call__(self, values: dict) -> tuple[dict[str, np.ndarray], float]:
    """Runs the program once.

    Args:
      values: Arrays on the device by the names of inputs.  Variables that the
        program changes are replaced.

    Returns:
      outputs: Arrays of the host by name, of what are no variables.
      seconds: How long it took.
    """
    inputs = [values[name] for name in self._program.inputs]
    start = time.perf_counter()
    results = self._loaded.execute_sharded(inputs)
    arrays = [x[0] for x in results.disassemble_into_single_device_arrays()]
    self._jax.block_until_ready(arrays)
    seconds = time.perf_counter() - start
    found = dict(zip(self._program.outputs, arrays, strict=True))
    variables = found.keys() & set(self._program.inputs)
    values.update((name, found.pop(name)) for name in variables)
    return {name: np.asarray(x) for name, x in found.items()}, seconds


def _import_jax():
  try:
    import jax
    from jax.extend import backend
  except ModuleNotFoundError as e:
    raise errors.UserError(
      'to run a program takes JAX, which is not installed; `pip install jax` '
      "brings it for the CPU, `pip install 'jax[cuda13]'` for NVIDIA's "
      "accelerators, `pip install 'jax[tpu]'` for Google's."
    ) from e
  return jax, backend
