# SPDX-License-Identifier: Apache-2.0
"""Grids by name: on digits, on binarised MNIST, and the paper's own."""

import dataclasses
from collections.abc import Mapping

from tfp_rd import config
from tfp_rd.objective.multi_rate import MultiRate
from tfp_rd.run import grid

__all__ = ['PRESETS']

# The paper's protocol: 200 epochs of 50,000 images at batch 100, no
# regularisation, the last step kept.  The paper ran it without and with
# annealing of the rate's weight; the second half of its runs is
# `--preset=full --kl_annealing_steps=25000`, 50 of the epochs.
_PAPER = config.Config(
  evaluation=config.EvaluationConfig(eval_max_points=40),
  data=config.DataConfig(dataset='binarized_mnist'),
  model=config.ModelConfig(size='paper'),
  training=config.TrainingConfig(
    num_steps=100_000,
    batch_size=100,
    learning_rate=3e-4,
    normalize_gradients=True,
    weight_averaging=0.0,
    validate_every=0,
  ),
)
_PAPER_BETAS = (
  *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9),
  *(1, 1.1, 1.5, 2, 5, 10),
)

# All betas of a family in one network.
_CURVE = (MultiRate(beta_min=0.05),)
# Powers of beta that weigh the loss, by decoder; see docs/one_run_curves.md.
_WEIGHTS = {
  '-': grid.Changes(weight_power=-0.5),
  '+': grid.Changes(weight_power=0.15),
}
# Where the rate jumps, curves are evaluated between the betas of the grid, too.
_DIGITS = config.Config(
  training=config.TrainingConfig(num_steps=3000),
  evaluation=config.EvaluationConfig(eval_max_points=40),
)

# 15 epochs of independent pixels and 8 of a PixelCNN, which costs four times as
# much a step.  4 betas a step, since a VampPrior encodes its pseudo-inputs at
# each.  With one draw of z the mean over 5,000 images has a standard error of
# 0.4 nats, and a paired difference much less.  With the 16 dimensions of z that
# are usual at this size R stops at 56 nats and D at 58, however small beta is;
# the paper's 64 cost next to nothing.
_MNIST = config.Config(
  data=config.DataConfig(dataset='binarized_mnist'),
  model=config.ModelConfig(latent_size=64),
  training=config.TrainingConfig(num_steps=3000, validate_every=500),
  evaluation=config.EvaluationConfig(
    eval_samples=1,
    eval_examples=5000,
    eval_train_examples=2000,
    eval_max_points=16,
  ),
)

PRESETS: Mapping[str, grid.Grid] = {
  'quick': grid.Grid(
    config.Config(
      objective=_CURVE[0],
      training=config.TrainingConfig(num_steps=400),
      evaluation=config.EvaluationConfig(
        eval_betas=(0.3, 1.0, 3.0), eval_max_points=15
      ),
    ),
    objectives=_CURVE,
    curve_changes={
      decoder: dataclasses.replace(
        weight, eval_train_examples=300, eval_samples=4
      )
      for decoder, weight in _WEIGHTS.items()
    },
  ),
  # Curves over-fit 1,300 digits sooner than models of one beta.  All digits of
  # validation and test are evaluated, and as many of the training split, which
  # would otherwise cost more than both at each of the betas.  With eight draws
  # of z some 33 points cost what 17 points with 16 draws would.
  'plane': grid.Grid(
    _DIGITS,
    objectives=_CURVE,
    curve_changes={
      '-': grid.Changes(
        weight_power=-0.5,
        num_steps=1600,
        eval_samples=8,
        eval_train_examples=300,
      ),
      '+': grid.Changes(
        weight_power=0.15,
        num_steps=1700,
        dropout=0.45,
        eval_samples=8,
        eval_train_examples=300,
      ),
    },
  ),
  'separate': grid.Grid(_DIGITS, curve_changes=_WEIGHTS),
  # A curve keeps rate where a fresh start at beta 1 loses it: both are here.
  'mnist': grid.Grid(
    _MNIST,
    objectives=(
      MultiRate(beta_min=0.05, num_groups=4),
      *grid.beta_elbos([1.0]),
    ),
    curve_changes={
      '-': dataclasses.replace(_WEIGHTS['-'], num_steps=6000),
      '+': _WEIGHTS['+'],
      # With the power of other PixelCNNs no beta of it uses z.
      '+v': _WEIGHTS['-'],
    },
    separate_changes={'-': grid.Changes(num_steps=6000)},
  ),
  'full': grid.Grid(
    _PAPER,
    objectives=grid.beta_elbos(_PAPER_BETAS),
    curve_changes=_WEIGHTS,
  ),
}
