# SPDX-License-Identifier: Apache-2.0
"""A run of a whole curve that takes four steps."""

from tfp_rd import config
from tfp_rd.run import directory
from tfp_rd.training import experiment

CELL = config.Config(
  data=config.DataConfig(fake_data=True),
  model=config.ModelConfig(latent_size=2),
  objective='multi_rate(num_groups=2)',
  training=config.TrainingConfig(
    num_steps=4, batch_size=8, validate_every=2, validation_examples=10
  ),
)


def execute(root, wanted):
  run = directory.create_run(root, wanted)
  experiment.execute(run, config.Execution(steps_per_call=2))
  return run
