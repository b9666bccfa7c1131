# SPDX-License-Identifier: Apache-2.0
"""What a run is, as frozen records whose digest is its identity.

Everything that changes the weights of a run stands in `Config`, and so does how
they are evaluated; what only changes how they are reached (folders,
checkpoints, compilation) stands in `Execution`.  No TensorFlow here.
"""

import dataclasses
import functools
import hashlib
import json
import typing
from typing import Any, Optional

from tfp_rd import dataset as dataset_lib
from tfp_rd import errors, field, record_text
from tfp_rd import objective as objective_lib
from tfp_rd.objective.beta_elbo import BetaElbo
from tfp_rd.record_text import Options

__all__ = [
  'Config',
  'DataConfig',
  'EvaluationConfig',
  'Execution',
  'ModelConfig',
  'TrainingConfig',
]

# Digits of a digest in names, as a regular expression too.
_IDENTITY_DIGITS = 8
_HEXADECIMAL = '[0-9a-f]'


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
      computed from the file where it is left out.

  Raises:
    UserError: A value is not as said.
  """

  dataset: str = 'digits'
  binarize: str = ''
  fake_data: bool = False
  sha256: str = ''

  def __post_init__(self):
    field.check_text(self, 'dataset', pattern='.+')
    field.check_choice(self, 'binarize', ('', 'threshold', 'dynamic'))
    field.check_bool(self, 'fake_data')
    field.check_text(
      self,
      'sha256',
      pattern=f'({_HEXADECIMAL}{{64}})?',
      what='64 hexadecimal digits',
    )
    name = dataset_lib.canonical(self.dataset)
    field.set_field(self, 'dataset', name)
    if not self.sha256:
      digest = dataset_lib.fingerprint_if_any(name)
      field.set_field(self, 'sha256', digest)

  @property
  def key(self) -> 'DataConfig':
    """The record that data sets are compared by: a file counts by content."""
    if not self.sha256:
      return self
    return dataclasses.replace(self, dataset=_FILE)


# Stands for a user's file, of which the digest says which it is.
_FILE = 'file.npz'


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
    latent_input: Where z enters an autoregressive decoder: `'everywhere'`,
      `'concatenated'` (as printed in the paper), or `''` for the default of
      `size`.
    dropout: Rate in the decoder's hidden layers; `None` is the data set's
      default at `'small'` and 0 at `'paper'`.
    options: Further settings of the parts, as in `width=32`.

  Raises:
    UserError: A value is not as said.
  """

  architecture: str = '---'
  size: str = 'small'
  latent_size: Optional[int] = None
  num_pseudo_inputs: Optional[int] = None
  latent_input: str = ''
  dropout: Optional[float] = None
  options: Options = Options()

  def __post_init__(self):
    # `tfp_rd.build` checks that there are such parts.
    field.check_text(
      self,
      'architecture',
      pattern=r'[-+\w]{3}',
      what='three signs for encoder, decoder and marginal, as in -+v',
    )
    field.check_choice(self, 'size', ('small', 'paper'))
    field.check_whole(self, 'latent_size', least=1, optional=True)
    field.check_whole(self, 'num_pseudo_inputs', least=1, optional=True)
    field.check_choice(self, 'latent_input', ('', 'everywhere', 'concatenated'))
    field.check_number(
      self, 'dropout', low=0, high=1, closed='low', optional=True
    )
    field.set_field(self, 'options', Options(self.options))

  def complete(self, image_shape, *, dropout: float = 0.0) -> 'ModelConfig':
    """Returns the record with every default named.

    Args:
      image_shape: (H, W, C).
      dropout: The data set's default.
    """
    usual = self._defaults(image_shape, dropout)
    changes = {k: v for k, v in usual.items() if getattr(self, k) in (None, '')}
    return dataclasses.replace(self, **changes)

  def omit_defaults(self, image_shape, *, dropout: float) -> 'ModelConfig':
    """Returns the record without values that are its defaults anyway.

    Args:
      image_shape: (H, W, C).
      dropout: The data set's default.
    """
    fields = {f.name: f.default for f in dataclasses.fields(self)}
    usual = self._defaults(image_shape, dropout)
    same = [k for k, v in usual.items() if getattr(self, k) == v]
    return dataclasses.replace(self, **{name: fields[name] for name in same})

  def _defaults(self, image_shape, dropout):
    is_large = image_shape[0] * image_shape[1] >= 28 * 28
    if self.size == 'paper':
      values = (64, 500, 'concatenated', 0.0)
    else:
      sizes = (16, 100) if is_large else (8, 50)
      values = (*sizes, 'everywhere', float(dropout))
    names = ('latent_size', 'num_pseudo_inputs', 'latent_input', 'dropout')
    return dict(zip(names, values, strict=True))


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
    weight_averaging: Decay per step of the exponential average of the weights;
      at each validation the better of average and weights counts; 0 for none.
    validate_every: Steps between validations; the weights kept are the best
      of all validations.  0 keeps the last step's.
    validation_examples: At most so many images of the validation split are used
      to choose the weights.
    precision: `'float32'`, or `'bfloat16'` for the products of the training's
      convolutions and dense layers; evaluations are in float32.

  Raises:
    UserError: A value is not as said.
  """

  num_steps: int = 1500
  batch_size: int = 128
  learning_rate: float = 3e-3
  normalize_gradients: bool = False
  weight_averaging: float = 0.99
  validate_every: int = 100
  validation_examples: int = 1000
  precision: str = 'float32'

  def __post_init__(self):
    field.check_whole(self, 'num_steps', least=1)
    field.check_whole(self, 'batch_size', least=1)
    field.check_positive(self, 'learning_rate')
    field.check_bool(self, 'normalize_gradients')
    field.check_number(self, 'weight_averaging', low=0, high=1, closed='low')
    field.check_whole(self, 'validate_every', least=0)
    field.check_whole(self, 'validation_examples', least=1)
    field.check_choice(self, 'precision', ('float32', 'bfloat16'))


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
  """How the trained model is evaluated; no part of what the run is.

  Attributes:
    eval_samples: Draws of z for each image.
    eval_examples: At most so many test images, a fixed random part; `None` for
      all.
    eval_train_examples: At most so many images of train and of validation,
      likewise.
    eval_betas: Betas at which a curve of one run is evaluated; by default ten
      over its range.
    eval_max_points: A curve of one run is evaluated at further betas, where
      its rate on validation jumps, until it has at most so many points; 0 for
      eval_betas alone.

  Raises:
    UserError: A value is not as said.
  """

  eval_samples: int = 16
  eval_examples: Optional[int] = None
  eval_train_examples: Optional[int] = None
  eval_betas: tuple[float, ...] = ()
  eval_max_points: int = 0

  def __post_init__(self):
    field.check_whole(self, 'eval_samples', least=1)
    field.check_whole(self, 'eval_examples', least=1, optional=True)
    field.check_whole(self, 'eval_train_examples', least=1, optional=True)
    field.check_numbers(self, 'eval_betas', low=0)
    field.check_whole(self, 'eval_max_points', least=0)
    # Each beta is one point, in the order of the curve.
    field.set_field(self, 'eval_betas', tuple(sorted(set(self.eval_betas))))

  def count(self, split: str) -> Optional[int]:
    """Returns at most how many images of a split are evaluated."""
    return self.eval_examples if split == 'test' else self.eval_train_examples


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

  Raises:
    UserError: A value is not as said.
  """

  data_dir: str = ''
  run_root: str = 'runs'
  checkpoint_every: int = 500
  steps_per_call: int = 50
  jit_compile: str = 'auto'
  tensorboard: bool = False

  def __post_init__(self):
    field.check_text(self, 'data_dir')
    field.check_text(self, 'run_root')
    field.check_whole(self, 'checkpoint_every', least=1)
    field.check_whole(self, 'steps_per_call', least=1)
    field.check_choice(self, 'jit_compile', ('auto', 'true', 'false'))
    field.check_bool(self, 'tensorboard')


