# SPDX-License-Identifier: Apache-2.0
"""What the page holds: points, their pictures and trainings, as plain values.

No TensorFlow here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TYPE_CHECKING

import numpy as np

from tfp_rd.curve import diagonal, frontier, reach
from tfp_rd.page import charts
from tfp_rd.page import kept as kept_lib
from tfp_rd.report import answer, data_label, measures, style

if TYPE_CHECKING:
  from tfp_rd.curve.collection import Collection
  from tfp_rd.run import directory

__all__ = ['content']

_NO_PICTURES = (
  'No pictures are kept beside this run; tfp-rd sample RUN_OR_ROOT --keep adds '
  'them where the weights are.'
)
_WORK = '{name} since {since}, step {step} of {num_steps} at {written}'
_SPLITS = ('test', 'validation', 'train')
_VALUES = {'r': 'rate', 'd': 'distortion', 'e': 'elbo'}


def content(
  collected: 'Collection', *, at_work: Sequence[Mapping[str, Any]] = ()
) -> tuple[dict[str, Any], list[str]]:
  """Returns what the page shows.

  Args:
    collected: The finished runs.
    at_work: As of `tfp_rd.page.page.write_page`.

  Returns:
    content: Plain values of JSON.
    sentences: One for each file of pictures that is left out.
  """
  sentences, sets = [], []
  for data, curves in collected.curves.items():
    runs = collected.runs[data]
    kept = {run.path: kept_lib.Kept(run, sentences) for run in runs}
    values, _ = measures.rows_of(runs)  # The report says which are refused.
    points = list(_points(curves, kept, _by_point(values)))
    sets.append(
      {
        'title': data_label.title(data),
        'headline': f'{data_label.title(data)}: {len(points)} points of '
        f'{len(runs)} {"run" if len(runs) == 1 else "runs"}.',
        'filters': _filters(points),
        'num_pixels': _num_pixels(runs),
        'answers': answer.rows(curves),
        'guides': {s: _guides(curves, points, s) for s in _SPLITS},
        'points': points,
        'runs': {path.name: each.content for path, each in kept.items()},
      }
    )
  whole = {
    'sets': sets,
    'no_pictures': _NO_PICTURES,
    'at_work': '; '.join(map(_WORK.format_map, at_work)),
    'at_work_until_s': max((each['until_s'] for each in at_work), default=0),
    'charts': {
      'plane': charts.plane(),
      'totals': charts.totals(),
      'training': charts.training(),
    },
  }
  return whole, sentences


def _points(curves, kept, values) -> Iterator[dict[str, Any]]:
  """Yields the points of all curves, and which line each is of."""
  flags = reach.on_frontier(curves)
  for curve, on in zip(curves, flags, strict=True):
    lines = curve.one_run_lines()
    places = {
      id(point): (number, place)
      for number, line in enumerate(lines)
      for place, point in enumerate(line)
    }
    for point, is_on in zip(curve.points, on, strict=True):
      line = places.get(id(point))
      run = None if point.images is None else point.images.files[0][0]
      about = _about(curve.name, point, run)
      order = {
        'id': about['id'],
        'line': None if line is None else f'{curve.name} {line[0]}',
        'order': 0 if line is None else line[1],
      }
      look = charts.mark(
        curve.name,
        is_hollow=line is None and bool(lines),
        is_pale=line is not None and not is_on,
        is_infeasible=point.is_infeasible,
      )
      yield {
        **about,
        'line': order['line'],
        'mark': {**order, **look},
        'run': None if run is None else run.path.name,
        'pictures': None if run is None else kept[run.path].at(point.beta),
        'facts': [
          *_facts(curve.name, point),
          *values.get((run and run.path.name, point.beta), []),
        ],
      }


def _about(name, point, run):
  where = name if run is None else run.path.name
  return {
    'id': f'{where} {point.label}',
    'family': name,
    **{part: _letter(name, part) for part in style.PARTS},
    'objective': point.objective or 'beta_elbo',
    'beta': point.beta,
    'label': point.label,
    'how': _how(point),
    'nats': {split: _nats(getattr(point, split)) for split in _SPLITS},
  }


def _filters(points):
  """Returns by what points are left out: each part, and the objective."""
  filters = {}
  for part in style.PARTS:
    letters = {point[part] for point in points}
    filters[part] = charts.legend(part, letters)
  objectives = sorted({point['objective'] for point in points})
  filters['objective'] = [[o, o, ''] for o in objectives]
  return filters


def _spreads(point):
  """Returns the standard deviations over seeds on test, if there are any."""
  values = {name: getattr(point.test, name) for name in _VALUES.values()}
  return {
    f'{name} over seeds (std, nats)': f'{value.seed_std_nats:.2f}'
    for name, value in values.items()
    if value is not None and value.seed_std_nats is not None
  }


def _facts(name, point):
  """Returns what a point is, besides its numbers, as names and texts."""
  files = () if point.images is None else point.images.files
  runs = [run for run, _, _ in files]
  named = {
    **{'family': name, 'trained': _how(point), 'beta': point.label},
    'objective': point.objective,
    **{f'run of seed {r.config.seed}': r.path.name for r in runs},
    **_spreads(point),
    **point.settings,
  }
  if len(runs) > 1:
    seed = runs[0].config.seed
    named['pictures, training, measures'] = f'of seed {seed} alone'
  return [[k, str(v)] for k, v in named.items() if str(v) not in ('', 'None')]


def _letter(name, part):
  letter = style.sign_of(name, part).letter
  return letter or name


def _how(point):
  seeds = f'{point.num_seeds} seeds' if point.num_seeds > 1 else ''
  kind = 'one run of a curve' if point.is_one_run else 'a run of its own'
  below = 'below the entropy, where no model can be'
  words = [kind, seeds, below if point.is_infeasible else '']
  return ', '.join(filter(None, words))


def _nats(split):
  """Returns R, D and -ELBO, each with its error and, if unusual, status."""
  found = {}
  for letter, name in _VALUES.items():
    value = getattr(split, name)
    if value is None:
      continue
    sign = -1 if letter == 'e' else 1
    found[letter] = [
      round(sign * value.nats, 4),
      None if value.stderr_nats is None else round(value.stderr_nats, 4),
      value.status,
    ]
  return found


def _guides(curves, points, split):
  """Returns frontier, hull and diagonal of both charts, as rows of a line."""
  bounds = ('exact', 'upper_bound')
  at = [p['nats'][split] for p in points]
  at = [n for n in at if 'r' in n and 'd' in n]
  at = [n for n in at if n['r'][2] in bounds and n['d'][2] in bounds]
  if not at:
    return []
  places = np.array([[n['r'][0], n['d'][0]] for n in at])
  lines = {}
  for point in points:
    nats = point['nats'][split]
    if point['line'] is not None and 'r' in nats:
      lines.setdefault(point['line'], []).append([nats['r'][0], nats['d'][0]])
  corners = frontier.envelope(*places.T, [np.array(v) for v in lines.values()])
  guides = {
    'frontier': ([], corners),
    'hull': ([2, 2], places[frontier.lower_hull(*places.T)]),
  }
  line = diagonal.diagonal_of(curves) if split == 'test' else None
  if line is not None:
    most = min(line.nats, places[:, 0].max())
    ends = [[0.0, line.nats], [most, line.nats - most]]
    guides['diagonal'] = ([6, 4], np.array(ends))
  return [
    {
      **{'guide': f'{name} {of}', 'of': of, 'dash': dash, 'order': order},
      'r': round(float(r), 3),
      'y': round(float(d + (of == 'e') * r), 3),
    }
    for name, (dash, corners) in guides.items()
    for of in 'de'
    for order, (r, d) in enumerate(corners)
  ]


def _by_point(rows):
  """Returns texts of measures by run and beta."""
  found = {}
  for row in rows:
    texts = found.setdefault((row.run, row.beta), [])
    texts += [
      [f'{row.measure}: {value.name}', f'{measures.cell(value)} {value.unit}']
      for value in row.values
    ]
  return found


def _num_pixels(runs: 'Sequence[directory.Run]'):
  shapes = [run.result.get('image_shape') for run in runs]
  return math.prod(shapes[0]) if shapes and shapes[0] else None
