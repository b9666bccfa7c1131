# SPDX-License-Identifier: Apache-2.0
"""Made-up runs of binarised MNIST and digits on which every claim holds."""

import dataclasses
import hashlib

import fabrication
import numpy as np

from tfp_rd import config
from tfp_rd.estimate import Value
from tfp_rd.point import Point
from tfp_rd.run import directory, measures, pictures

NUM_IMAGES = 400
BEST = 80.0
RATES = (0.01, 3, 6, 8.5, 15, 25, 40, 60, 80, 100, 120)
BETAS = (10, 5, 2, 1, 0.7, 0.5, 0.4, 0.3, 0.15, 0.1, 0.05)
# -ELBO of runs at beta 1 alone, as the paper has it.
WEAK = {
  '---': 87.1,
  '--+': 84.2,
  '--v': 84.7,
  '+--': 85.8,
  '+-+': 83.7,
  '+-v': 83.4,
}
STRONG = ('-+-', '-++', '-+v', '++-', '+++', '++v')
MARGINALS = {'-': 0.5, '+': 0.3, 'v': 0.0}  # Nats above the best one.


def strong(rate):
  return BEST - rate + 0.0025 * rate**2


def weak(rate):
  return strong(rate) + 30 * np.exp(-rate / 5)


@dataclasses.dataclass
class Fake:
  """A run: its family, its objective, and R and D by beta."""

  name: str
  objective: str
  places: dict
  dataset: str = 'binarized_mnist'
  recognised: dict = dataclasses.field(default_factory=dict)
  refit: dict = dataclasses.field(default_factory=dict)
  kept: dict = dataclasses.field(default_factory=dict)  # Pixels, and label.
  seed: int = 0


def everything():
  """Returns runs by which all thirteen claims hold; the toy is apart."""
  runs = []
  for name in STRONG:
    above = MARGINALS[name[2]] + 0.1 * (name[0] == '-')
    places = {
      beta: (rate, strong(rate) + above)
      for beta, rate in zip(BETAS, RATES, strict=True)
    }
    runs.append(Fake(name, 'multi_rate()', places))
    runs.append(Fake(name, 'beta_elbo()', {1.0: (0.01, BEST + 0.6 + above)}))
  best = next(run for run in runs if run.name == '++v')
  best.recognised = {beta: 0.5 + 0.04 * n for n, beta in enumerate(BETAS[::-1])}
  best.refit = {beta: 0.2 * r for beta, (r, _) in best.places.items() if r > 45}
  best.kept = {
    beta: (0.5 + r / 250, r >= 4) for beta, (r, _) in best.places.items()
  }
  runs.append(
    Fake('++v', 'beta_elbo(kl_annealing_steps=10)', {1.0: (6.0, strong(6.0))})
  )
  runs += [
    Fake(name, 'beta_elbo()', {1.0: (25.0, total - 25)})
    for name, total in WEAK.items()
  ]
  places = {b: (r, weak(r)) for b, r in zip(BETAS, RATES, strict=True)}
  runs.append(Fake('+-v', 'multi_rate()', places))
  digits = {'dataset': 'digits'}
  jump = {10: (0.1, 17.0), 1.0: (1.0, 16.2), 0.9: (6.0, 12.0), 0.1: (12, 8.0)}
  runs.append(Fake('-+v', 'multi_rate()', jump, **digits))
  for rate, distortion in ((2.0, 15.5), (5.0, 13.0), (10.0, 9.5)):
    objective = f'target_rate(target_rate_nats={rate}, weight=3.0)'
    runs.append(Fake('-+v', objective, {None: (rate, distortion)}, **digits))
  return runs


def write(root, fakes, *, swap=False):
  """Writes runs below a root; with `swap`, R and D are exchanged."""
  for number, fake in enumerate(fakes):
    _write(root, fake, number, swap=swap)
  return root


def _write(root, fake, number, *, swap):
  cell = config.Config(
    data=config.DataConfig(fake.dataset),
    model=config.ModelConfig(fake.name),
    objective=fake.objective,
    seed=fake.seed,
    evaluation=config.EvaluationConfig(
      eval_betas=tuple(fake.places) if 'multi' in fake.objective else ()
    ),
  )
  run = directory.create_run(root, cell)
  images = {
    beta: _images(*place[:: -1 if swap else 1], number)
    for beta, place in fake.places.items()
  }
  weights = hashlib.sha256(cell.name.encode()).hexdigest()
  fabrication.finish(
    run,
    [
      fabrication.entry(
        Point.from_examples(*nats, num_samples=1).to_dict(),
        None if beta is None else float(beta),
      )
      for beta, nats in images.items()
    ],
    examples={
      'beta': np.array([np.nan if b is None else b for b in images]),
      'rate_nats': np.stack([rate for rate, _ in images.values()]),
      'distortion_nats': np.stack([nats for _, nats in images.values()]),
    },
    weights_sha256=weights,
    image_shape=[28, 28, 1],
    test_images_sha256=hashlib.sha256(fake.dataset.encode()).hexdigest(),
  )
  _write_measures(run, fake, weights)
  if fake.kept:
    drawn = {float(b): _pictures(*kept) for b, kept in fake.kept.items()}
    pictures.write(run, drawn, seed=0, weights_sha256=weights)


def _images(rate, distortion, number):
  """Returns images that are hard for all models alike, and a little noise."""
  hard = np.random.RandomState(0).randn(NUM_IMAGES)
  own = 0.02 * np.random.RandomState(1 + number).randn(2, NUM_IMAGES)
  nats = np.stack([0.01 * rate * hard, 5 * hard]) + own
  nats -= nats.mean(1, keepdims=True)
  return nats + np.array([[rate], [distortion]])


def _write_measures(run, fake, weights):
  for name in ('recognised', 'refit'):
    values = getattr(fake, name)
    if not values:
      continue
    value = 'refit_rate' if name == 'refit' else name
    points = tuple(
      measures.MeasuredPoint(float(beta), (Value(value, number, 0.1),), {})
      for beta, number in sorted(values.items())
    )
    (run.path / 'measures').mkdir(exist_ok=True)
    measures.MeasureFile(
      f'{name}()', weights, None, {'tfp_rd': '1'}, points=points
    ).write(run)


def _pictures(part, keeps_label):
  """Returns pictures that keep a part of the pixels; the first four label."""
  rng = np.random.RandomState(0)
  images = rng.rand(12, 28, 28) < 0.5
  same = rng.rand(2, 12, 28, 28) < part
  drawn = np.where(same, images, ~images)
  label = images[:, 0, :4] if keeps_label else rng.rand(2, 12, 4) < 0.5
  drawn[:, :, 0, :4] = label
  return pictures.Pictures(images, drawn, rng.rand(24, 28, 28) < 0.5)
