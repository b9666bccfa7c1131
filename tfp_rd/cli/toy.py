# SPDX-License-Identifier: Apache-2.0
"""The command of the paper's toy world: its figure and its exact numbers."""

import pathlib
import sys
from collections.abc import Sequence
from typing import Optional

import numpy as np
from absl import flags

from tfp_rd import errors
from tfp_rd.cli import command
from tfp_rd.cli import report as report_command
from tfp_rd.run import sealed

__all__ = ['main']

_MANUAL = """\
tfp-rd toy [flags]: the world of 30 letters and two causes, every number exact.

  tfp-rd toy --report_dir=report
  tfp-rd toy --starts=100
  tfp-rd toy --index_scale=unit --start_stddev=0.1

Trains the ELBO, and D + weight |0.5 - R| with weights 1 and 3, from many
random starts at once, beside the optimum made by hand.  Leaves toy.png, which
is the paper's Figure 2, toy_floors.png, the best that other codes could do
with each decoder, and toy.json, for each objective with the start of median
I(Z; Z*).

I(X; Z*) is 0.5 nats, and the objective asks for a code of 0.5 nats.  Any code
of that rate with tight bounds is optimal, and the causes are one of many.  So
the command prints how often the causes are found, and how far D + R is above
the least D + R of that decoder: what other encoders and marginals could gain.
"""

_TARGET_NATS = 0.5
_WEIGHTS = (1, 3)
# Of the optimum's I(Z; Z*), from which on the causes count as found.
_FOUND = 0.9
_HEADER = (
  'R',
  'D',
  'D + R - H',
  'I(X; Z)',
  'I(Z; Z*)',
  'accuracy',
  'above floor',
)


def main(argv: Optional[Sequence[str]] = None) -> int:
  """Runs the command; returns its exit status."""
  return command.run(_main, argv, name='toy', define=_define, manual=_MANUAL)


def _define(flag_values):
  here = {
    'flag_values': flag_values,
    'module_name': 'What the paper leaves open',
  }
  flags.DEFINE_integer(
    'starts', 10, 'Random starts, trained at once.', lower_bound=1, **here
  )
  flags.DEFINE_integer('num_steps', 40_000, 'Of Adam.', lower_bound=1, **here)
  flags.DEFINE_float('learning_rate', 0.01, 'Of Adam, to half-way.', **here)
  flags.DEFINE_enum(
    'index_scale',
    'symmetric',
    ['symmetric', 'unit', 'raw'],
    'Range of the letters as numbers: [-1, 1], [0, 1] or [0, 29].',
    **here,
  )
  flags.DEFINE_enum(
    'parametrization',
    'output',
    ['output', 'condition'],
    'Whose the parameters are: of the letter that is predicted, or given.',
    **here,
  )
  flags.DEFINE_float('start_stddev', 1.0, 'Of all parameters.', **here)
  flags.DEFINE_list(
    'weights', list(map(str, _WEIGHTS)), 'Of the distance to the rate.', **here
  )
  flags.DEFINE_integer('seed', 0, 'Of the starts.', **here)
  report_command.define_report_dir(flag_values)


def _main(flag_values: flags.FlagValues, arguments: list[str]) -> None:
  command.refuse(arguments)
  folder = pathlib.Path(report_command.report_dir(flag_values))
  weights = list(map(_weight, flag_values.weights))
  command.tensorflow()
  from tfp_rd.objective import beta_elbo, target_rate
  from tfp_rd.toy import starts
  from tfp_rd.toy import world as world_lib

  world = world_lib.World()
  objectives = {'elbo': beta_elbo.BetaElbo()}
  for weight in weights:
    objectives[f'target_rate_weight_{weight:g}'] = target_rate.TargetRate(
      _TARGET_NATS, weight
    )
  names = ('num_steps', 'learning_rate', 'index_scale', 'parametrization')
  recipe = starts.Recipe(
    num_starts=flag_values.starts,
    start_stddev=flag_values.start_stddev,
    seed=flag_values.seed,
    **{name: flag_values[name].value for name in names},
  )
  trained = starts.train(world.source, list(objectives.values()), recipe=recipe)
  models = {'optimum': world_lib.optimum(world)}
  print(_line('', *_HEADER, 'z* found', 'least R', 'greatest R'))
  optimum = world_lib.measure(world, models['optimum'])
  above = world_lib.above_floor(world, models['optimum'])
  print(_line('optimum', *optimum, above))
  for name, several in zip(objectives, trained, strict=True):
    found = world_lib.measure(world, several)
    middle = _of_median(found.information_z_zstar_nats)
    models[name] = world_lib.Model(*(table[middle] for table in several))
    least = _FOUND * optimum.information_z_zstar_nats
    count = int((found.information_z_zstar_nats >= least).sum())
    above = world_lib.above_floor(world, models[name])
    share = f'{count} of {recipe.num_starts}'
    rates = found.rate_nats
    typical = (values[middle] for values in found)
    print(_line(name, *typical, above, share, rates.min(), rates.max()))
  _write(folder, world, models)


def _weight(text):
  try:
    return float(text)
  except ValueError as e:
    raise errors.UserError(f'weight {text!r} is not a number.') from e


def _of_median(values):
  """Returns the index of the typical start; the lower of two."""
  return int(np.argsort(values)[(len(values) - 1) // 2])


def _line(name, *cells):
  # -0.0 is printed as 0.0.
  texts = [c if isinstance(c, str) else f'{c + 1e-9:.4f}' for c in cells]
  return f'{name:22}' + ''.join(f'{text:>12}' for text in texts)


def _write(folder, world, models):
  from tfp_rd.report import plot
  from tfp_rd.toy import figure, floors
  from tfp_rd.toy import world as world_lib

  measures = {
    name: {
      key: float(value)
      for key, value in world_lib.measure(world, model)._asdict().items()
    }
    for name, model in models.items()
  }
  folder.mkdir(parents=True, exist_ok=True)
  titles = [name.replace('_', ' ') for name in models]
  for module, name in ((figure, 'toy.png'), (floors, 'toy_floors.png')):
    drawn = module.draw(world, models.values(), titles=titles)
    plot.save(drawn, folder / name)
    print(folder / name)
  sealed.write_json(folder / 'toy.json', measures)
  print(folder / 'toy.json')


if __name__ == '__main__':
  sys.exit(main())
