# SPDX-License-Identifier: Apache-2.0
"""What a run is, as frozen records whose canonical JSON is its identity.

Everything that changes a number stands in `Config`; what only changes how the
numbers are reached (folders, checkpoints, compilation) stands in `Execution`
and is no part of the identity.  No TensorFlow here.
"""

import dataclasses
import hashlib
import json
import math
import typing
from typing import Optional

from tfp_rd import errors, record_text

__all__ = [
  'Config',
  'DataConfig',
  'EvaluationConfig',
  'Execution',
  'ModelConfig',
  'TrainingConfig',
  'is_curve',
]


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which images.

  Attributes:
    dataset: A name of `tfp_rd.dataset.names()`, a source with its fields as
      in `'templates(noise=0.1)'`, or the path of a user's file.
    binarize: How a user's values of 0..255 become bits: `''` (they are bits
      already), `'threshold'` (on from 128) or `'dynamic'` (drawn anew).
    fake_data: Replace the images by random bits of the same shape, for dry
      runs.
    sha256: Digest of a user's file, so that another content is another run;
      filled in by the programs.
  """

  dataset: str = 'digits'
  binarize: str = ''
  fake_data: bool = False
  sha256: str = ''


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Which model.

  Attributes:
    architecture: Three signs: encoder, decoder, marginal, as in `'-+v'`.
    size: `'small'`, or `'paper'` for the paper's widths.
    latent_size: Dimensions of z; `None` is 64 at `'paper'`, else 16 from
      28x28 pixels on and 8 below.
    num_pseudo_inputs: Components of a VampPrior; `None` is 500 at `'paper'`,
      else 100 from 28x28 pixels on and 50 below.
    conditioning: How z enters an autoregressive decoder: `'everywhere'`,
      `'concatenated'` (the paper's letter), or `''` for the default of `size`.
    dropout: Rate in the decoder's hidden layers; `None` is the data set's
      default at `'small'` and 0 at `'paper'`.
  """

  architecture: str = '---'
  size: str = 'small'
  latent_size: Optional[int] = None
  num_pseudo_inputs: Optional[int] = None
  conditioning: str = ''
  dropout: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  """How the model is trained.

  Attributes:
    num_steps: Steps of the optimiser.
    batch_size: Images a step.
    learning_rate: Adam's rate; constant for the first half of the steps, then
      linear to 0 (the paper's schedule).
    normalize_gradients: Divide each variable's gradient by its L2 norm before
      Adam (the paper's optimiser).
    weight_averaging: Decay a step of the exponential average of the weights,
      which competes with the weights themselves on validation; 0 for none.
    validate_every: Steps between validations; the weights kept are the best
      of all validations.  0 keeps the last step's.
    validation_examples: Images of the validation split that are used for it.
    precision: `'float32'`, or `'bfloat16'` for the products of the training's
      convolutions and dense layers; evaluations are in float32.
  """

  num_steps: int = 1500
  batch_size: int = 128
  learning_rate: float = 3e-3
  normalize_gradients: bool = False
  weight_averaging: float = 0.99
  validate_every: int = 100
  validation_examples: int = 1000
  precision: str = 'float32'


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
  """How the trained model is evaluated.

  Attributes:
    eval_samples: Draws of z for each image.
    eval_examples: At most so many images of each split, a fixed random part;
      `None` for all.
    eval_betas: Betas at which the curve of one run is drawn; by default ten
      over its range.
  """

  eval_samples: int = 16
  eval_examples: Optional[int] = None
  eval_betas: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Execution:
  """How the numbers are reached, without changing them.

  Attributes:
    data_dir: Where tensorflow-datasets keeps its prepared sets.
    run_root: Folder that holds one folder a run.
    checkpoint_every: Steps between checkpoints.
    steps_per_call: Steps in one call of the compiled loop.
    jit_compile: `'auto'` (XLA on accelerators alone), `'true'` or `'false'`.
    tensorboard: Also write summaries for TensorBoard.
  """

  data_dir: str = ''
  run_root: str = 'runs'
  checkpoint_every: int = 500
  steps_per_call: int = 50
  jit_compile: str = 'auto'
  tensorboard: bool = False

  def __post_init__(self):
    _check_positive(self, 'checkpoint_every', 'steps_per_call')
    _check_choice(self, 'jit_compile', ('auto', 'true', 'false'))


