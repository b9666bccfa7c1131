# SPDX-License-Identifier: Apache-2.0
"""Draws figures and tables of the documents again, from `results`.

    python -m benchmarks.documents

A table stands in a document between `<!-- NAME -->` and `<!-- end -->`.  No
TensorFlow and no training; a test holds that the documents are what it writes.
"""

import contextlib
import io
import pathlib
import re
import shutil
import sys
import tempfile

from tfp_rd import architecture, errors
from tfp_rd.claim.evidence import Evidence, MNIST
from tfp_rd.cli import claims
from tfp_rd.curve import collection
from tfp_rd.report import answer, cell, report

__all__ = ['FIGURES', 'write']

ROOT = pathlib.Path(__file__).resolve().parents[1]

# By the document's file, the results and the file of their report.
FIGURES = {
  'mnist_plane.png': ('binarized_mnist', 'rd_plane_separate.png'),
  'mnist_pictures_by_beta.png': ('binarized_mnist', 'pictures_by_beta.png'),
  'mnist_pictures_at_beta_1.png': (
    'binarized_mnist',
    'pictures_at_beta_1.png',
  ),
  'mnist_pictures_on_frontier.png': (
    'binarized_mnist',
    'pictures_on_frontier.png',
  ),
  'rd_plane_separate.png': ('reference_digits', 'rd_plane_separate.png'),
  'one_run_gaps.png': ('reference_digits', 'one_run_gaps.png'),
}

# R, D and -ELBO in nats at beta 1, without annealing, as the paper has them
# below its Figure 5.
PAPER_AT_BETA_1 = {
  '---': (27.1, 60.0, 87.1),
  '--+': (25.3, 58.9, 84.2),
  '--v': (25.4, 59.3, 84.7),
  '+--': (26.6, 59.2, 85.8),
  '+-+': (25.5, 58.1, 83.7),
  '+-v': (25.8, 57.7, 83.4),
  '-+-': (0.0, 80.7, 80.7),
  '-++': (0.0, 80.8, 80.8),
  '-+v': (0.0, 81.0, 81.0),
  '++-': (0.0, 80.6, 80.6),
  '+++': (0.0, 80.5, 80.5),
  '++v': (0.0, 80.7, 80.7),
}
# Betas at which the table has a curve.
SHOWN_BETAS = (0.05, 0.1, 0.3, 0.55, 1.0, 3.0)


def write(folder: pathlib.Path) -> list[pathlib.Path]:
  """Writes all figures, and the documents with tables.

  Args:
    folder: Where; `docs` to renew the documents.

  Returns:
    The files.

  Raises:
    UserError: Results are missing or damaged.
    OSError: A file cannot be written.
  """
  folder.mkdir(parents=True, exist_ok=True)
  for results in sorted({root for root, _ in FIGURES.values()}):
    with tempfile.TemporaryDirectory() as drawn:
      report.write_report(ROOT / 'results' / results, drawn)
      for name, (root, file) in FIGURES.items():
        if root == results:
          shutil.copy(pathlib.Path(drawn) / file, folder / name)
  text = (ROOT / 'docs' / 'mnist.md').read_text()
  (folder / 'mnist.md').write_text(with_tables(text))
  roots = [ROOT / 'results' / name for name in _RESULTS]
  toy = ROOT / 'docs' / 'toy.json'
  arguments = [*roots, f'--toy={toy}', f'--output={folder / "claims.md"}']
  with contextlib.redirect_stdout(io.StringIO()):
    status = claims.main([str(argument) for argument in arguments])
  if status:
    raise errors.UserError('the claims could not be checked; see above.')
  return [folder / name for name in (*FIGURES, 'mnist.md', 'claims.md')]


def with_tables(text: str) -> str:
  """Returns a document with its tables made anew."""
  evidence = Evidence(collection.collect(ROOT / 'results' / 'binarized_mnist'))
  for name, make in _TABLES.items():
    pattern = rf'(<!-- {name} -->\n)(.*?)(\n<!-- end -->)'
    lines = f'\n{make(evidence).strip()}\n'
    text, count = re.subn(
      pattern, lambda m, lines=lines: m[1] + lines + m[3], text, flags=re.DOTALL
    )
    if count != 1:
      raise errors.UserError(f'the document has {count} places for {name}.')
  return text


def _at_rates(evidence):
  header, *rows = answer.rows(evidence.curves(MNIST))
  return cell.table_md(header, rows, num_left=3)


def _at_beta_1(evidence):
  """A run of its own, and the point of the curve, beside the paper's."""
  rows = []
  for name in map(str, architecture.PAPER):
    alone = evidence.fresh(MNIST, decoder=name[1]).get(name, [None])[-1]
    curve = _on_curve(evidence, name).get(1.0)
    rows.append(
      [
        f'`{name}`',
        *_numbers(alone),
        *_numbers(curve),
        *(f'{nats:.1f}' for nats in PAPER_AT_BETA_1[name]),
      ]
    )
  shown = ('R', 'D', '-ELBO')
  header = [
    'family',
    *(f'{value}, alone' for value in shown),
    *(f'{value}, of the curve' for value in shown),
    *(f"the paper's {value}" for value in shown),
  ]
  return cell.table_md(header, rows, num_left=1)


def _curves(evidence):
  rows = []
  for name in map(str, architecture.PAPER):
    points = _on_curve(evidence, name)
    if points:
      shown = [points.get(beta) for beta in SHOWN_BETAS]
      rows.append([f'`{name}`', *map(_rate_and_distortion, shown)])
  header = ['family', *(f'R, D at beta {beta:g}' for beta in SHOWN_BETAS)]
  return cell.table_md(header, rows, num_left=1)


def _on_curve(evidence, name):
  """Returns the points of the curve of one run of a family, by beta."""
  return {
    point.beta: point
    for each, point in evidence.points(MNIST)
    if each == name and point.is_one_run
  }


def _numbers(point):
  if point is None:
    return [''] * 3
  test = point.test
  return [
    *(cell.number(value) for value in (test.rate, test.distortion)),
    cell.number(test.elbo, sign=-1),
  ]


def _rate_and_distortion(point):
  if point is None:
    return ''
  values = (point.test.rate, point.test.distortion)
  return ', '.join(f'{value.nats:.1f}' for value in values)


_RESULTS = ('binarized_mnist', 'reference_digits')
_TABLES = {
  'at rates': _at_rates,
  'at beta 1': _at_beta_1,
  'curves': _curves,
}


if __name__ == '__main__':
  try:
    print(*write(ROOT / 'docs'), sep='\n')
  except errors.UserError as e:
    sys.exit(f'benchmarks.documents: {e}')
