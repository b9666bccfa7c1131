# SPDX-License-Identifier: Apache-2.0
"""Runs an exported program on any device that JAX sees, without TensorFlow."""

import os
import time

import numpy as np

from benchmarks import artifact as artifact_lib
from tfp_rd import errors

__all__ = ['Executable']


class Executable:
  """A program on a device, which keeps its variables between calls.

  Args:
    artifact: The program; it is compiled here, which can take minutes.

  Attributes:
    device: What JAX calls the first device.
    compile_s: Seconds that XLA took.

  Raises:
    UserError: There is no JAX.
  """

  def __init__(self, artifact: artifact_lib.Artifact):
    self._jax, backend = _import_jax()
    self._artifact = artifact
    client = backend.get_backend()
    self._device = client.local_devices()[0]
    self.device = f'{self._device.platform} {self._device.device_kind}'
    start = time.perf_counter()
    self._program = client.compile_and_load(artifact.program, [self._device])
    self.compile_s = time.perf_counter() - start
    # The number of the step has 64 bits, which JAX would cut.
    with self._jax.enable_x64(True):  # noqa: FBT003
      self._inputs = [
        self._jax.device_put(x, self._device) for x in artifact.inputs
      ]

  def __call__(self) -> tuple[dict[str, float], float]:
    """Runs the program once and keeps the variables that it changed.

    Returns:
      outputs: Mapping from name to value, for what are no variables.
      seconds: How long it took.
    """
    start = time.perf_counter()
    results = self._program.execute_sharded(self._inputs)
    arrays = [x[0] for x in results.disassemble_into_single_device_arrays()]
    self._jax.block_until_ready(arrays)
    seconds = time.perf_counter() - start
    for place, parameter in self._artifact.fed_back.items():
      self._inputs[parameter] = arrays[place]
    names = self._artifact.outputs
    values = (float(np.asarray(x)) for x in arrays[: len(names)])
    return dict(zip(names, values, strict=True)), seconds

  @property
  def versions(self) -> dict[str, str]:
    """Returns the version of JAX, and environment variables that it reads."""
    names = ('NVIDIA_TF32_OVERRIDE', 'XLA_FLAGS')
    known = {name: os.environ[name] for name in names if name in os.environ}
    return {'jax': self._jax.__version__, **known}


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
