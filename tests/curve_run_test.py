# SPDX-License-Identifier: Apache-2.0
"""A run of a whole curve: its files, its models, and going on after a cut."""

import json

import numpy as np
import pytest

import tfp_rd
from tfp_rd import config
from tfp_rd.cli import evaluate, sample
from tfp_rd.run import directory
from tfp_rd.training import experiment

BETAS = (0.1, 1.0, 5.0)
CELL = config.Config(
  data=config.DataConfig(fake_data=True),
  model=config.ModelConfig(
    architecture='--v', latent_size=2, num_pseudo_inputs=3, dropout=0.3
  ),
  objective='multi_rate(beta_min=0.05, num_groups=2)',
  training=config.TrainingConfig(
    num_steps=6, batch_size=8, validate_every=2, validation_examples=10
  ),
  evaluation=config.EvaluationConfig(
    eval_samples=2, eval_examples=10, eval_betas=BETAS
  ),
)
EXECUTION = config.Execution(checkpoint_seconds=0, steps_per_call=2)


@pytest.fixture(name='done', scope='module')
def finished(tmp_path_factory):
  done = directory.create_run(tmp_path_factory.mktemp('runs'), CELL)
  experiment.execute(done, EXECUTION)
  return done


def test_the_result_has_a_point_and_every_image_at_each_beta(done):
  points, examples = done.points('test'), done.examples
  assert tuple(points) == BETAS
  assert tuple(examples['beta']) == BETAS
  assert examples['rate_nats'].shape == (3, 10)
  for n, beta in enumerate(BETAS):
    for name in ('rate_nats', 'distortion_nats'):
      assert examples[name][n].mean() == pytest.approx(
        getattr(points[beta], name), rel=1e-5, abs=1e-6
      )
  # The splits at the top are those of the ELBO's own beta.
  assert done.result['test'] == done.result['points'][1]['test']


def test_the_model_at_any_beta_is_restored(done):
  conditional = tfp_rd.restore(done)
  assert isinstance(conditional, tfp_rd.ConditionalModel)
  images = np.random.RandomState(0).randint(2, size=[6, 8, 8, 1])
  for beta in (0.3, 1.0):
    found, expected = (
      tfp_rd.evaluate(model, images, num_samples=2)
      for model in (tfp_rd.restore(done, beta), conditional.at(beta))
    )
    assert found.rate_nats == pytest.approx(expected.rate_nats, abs=1e-5)
  with pytest.raises(tfp_rd.UserError, match=r'from 0\.05 to 10'):
    tfp_rd.restore(done, 20.0)


def test_a_cut_curve_goes_on_bit_for_bit(done, tmp_path):
  again = directory.create_run(tmp_path, CELL)

  def cut(step, num_steps, metrics):
    if step == 4:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    experiment.execute(again, EXECUTION, on_progress=cut)
  experiment.execute(again, EXECUTION)
  assert again.result['points'] == done.result['points']


def test_programs_measure_and_draw_at_any_beta(done, tmp_path, capsys):
  assert evaluate.main([str(done.path), '--betas=0.2', '--split=test']) == 0
  assert ' 0.2 ' in capsys.readouterr().out
  assert evaluate.main([str(done.path), '--split=test']) == 0
  lines = capsys.readouterr().out.splitlines()
  assert [float(line.split()[1]) for line in lines[1:]] == [*BETAS]
  output = tmp_path / 'samples.png'
  argv = [str(done.path), '--beta=0.2', f'--output={output}', '--num_images=2']
  assert sample.main(argv) == 0
  assert output.exists()


def test_a_beta_out_of_range_is_a_sentence(done, capsys):
  assert evaluate.main([str(done.path), '--betas=20']) == 1
  assert 'from 0.05 to 10' in capsys.readouterr().err


def test_the_configuration_is_read_as_it_was_written(done):
  fields = json.loads((done.path / 'config.json').read_text())
  fields.pop('sha256')
  assert config.Config.from_dict(fields) == CELL
  assert fields['evaluation']['eval_betas'] == [*BETAS]
