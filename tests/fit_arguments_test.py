# SPDX-License-Identifier: Apache-2.0
"""What `fit` cannot train is a sentence, and nothing has been written then."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

import tfp_rd
from tfp_rd import objective as objective_lib
from tfp_rd.training import checkpoint


def images(n=10, side=4):
  shape = [n, side, side, 1]
  return np.random.RandomState(0).randint(2, size=shape).astype('f')


def build():
  return tfp_rd.build('---', image_shape=(4, 4, 1), latent_size=2, seed=1)


def fit(model=None, x=None, **changes):
  model = build() if model is None else model
  x = images() if x is None else x
  return tfp_rd.fit(model, x, **{'num_steps': 2, 'batch_size': 4, **changes})


@dataclasses.dataclass(frozen=True, repr=False)
class Forgets(tfp_rd.BetaElbo):
  """Names a metric that it does not return."""

  metric_names: ClassVar[tuple[str, ...]] = ('share',)


@dataclasses.dataclass(frozen=True, repr=False)
class Adds(tfp_rd.BetaElbo):
  """Returns a metric that it does not name."""

  def losses(self, draws, context):
    losses, _ = super().losses(draws, context)
    return objective_lib.Losses(losses, {'share': tf.zeros([])})


@pytest.mark.parametrize(
  ('changes', 'sentence'),
  [
    ({'objective': 'beta_elbow'}, "'beta_elbow' is no objective"),
    ({'objective': 0.5}, r'objective is 0.5; give .*BetaElbo\(beta=0.5\)'),
    ({'objective': tfp_rd.BetaElbo}, 'objective is <class'),
    ({'training': {'num_steps': 2}}, r'training is .*TrainingConfig\(\)'),
    ({'execution': 'eager'}, r"execution is 'eager'.*Execution\(\)"),
    ({'x': images(0)}, r'images has shape \[0, 4, 4, 1\].*at least one'),
    ({'x': np.float32(1)}, 'images is a float32 that is no array'),
    ({'x': (images(3), images(2))}, 'images is a tuple that is no array'),
    ({'validation': images(0)}, r'validation has shape \[0,'),
    (
      {'validation': images(side=8)},
      r'validation have shape \[8, 8, 1\] and images \[4, 4, 1\]',
    ),
    ({'labels': np.zeros(9)}, 'there are 9 labels and 10 images'),
    ({'objective': Forgets()}, "'share' of .* in metric_names and not ret"),
    ({'objective': Adds()}, "'share' of .* not in metric_names"),
  ],
)
def test_what_cannot_be_trained_is_refused_before_a_write(
  changes, sentence, tmp_path
):
  with pytest.raises(tfp_rd.UserError, match=sentence):
    fit(run_dir=tmp_path / 'new', **changes)
  assert not (tmp_path / 'new').exists()


def test_the_folder_of_a_run_is_refused(tmp_path):
  (tmp_path / 'config.json').write_text('{}')
  with pytest.raises(tfp_rd.UserError, match='the folder of a run'):
    fit(run_dir=tmp_path)
  assert [p.name for p in tmp_path.iterdir()] == ['config.json']


@pytest.mark.parametrize(
  ('short', 'long'),
  [
    ({'objective': 'beta_elbo(beta=3.0)'}, {'objective': tfp_rd.BetaElbo(3.0)}),
    ({'parts': 'encoder'}, {'parts': ('encoder',)}),
  ],
)
def test_what_is_short_is_read_as_what_is_long(short, long):
  digests = []
  for changes in ({}, short, long):
    model = build()
    fit(model, **changes)
    digests.append(checkpoint.weights_sha256(model))
  assert digests[0] != digests[1] == digests[2]


def test_a_first_step_that_is_traced_early_is_traced_once(tmp_path):
  traces = []

  class Counting(tfp_rd.BetaElbo):
    def losses(self, draws, context):
      traces.append(context)
      return super().losses(draws, context)

  fit(objective=Counting())
  num_traces = len(traces)
  fit(objective=Counting(), run_dir=tmp_path)
  assert len(traces) == 2 * num_traces
