# SPDX-License-Identifier: Apache-2.0
"""The bijector of a masked network, and stacks of it.

#### References

[1]: George Papamakarios et al. Masked Autoregressive Flow for Density
     Estimation. In _Neural Information Processing Systems_, 2017.
     https://arxiv.org/abs/1705.07057
"""

from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['MaskedAutoregressive', 'stack']

tfb = tfp.bijectors


class MaskedAutoregressive(tfb.Bijector):
  """The bijector y_i = x_i * exp(s_i(y_<i)) + m_i(y_<i).

  `inverse` is one pass of the network and `forward` the one-pass solution of
  its D steps.  As a marginal (`forward` samples, `inverse` gives the density)
  this is a masked autoregressive flow; `tfb.Invert` of it is an inverse
  autoregressive flow.

  Args:
    network: A `MaskedNetwork`; with one output for each input the flow is
      mean-only and its Jacobian 1, with two it is affine.
    context: `[..., c]` for a network with a context.
    reverse: Whether the last dimension comes first.
    log_scale_bound: Bound on |s| of an affine flow, so that densities stay
      finite.
    name: Name of the bijector.

  Raises:
    ValueError: `context` is given and the network takes none, or it is missing
      and the network takes one.

  #### Examples

  ```python
  from tfp_rd.network import masked

  network = masked.MaskedNetwork(8, 2, hidden_sizes=[64, 64], seed=0)
  marginal = tfd.TransformedDistribution(
      tfd.MultivariateNormalDiag(tf.zeros(8)), MaskedAutoregressive(network))
  ```
  """

  def __init__(
    self,
    network: Any,
    *,
    context: Optional[tf.Tensor] = None,
    reverse: bool = False,
    log_scale_bound: float = 2.0,
    name: str = 'masked_autoregressive',
  ):
    parameters = dict(locals())
    if (context is not None) != network.has_context:
      raise ValueError(
        f'context is {context}, but the network takes '
        f'{"one" if network.has_context else "none"}; give a context exactly '
        'if the network takes one.'
      )
    self._network = network
    self._context = context
    self._reverse = reverse
    self._log_scale_bound = log_scale_bound
    super().__init__(
      forward_min_event_ndims=1,
      is_constant_jacobian=network.num_outputs == 1,
      parameters=parameters,
      name=name,
    )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {'context': tfp.util.ParameterProperties(event_ndims=1)}

  def _shift_and_log_scale(self, outputs):
    if len(outputs) == 1:
      return outputs[0], None
    shift, log_scale = outputs
    bound = self._log_scale_bound
    return shift, bound * tf.tanh(log_scale / bound)

  def _outputs(self, y):
    """Computes shift and log scale of the ordered y, in one pass."""
    return self._shift_and_log_scale(
      tf.unstack(self._network(y, self._context), axis=-1)
    )

  def _ordered(self, x):
    return x[..., ::-1] if self._reverse else x

  def _forward(self, x):
    def step(x_i, *outputs):
      shift, log_scale = self._shift_and_log_scale(outputs)
      return (x_i if log_scale is None else x_i * tf.exp(log_scale)) + shift

    y = self._network.solve(self._ordered(x), step, context=self._context)
    return self._ordered(y)

  def _inverse(self, y):
    y = self._ordered(y)
    shift, log_scale = self._outputs(y)
    x = y - shift
    return self._ordered(x if log_scale is None else x * tf.exp(-log_scale))

  def _inverse_log_det_jacobian(self, y):
    if self._network.num_outputs == 1:
      return tf.zeros([], y.dtype)
    _, log_scale = self._outputs(self._ordered(y))
    return -tf.reduce_sum(log_scale, -1)


def stack(
  networks: Sequence[Any], *, context: Optional[tf.Tensor] = None
) -> tfb.Bijector:
  """Chains one step for each network; the order is reversed between steps.

  Args:
    networks: `MaskedNetwork`s of one event size.
    context: `[..., c]`, seen by all of them.

  Returns:
    A bijector whose `inverse` is the fast direction.
  """
  return tfb.Chain(
    [
      MaskedAutoregressive(network, context=context, reverse=n % 2 == 1)
      for n, network in enumerate(networks)
    ]
  )
