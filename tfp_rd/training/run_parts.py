# SPDX-License-Identifier: Apache-2.0
"""What the training of a run is of: its images and its model."""

import functools

from tfp_rd import config as config_lib
from tfp_rd import dataset as dataset_lib
from tfp_rd.model import build
from tfp_rd.network import initial

__all__ = ['build_model', 'load_data']


@functools.lru_cache(maxsize=1)
def load_data(data, data_dir):
  """Returns a `Dataset`, loaded once for all runs in a row that want it.

  Args:
    data: Its `DataConfig`.
    data_dir: Where tensorflow-datasets keeps its prepared sets.
  """
  return dataset_lib.load(data, data_dir=data_dir)


def build_model(config: config_lib.Config, image_shape, *, images, dropout=0.0):
  """Builds the model of a run.

  Args:
    config: What the run is.
    image_shape: `(H, W, C)`.
    images: `[N, H, W, C]`, from which pseudo-inputs begin, or `None`.
    dropout: The data set's.
  """
  settings = config.complete_model(image_shape)
  beta_range = config.objective.beta_range
  return build.build(
    settings.architecture,
    image_shape=image_shape,
    latent_size=settings.latent_size,
    size=settings.size,
    seed=initial.fold_in(config.seed, 0),
    pseudo_inputs=images,
    num_pseudo_inputs=settings.num_pseudo_inputs,
    latent_input=settings.latent_input,
    options=settings.options,
    dropout=settings.dropout,
    conditional=beta_range is not None,
    beta_range=beta_range,
  )