@dataclasses.dataclass(frozen=True)
class Config:
  """All that determines a run's numbers, and so its identity.

  Attributes:
    data: Which images.
    model: Which model.
    objective: The objective's own repr, as in `'beta_elbo(beta=0.5)'`.
    training: How it is trained.
    evaluation: How it is evaluated.
    warm_start: `'up'` or `'down'` where the run starts from the weights of its
      neighbour at a lower, or higher, beta; else `''`.
    parent: Identity of that neighbour.
    seed: The integer from which all randomness of the run follows.

  Raises:
    UserError: A value is out of its range.
  """

  data: DataConfig = DataConfig()
  model: ModelConfig = ModelConfig()
  objective: str = 'beta_elbo(beta=1.0)'
  training: TrainingConfig = TrainingConfig()
  evaluation: EvaluationConfig = EvaluationConfig()
  warm_start: str = ''
  parent: str = ''
  seed: int = 0

  def __post_init__(self):
    _check_choice(self.data, 'binarize', ('', 'threshold', 'dynamic'))
    _check_choice(self.model, 'size', ('small', 'paper'))
    _check_choice(
      self.model, 'conditioning', ('', 'everywhere', 'concatenated')
    )
    _check_choice(self.training, 'precision', ('float32', 'bfloat16'))
    _check_positive(self.model, 'latent_size', 'num_pseudo_inputs')
    _check_fraction(self.model, 'dropout')
    _check_positive(
      self.training,
      'num_steps',
      'batch_size',
      'learning_rate',
      'validation_examples',
    )
    _check_fraction(self.training, 'weight_averaging')
    if self.training.validate_every < 0:
      raise errors.UserError(
        f'validate_every is {self.training.validate_every}; it must be 0 (keep '
        'the last step) or a positive number of steps.'
      )
    _check_positive(self.evaluation, 'eval_samples', 'eval_examples')
    if self.evaluation.eval_betas and not is_curve(self.objective):
      raise errors.UserError(
        f'eval_betas are where a curve of one run is drawn; {self.objective} '
        'has one point.'
      )
    for beta in self.evaluation.eval_betas:
      if not 0 < beta < math.inf:
        raise errors.UserError(
          f'eval_betas has {beta}; each must be positive and finite.'
        )
    record_text.read(self.objective)
    _check_choice(self, 'warm_start', ('', 'up', 'down'))
    if bool(self.parent) != bool(self.warm_start):
      raise errors.UserError(
        f'warm_start is {self.warm_start!r} and parent {self.parent!r}; give '
        'both or neither.'
      )
    if not -(2**31) <= self.seed < 2**31:
      raise errors.UserError(f'seed is {self.seed}; it must fit into 32 bits.')

  @property
  def beta(self) -> float:
    """The objective's beta, 1 where it has none."""
    return float(record_text.read(self.objective)[1].get('beta', 1.0))

  def to_json(self) -> str:
    """Returns the canonical text: sorted keys, no spaces to spare."""
    return json.dumps(
      dataclasses.asdict(self), sort_keys=True, indent=1, allow_nan=False
    )

  @classmethod
  def from_json(cls, text: str) -> 'Config':
    """Returns the record that `to_json` wrote.

    Raises:
      UserError: The text is no such record.
    """
    try:
      return _read_record(cls, json.loads(text))
    except (TypeError, ValueError, AttributeError) as e:
      raise errors.UserError(f'not the configuration of a run: {e}') from e

  @property
  def identity(self) -> str:
    """Eight hexadecimal digits of the canonical text's SHA-256.

    A user's file counts by its content, wherever it lies.
    """
    data = self.data
    if data.sha256:
      data = dataclasses.replace(data, dataset='')
    text = dataclasses.replace(self, data=data).to_json()
    return hashlib.sha256(text.encode()).hexdigest()[:8]

  @property
  def name(self) -> str:
    """The run's folder name, such as `run_-+v_beta0.3_1a2b3c4d`."""
    kind, fields = record_text.read(self.objective)
    is_beta_elbo = kind == 'beta_elbo' and set(fields) <= {'beta'}
    label = f'beta{self.beta:g}' if is_beta_elbo else kind
    return f'run_{self.model.architecture}_{label}_{self.identity}'


def is_curve(objective: str) -> bool:
  """Whether an objective trains the whole curve of a family in one run."""
  return objective.partition('(')[0].strip() == 'multi_rate'


def _read_record(cls, fields):
  hints = typing.get_type_hints(cls)
  return cls(
    **{
      key: _read_record(hints[key], value)
      if dataclasses.is_dataclass(hints.get(key))
      else tuple(value)
      if isinstance(value, list)  # JSON has no tuples.
      else value
      for key, value in fields.items()
    }
  )


def _check_positive(record, *names):
  for name in names:
    value = getattr(record, name)
    if value is not None and not (value > 0 and math.isfinite(value)):
      raise errors.UserError(
        f'{name} is {value}; it must be positive and finite.'
      )


def _check_fraction(record, name):
  value = getattr(record, name)
  if value is not None and not 0 <= value < 1:
    raise errors.UserError(f'{name} is {value}; it must lie in [0, 1).')


def _check_choice(record, name, choices):
  value = getattr(record, name)
  if value not in choices:
    listed = ', '.join(repr(c) for c in choices)
    raise errors.UserError(f'{name} is {value!r}; choose one of {listed}.')
