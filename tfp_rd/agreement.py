# SPDX-License-Identifier: Apache-2.0
"""Whether distributions and examples fit each other, by types and shapes.

Nothing here computes: a compiled step is checked while it is traced.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_rd import errors

__all__ = [
  'check_codes',
  'check_decoding',
  'check_distribution',
  'check_log_probs',
  'check_reparameterized',
  'takes_bits',
]

tfd = tfp.distributions

# Distributions of the same values as the one inside of them.
_WRAPPERS = (tfd.Independent, tfd.BatchReshape, tfd.BatchBroadcast, tfd.Sample)

# What a part may return, for a sentence.
_RETURNS = {
  'encoder': 'tfd.MultivariateNormalDiag(mu, tf.exp(0.5 * logvar))',
  'marginal': 'tfd.MultivariateNormalDiag(tf.zeros(2))',
  'decoder': 'tfd.Independent(tfd.Bernoulli(logits=logits), 3)',
}


def check_distribution(value, role: str) -> None:
  """Checks what a part has returned.

  Args:
    value: What it returned.
    role: `'encoder'`, `'marginal'` or `'decoder'`.

  Raises:
    UserError: It is no `tfd.Distribution`.
  """
  if not isinstance(value, tfd.Distribution):
    raise errors.UserError(
      f'the {role} returned a value of type {type(value).__name__}; expected a '
      f'tfd.Distribution: return one that is made of it, such as '
      f'{_RETURNS[role]}.'
    )


def check_codes(encoding, marginal) -> None:
  """Checks that encoder and marginal are of the same codes z.

  Args:
    encoding: e(z|x).
    marginal: m(z).

  Raises:
    UserError: Their codes differ in shape, or the encoder is a point mass and
      the marginal a density, so that the rate is none in nats.
  """
  shapes = [_event_shapes(d) for d in (encoding, marginal)]
  is_same = len(shapes[0]) == len(shapes[1]) and all(
    one.is_compatible_with(other) for one, other in zip(*shapes, strict=True)
  )
  if not is_same:
    of_encoder, of_marginal = (_text(*s) for s in shapes)
    raise errors.UserError(
      f'a code z has shape {of_encoder} for the encoder and {of_marginal} for '
      'the marginal; give both the same event shape, for a vector of '
      'independent dimensions by tfd.Independent or tfd.Sample.'
    )
  if _is_point_mass(_inside(encoding)) and _is_density(_inside(marginal)):
    raise errors.UserError(
      f'the encoder is a point mass ({encoding.name}) and the marginal '
      f'{marginal.name} a density, so that log e(z|x) - log m(z) is no rate; '
      'give the encoder a scale, as tfd.MultivariateNormalDiag(loc, scale), or '
      'take a discrete marginal.'
    )


def check_decoding(decoding, x) -> None:
  """Checks that a decoder's distribution is of whole examples.

  Args:
    decoding: d(x|z).
    x: `[B, ...]`.

  Raises:
    UserError: Its event shape is not that of one example.
  """
  shapes, example = _event_shapes(decoding), x.shape[1:]
  if len(shapes) != 1 or shapes[0].is_compatible_with(example):
    return
  mend = 'give examples of that shape, or another decoder'
  missing = example.rank - shapes[0].rank
  if missing > 0:
    mend = 'wrap it in tfd.Independent, so that an event is a whole example'
  raise errors.UserError(
    f"the decoder's distribution has event shape {_text(shapes[0])} and an "
    f'example has shape {_text(example)}; {mend}.'
  )


def check_log_probs(log_probs, *, num_samples, num_examples) -> None:
  """Checks that each draw has one log-density of each part.

  Args:
    log_probs: Mapping from the part's role to its log-densities.
    num_samples: S, or `None` where it is not known yet.
    num_examples: B, or `None`.

  Raises:
    UserError: The shape is not [S, B].
  """
  expected = tf.TensorShape([num_samples, num_examples])
  for role, values in log_probs.items():
    if not values.shape.is_compatible_with(expected):
      raise errors.UserError(
        f'log-densities of the {role} have shape {values.shape} and must be '
        f'[S, B], here {_text(expected)}, one number for each draw of each '
        'example; wrap its distribution in tfd.Independent.'
      )


def check_reparameterized(encoding) -> None:
  """Checks that draws of z have a gradient.

  Args:
    encoding: e(z|x).

  Raises:
    UserError: They have none: the encoder would not learn from the distortion.
  """
  kinds = tf.nest.flatten(encoding.reparameterization_type)
  if any(kind != tfd.FULLY_REPARAMETERIZED for kind in kinds):
    raise errors.UserError(
      f'the encoder returned {encoding.name}, whose draws are not '
      'reparameterised and have no gradient, so that the distortion would not '
      'train it; choose a distribution such as tfd.MultivariateNormalDiag, or '
      "train the other parts alone, by parts=('marginal', 'decoder')."
    )


def takes_bits(distribution) -> bool:
  """Whether a distribution is of bits, 0 and 1.

  It is where it is a `tfd.Bernoulli`, or has an attribute `takes_bits`.

  Args:
    distribution: Any distribution, maybe wrapped in `tfd.Independent`.
  """
  distribution = _inside(distribution)
  return isinstance(distribution, tfd.Bernoulli) or bool(
    getattr(distribution, 'takes_bits', False)
  )


def _event_shapes(distribution):
  """Returns the shape of an event, or those of the parts of a joint one."""
  return [*map(tf.TensorShape, tf.nest.flatten(distribution.event_shape))]


def _text(*shapes):
  texts = [str(s.as_list()) if s.rank is not None else '?' for s in shapes]
  return ' and '.join(texts).replace('None', '?')


def _inside(distribution):
  """Returns what is wrapped, or mixed: a distribution of the same values."""
  while isinstance(distribution, (*_WRAPPERS, tfd.MixtureSameFamily)):
    distribution = (
      distribution.components_distribution
      if isinstance(distribution, tfd.MixtureSameFamily)
      else distribution.distribution
    )
  return distribution


def _is_point_mass(distribution):
  while isinstance(distribution, tfd.TransformedDistribution):
    distribution = _inside(distribution.distribution)
  return isinstance(distribution, (tfd.Deterministic, tfd.VectorDeterministic))


def _is_density(marginal):
  """Whether a marginal is known to be continuous, and no point mass."""
  if _is_point_mass(marginal):
    return False
  if marginal.reparameterization_type == tfd.FULLY_REPARAMETERIZED:
    return True
  try:  # Not every distribution of others knows it.
    return marginal.experimental_default_event_space_bijector() is not None
  except NotImplementedError:
    return False
