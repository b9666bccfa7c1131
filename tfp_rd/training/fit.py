# SPDX-License-Identifier: Apache-2.0
"""Training of any model on any array."""

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy.typing as npt
import tensorflow as tf

from tfp_rd import argument, dataset, errors
from tfp_rd import config as config_lib
from tfp_rd import objective as objective_lib
from tfp_rd.model import movable_model
from tfp_rd.network import initial
from tfp_rd.training import (
  arguments,
  cautions,
  checkpoint,
  loop,
  progress_bar,
  trainer,
)
from tfp_rd.training import claim as claim_lib
from tfp_rd.training import examples as examples_lib

__all__ = ['Fit', 'fit']

# What may be trained on: examples, a finite set of tf.data, or a record with a
# split for validation.
Images = Union[npt.ArrayLike, tf.data.Dataset, dataset.Dataset]


class Fit(NamedTuple):
  """What `fit` returns.

  Attributes:
    steps: Steps taken in all, those before a resume included.
    metrics: One mapping for each row of the schedule: means over its steps, and
      at validations the score.
    run_dir: Where checkpoints and metrics are, or `None`.
  """

  steps: int
  metrics: list[Mapping[str, float]]
  run_dir: Optional[pathlib.Path]

  def __repr__(self):
    parts = [f'{self.steps:,} steps']
    last = self.metrics[-1] if self.metrics else {}
    if 'rate_nats' in last and 'distortion_nats' in last:
      parts.append(
        f'R {last["rate_nats"]:.2f}  D {last["distortion_nats"]:.2f} nats at '
        'the end of training'
      )
    scores = [
      (row['validation_score'], int(row['step']))
      for row in self.metrics
      if 'validation_score' in row
    ]
    if scores:
      score, step = min(scores)
      parts.append(f'least score on validation {score:.2f} at step {step:,}')
    if self.run_dir is not None:
      parts.append(f'files in {self.run_dir}')
    return ', '.join(parts)