@dataclasses.dataclass(frozen=True)
class Config:
  """All that determines a run's numbers.

  Attributes:
    data: Which images.
    model: Which model.
    objective: What is minimised; its text is read too.
    training: How the model is trained.
    evaluation: How it is evaluated.
    warm_start: `'up'` or `'down'` where the run starts from the weights of its
      neighbour at a lower, or higher, beta; else `''`.
    parent: Identity of that neighbour.
    seed: The integer from which all randomness of the run follows.

  A value that equals the data set's default is replaced by `None`, so that
  equal runs have equal records.

  Raises:
    UserError: A value is not as said.
  """

  data: DataConfig = DataConfig()
  model: ModelConfig = ModelConfig()
  objective: objective_lib.Objective = BetaElbo()
  training: TrainingConfig = TrainingConfig()
  evaluation: EvaluationConfig = EvaluationConfig()
  warm_start: str = ''
  parent: str = ''
  seed: int = 0

  def __post_init__(self):
    for name, cls in _RECORDS.items():
      field.check_type(self, name, cls)
    if isinstance(self.objective, str):
      parsed = objective_lib.parse(self.objective)
      field.set_field(self, 'objective', parsed)
    field.check_type(self, 'objective', objective_lib.Objective)
    field.check_choice(self, 'warm_start', ('', 'up', 'down'))
    pattern = f'({_HEXADECIMAL}{{{_IDENTITY_DIGITS}}})?'
    field.check_text(
      self,
      'parent',
      pattern=pattern,
      what='the identity of a run, 8 hexadecimal digits',
    )
    field.check_whole(self, 'seed', least=-(2**31), most=2**31 - 1)
    self._check_together()
    traits = dataset_lib.known_traits(self.data.dataset)
    if traits is not None:
      self._omit_defaults(traits)

  def _check_together(self):
    if bool(self.parent) != bool(self.warm_start):
      raise errors.UserError(
        f'warm_start is {self.warm_start!r} and parent {self.parent!r}; give '
        'both or neither.'
      )
    if self.evaluation.eval_betas:
      if not self.objective.is_curve:
        raise errors.UserError(
          'eval_betas are where a curve of one run is evaluated; '
          f'{self.objective} has one point.'
        )
      self.objective.check_betas(self.evaluation.eval_betas)
    if self.training.weight_averaging and not self.training.validate_every:
      raise errors.UserError(
        f'weight_averaging is {self.training.weight_averaging} and '
        'validate_every 0; an average is chosen on validation, so set one of '
        'them otherwise.'
      )

  def _omit_defaults(self, traits):
    model = self.model.omit_defaults(traits.image_shape, dropout=traits.dropout)
    field.set_field(self, 'model', model)

  def omit_defaults(self, traits) -> 'Config':
    """Returns the record without values that a data set has by default.

    Args:
      traits: Of the data set; needed for a user's file, whose name does not
        give them.
    """
    copy = dataclasses.replace(self)
    copy._omit_defaults(traits)
    return copy

  def complete_model(self, image_shape) -> ModelConfig:
    """Returns the model's settings with every default named.

    Args:
      image_shape: (H, W, C), of the images.
    """
    traits = dataset_lib.known_traits(self.data.dataset)
    dropout = 0.0 if traits is None else traits.dropout
    return self.model.complete(image_shape, dropout=dropout)

  @property
  def beta(self) -> Optional[float]:
    """The objective's beta, `None` where it has none."""
    return self.objective.beta

  def to_dict(self) -> dict[str, Any]:
    """Returns every field as plain values of JSON."""
    return {
      f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)
    } | {'objective': record_text.write(self.objective, whole=True)}

  @classmethod
  def from_dict(cls, fields: dict[str, Any]) -> 'Config':
    """Returns the record that `to_dict` wrote.

    Raises:
      UserError: The mapping is no such record.
    """
    try:
      return _read_record(cls, fields)
    except (TypeError, ValueError, AttributeError) as e:
      raise errors.UserError(f'not the configuration of a run: {e}') from e

  @functools.cached_property
  def digest(self) -> str:
    """SHA-256 of the fields that count: 64 hexadecimal digits.

    A field with its default does not count, so that one that is added later
    renames no run.  Nor does one that does nothing for the family, or that
    only says how the finished run is evaluated.  A user's file counts by its
    content, wherever it lies.
    """
    text = json.dumps(self._counting(), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

  @property
  def identity(self) -> str:
    """The first eight digits of the digest."""
    return self.digest[:_IDENTITY_DIGITS]

  @property
  def name(self) -> str:
    """The run's folder name, such as `run_-+v_beta0.3_1a2b3c4d`."""
    label = self.objective.name
    if self.objective.is_plain:
      label = f'beta{self.objective.beta:g}'
    return f'run_{self.model.architecture}_{label}_{self.identity}'

  def _counting(self):
    idle = set(self._idle_fields())
    counting = {
      'data': _changed(self.data.key, dataset=dataset_lib.short),
      'model': _changed(self.model, omit=idle),
      'objective': _plain(self.objective),
      'training': _changed(self.training, omit=idle),
      'warm_start': self.warm_start,
      'parent': self.parent,
      'seed': self.seed,
    }
    usual = {'objective': _plain(BetaElbo())}
    return {k: v for k, v in counting.items() if v and v != usual.get(k)}

  def _idle_fields(self):
    """Yields fields that do nothing for this family or this training."""
    _, decoder, marginal = self.model.architecture
    if marginal in '-+':
      yield 'num_pseudo_inputs'
    if decoder == '-':
      yield 'latent_input'
    if not self.training.validate_every:
      yield 'validation_examples'


_RECORDS = {
  'data': DataConfig,
  'model': ModelConfig,
  'training': TrainingConfig,
  'evaluation': EvaluationConfig,
}


def _plain(value):
  """Returns a value as JSON has it."""
  if isinstance(value, objective_lib.Objective):
    return repr(value)
  if isinstance(value, Options):
    return dict(value)
  if dataclasses.is_dataclass(value):
    names = [f.name for f in dataclasses.fields(value)]
    return {name: _plain(getattr(value, name)) for name in names}
  return list(value) if isinstance(value, tuple) else value


def _changed(record, *, omit=(), **texts):
  """Returns the fields of a record that have not their default.

  Args:
    record: The record.
    omit: Fields that are left out.
    **texts: For a field, the function that gives its text.
  """
  return {
    f.name: texts.get(f.name, _plain)(getattr(record, f.name))
    for f in dataclasses.fields(record)
    if f.name not in omit and getattr(record, f.name) != f.default
  }


# Hundreds of runs are read for one report.
_type_hints = functools.cache(typing.get_type_hints)


def _read_record(cls, fields):
  hints = _type_hints(cls)
  unknown = sorted(set(fields) - set(hints))
  if unknown:
    raise ValueError(f'it has an unknown field {unknown[0]!r}')
  return cls(
    **{
      key: _read_record(hints[key], value)
      if hints[key] in _RECORDS.values()
      else tuple(value)
      if isinstance(value, list)  # JSON has no tuples.
      else value
      for key, value in fields.items()
    }
  )
