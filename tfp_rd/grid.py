# SPDX-License-Identifier: Apache-2.0
"""A grid is axes times a base configuration: a table of runs, and no more.

What is left to do is what has no result on disk.  There is no list of jobs and
no record of who does what: a process takes the next run that nobody holds, so
that several processes share one root, and any of them may be killed.  No
TensorFlow here.
"""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Union

from tfp_rd import architecture as architecture_lib
from tfp_rd import config as config_lib

__all__ = [
  'beta_elbos',
  'Grid',
  'pending',
  'PRESETS',
  'set_aside_corrupt',
  'train_pending',
]

Path = Union[str, os.PathLike]
Cells = Sequence[config_lib.Config]


def beta_elbos(
  betas: Iterable[float], *, kl_annealing_steps: int = 0
) -> tuple[str, ...]:
  """Writes the beta-ELBO of each beta as `repr` of the objective does.

  Args:
    betas: The weights of the rate.
    kl_annealing_steps: Steps over which the weight grows from 0 to beta.

  Returns:
    One canonical text a beta.
  """
  more = (
    f', kl_annealing_steps={kl_annealing_steps}' if kl_annealing_steps else ''
  )
  return tuple(f'beta_elbo(beta={float(beta)!r}{more})' for beta in betas)


@dataclasses.dataclass(frozen=True)
class Grid:
  """Axes times a base configuration.

  Attributes:
    base: What all runs share.
    architectures: Three signs each, as in `'-+v'`.
    objectives: Canonical texts, as in `'beta_elbo(beta=0.5)'`.
    seeds: Integers.
  """

  base: config_lib.Config = config_lib.Config()
  architectures: tuple[str, ...] = tuple(map(str, architecture_lib.ALL))
  objectives: tuple[str, ...] = beta_elbos((0.1, 0.3, 1, 3))
  seeds: tuple[int, ...] = (0,)

  def cells(self) -> tuple[config_lib.Config, ...]:
    """Returns the runs, in the order in which they are best done.

    The runs of one family are neighbours: they share one compiled program,
    and a grid that is stopped early has whole curves of some families, which
    can be read, rather than one point of each, which cannot.  Seeds come
    outermost, so that the whole plane is there before any of it is repeated.
    """
    axes = (self.seeds, self.architectures, self.objectives)
    # A value given twice is one run; `dict` keeps the first place of each.
    return tuple(dict.fromkeys(itertools.starmap(self._cell, _product(axes))))

  def _cell(self, seed, architecture, objective):
    model = dataclasses.replace(self.base.model, architecture=architecture)
    return dataclasses.replace(
      self.base, model=model, objective=objective, seed=seed
    )


def _product(axes):
  return itertools.product(*axes)


# The paper's protocol: 200 epochs of 50,000 images at batch 100.  The paper ran
# it without and with annealing of the rate's weight; the second half is
# `--preset=full --kl_annealing_steps=25000`, its first 50 epochs.
_PAPER = config_lib.Config(
  data=config_lib.DataConfig(dataset='binarized_mnist'),
  model=config_lib.ModelConfig(size='paper', dropout=0.0),
  training=config_lib.TrainingConfig(
    num_steps=100_000,
    batch_size=100,
    learning_rate=3e-4,
    normalize_gradients=True,
    weight_averaging=0.0,
  ),
)
_PAPER_BETAS = (
  *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9),
  *(1, 1.1, 1.5, 2, 5, 10),
)

PRESETS: Mapping[str, Grid] = {
  'quick': Grid(
    config_lib.Config(training=config_lib.TrainingConfig(num_steps=400)),
    objectives=beta_elbos((0.3, 1, 3)),
  ),
  'plane': Grid(),
  'full': Grid(_PAPER, objectives=beta_elbos(_PAPER_BETAS)),
}
