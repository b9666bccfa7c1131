# SPDX-License-Identifier: Apache-2.0
"""What `fit` says before it trains, where it may not do what is expected."""

from collections.abc import Callable, Iterator
from typing import Any

from tfp_rd import config as config_lib
from tfp_rd.network import own_losses
from tfp_rd.training import examples as examples_lib

__all__ = ['tell']

# A set below this size is over-fitted when it is seen often.
_SMALL = 10_000
_OFTEN = 20


def tell(
  program,
  examples: examples_lib.Examples,
  training: config_lib.TrainingConfig,
  on_warning: Callable[[str], Any],
) -> None:
  """Warns of noise that does not follow the seed, and of over-fitting.

  Args:
    program: The program.
    examples: What it is trained on.
    training: How.
    on_warning: Called with each sentence.
  """
  for sentence in (*_noise(program.model), *_often(examples, training)):
    on_warning(sentence)


def _noise(model) -> Iterator[str]:
  noisy = [m for m in model.submodules if _has_noise(m)]
  if noisy:
    yield (
      f'layer {noisy[0].name} ({type(noisy[0]).__name__}) of tf_keras draws '
      'noise that does not follow seed: the same call, or one that goes on in '
      'run_dir, will take other steps.'
    )


def _has_noise(module):
  if not own_losses.is_tf_keras(module):
    return False
  import tf_keras

  layers = tf_keras.layers
  kinds = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D),
    *(layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout),
  )
  amount = getattr(module, 'rate', getattr(module, 'stddev', 0))
  return isinstance(module, kinds) and amount > 0


def _often(examples, training) -> Iterator[str]:
  num = len(examples.images)
  times = training.num_steps * training.batch_size / num
  if examples.validation is None and num < _SMALL and times >= _OFTEN:
    yield (
      f'each of the {num} images is seen {times:.0f} times, which over-fits a '
      'small set by nats, and there is no validation; give validation=, images '
      'on which the best weights are chosen.'
    )