def fit(
  model: movable_model.Model,
  images: Images,
  *,
  objective: Union[objective_lib.Objective, str, None] = None,
  training: Optional[config_lib.TrainingConfig] = None,
  execution: Optional[config_lib.Execution] = None,
  num_steps: Optional[int] = None,
  batch_size: Optional[int] = None,
  learning_rate: Optional[float] = None,
  validation: Optional[npt.ArrayLike] = None,
  labels: Optional[npt.ArrayLike] = None,
  dynamic: bool = False,
  seed: initial.Seed = 0,
  run_dir: Union[str, os.PathLike[str], None] = None,
  resume: bool = False,
  parts: Union[str, Sequence[str]] = (),
  progress: bool = False,
  on_progress: loop.OnProgress = lambda step, num_steps, metrics: None,
  on_warning: Callable[[str], Any] = warnings.warn,
) -> Fit:
  """Trains a model in place.

  Args:
    model: A `LatentVariableModel`, or a `ConditionalModel`.
    images: `[N, ...]`; or a `tf.data.Dataset` of images, or of batches of them,
      that ends and fits into memory; or a `tfp_rd.dataset.Dataset`, of which
      the training images, `dynamic`, the validation images and, where the
      objective requires them, the labels are taken.
    objective: An objective, or its text; `BetaElbo(beta=1)` by default.
    training: All settings of the training, in place of the three that follow;
      by default 1,000 steps and no average of the weights.  Validation is on
      all images of `validation`.
    execution: Checkpoints, compilation and summaries for TensorBoard.
    num_steps: Steps of the optimiser.
    batch_size: Images a step.
    learning_rate: Adam's rate; linear to 0 from half of the steps on.
    validation: `[M, ...]` images on which the kept weights are chosen; without
      them the last step's are kept.  Where the decoder is a distribution of
      bits these are bits, though `images` be probabilities.
    labels: `[N]`, for an objective that requires them.
    dynamic: Whether `images` are probabilities that pixels are on, as in a
      `Dataset` that says so, and drawn anew at every use.
    seed: An integer or a pair, from which all randomness follows.
    run_dir: Folder for checkpoints and `metrics.csv`; the same call goes on
      from what is there, and so does one with a larger `num_steps` once that is
      finished, optimiser included, its learning rate that of the larger number.
      `None` keeps nothing.
    resume: Go on in `run_dir` though the model has other initial weights than
      it had there, as an unseeded tf_keras model has in another process.
    parts: Which part or parts move, as in `('marginal',)`; the others, and what
      they share with these, stay bit for bit.  All parts by default.
    progress: Show a bar of tqdm, in a notebook or a terminal: steps, R and D of
      the last training batches, and the time left.
    on_progress: Called with the step, the number of steps and the metrics.
    on_warning: Called with a sentence when a file cannot be read, when a small
      set is trained on for long without validation, and when layers of
      tf_keras draw noise of their own, which does not follow `seed`.

  Returns:
    Steps, metrics, and where they are.

  Regularisers of layers of tf_keras are added to the loss, as Keras does, and
  their sum is the metric `regularization`.

  Raises:
    UserError: A setting is given twice or out of its range, there is nothing to
      train, the encoder's draws have no gradient, the loss depends on variables
      that no part owns, `run_dir` is of another call or a run's own folder,
      images, validation, labels and model do not fit each other, images are no
      bits where the decoder is a distribution of bits, the objective names
      other metrics than it returns, or `dynamic` images are no probabilities.
      Nothing has been written then.
    FloatingPointError: A term stopped being finite; the error names it.  The
      model then has the weights that were best on validation, if there are
      any, and the last checkpoint is good.
    KeyboardInterrupt: Ctrl-C; in `run_dir` a checkpoint has been written, and
      the model has the weights that are best so far.
  """
  arguments.check_strategy()
  seed = argument.seed(seed)
  objective = arguments.read_objective(objective)
  examples = examples_lib.read(
    model,
    images,
    validation=validation,
    labels=labels,
    dynamic=dynamic,
    objective=objective,
  )
  images, validation, labels, dynamic = examples
  training, execution = arguments.read_settings(
    training,
    execution,
    typed={
      'num_steps': num_steps,
      'batch_size': batch_size,
      'learning_rate': learning_rate,
    },
    validation=validation,
  )
  arguments.check_run_dir(run_dir)
  argument.check_batch(
    training.batch_size,
    len(images),
    usual=config_lib.TrainingConfig.batch_size,
  )
  parts = (parts,) if isinstance(parts, str) else tuple(parts)
  program = trainer.make_program(
    model,
    images,
    objective=objective,
    training=training,
    execution=execution,
    dynamic=dynamic,
    seed=seed,
    labels=labels,
    parts=parts,
  )
  arguments.check_moves(program)
  inputs = trainer.make_inputs(
    program,
    images,
    objective=objective,
    training=training,
    seed=seed,
    labels=labels,
  )
  settings = {
    'objective': repr(objective),
    **dataclasses.asdict(training),
    'seed': initial.as_seed(seed).numpy().tolist(),
    'dynamic': bool(dynamic),
    'parts': ' '.join(parts),
    'images': claim_lib.digest_of(inputs.images),
    'labels': claim_lib.digest_of(inputs.labels),
    'validation': claim_lib.digest_of(validation),
  }
  # What the first step refuses is refused before anything is written.
  examples_lib.trace(program, inputs, examples)
  if run_dir is None or not claim_lib.is_claimed(run_dir):
    cautions.tell(program, examples, training, on_warning)
  claim = claim_lib.claim(
    run_dir,
    settings,
    weights_sha256=checkpoint.weights_sha256(program.model),
    resume=resume,
  )
  try:
    with progress_bar.shown(
      on_progress, training.num_steps, wanted=progress
    ) as on_progress:
      _, metrics = trainer.train(
        program,
        inputs,
        objective=objective,
        training=training,
        execution=execution,
        validation=validation,
        run_dir=run_dir,
        owner=claim.owner,
        origin=claim.origin,
        on_progress=on_progress,
        on_warning=on_warning,
      )
  except errors.HeldBackError:  # Before the first step.
    claim_lib.withdraw(run_dir, claim)
    raise
  except BaseException:
    claim_lib.leave(run_dir, program.model)
    raise
  claim_lib.leave(run_dir, program.model)
  return Fit(
    int(program.step),
    metrics,
    None if run_dir is None else pathlib.Path(run_dir),
  )
