# SPDX-License-Identifier: Apache-2.0
"""An exported program takes the same steps under JAX as under TensorFlow."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import accelerator, artifact, export_program, run_program
from tfp_rd import architecture
from tfp_rd.marginal import vamp

ROOT = pathlib.Path(__file__).parents[1]
STEPS_PER_CALL = 3

# Adds 1 to a 64-bit counter that it feeds back, and returns its half.
COUNTER = b"""
func.func @main(%step: tensor<i64>)
    -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<i64>) {
  %one = stablehlo.constant dense<1> : tensor<i64>
  %next = stablehlo.add %step, %one : tensor<i64>
  %half = stablehlo.constant dense<0.5> : tensor<f32>
  %x = stablehlo.convert %next : (tensor<i64>) -> tensor<f32>
  %y = stablehlo.multiply %x, %half : tensor<f32>
  return %y, %y, %y, %next : tensor<f32>, tensor<f32>, tensor<f32>, tensor<i64>
}
"""


def made_of(stablehlo):
  program = artifact.Program(
    stablehlo=stablehlo,
    inputs=('step',),
    outputs=('loss', 'distortion_nats', 'rate_nats', 'step'),
  )
  return artifact.Artifact(
    {'train': program},
    {'step': np.array(2**40)},
    {'steps_per_call': 2, 'flops_a_step': 5},
  )


@pytest.fixture(name='counter')
def path_of_counter(tmp_path):
  """Path of a program that costs nothing."""
  artifact.write(made_of(COUNTER), tmp_path / 'a.b' / 'counter')
  return tmp_path / 'a.b' / 'counter'


def training_program(signs, *, conditional=False, dropout=0.0):
  images = np.random.RandomState(0).randint(2, size=[30, 4, 4, 1])
  return export_program.training_program(
    signs,
    images.astype(np.float32),
    conditional=conditional,
    batch_size=16,
    steps_per_call=STEPS_PER_CALL,
    dropout=dropout,
  )


def exported_training(program, arguments):
  names = [f'{n} {v.name}' for n, v in enumerate(program.variables)]
  variables = dict(zip(names, program.variables, strict=True))
  return export_program.export_training(
    program, arguments, variables, tf32=True
  )


@pytest.mark.parametrize(
  ('signs', 'conditional'),
  [
    ('---', False),
    pytest.param('-+-', False, marks=pytest.mark.slow),
    pytest.param('++v', False, marks=pytest.mark.slow),
    pytest.param('--+', True, marks=pytest.mark.slow),
  ],
)
def test_losses_under_jax_are_those_of_tensorflow(signs, conditional):
  pytest.importorskip('jax')
  settings = {'conditional': conditional, 'dropout': 0.3}
  exported, arrays = exported_training(*training_program(signs, **settings))
  device = run_program.Device()
  theirs, values = device.compile(exported), device.put(arrays)
  # A twin, since to be counted changes a program.
  program, (inputs, num_steps, _) = training_program(signs, **settings)
  losses = []
  for _ in range(2):
    means = program.run(inputs, num_steps)
    outputs, _ = theirs(values)
    # The rate, which starts near 0, is a difference of two of these.
    for name in set(means) - {'rate_nats'}:
      np.testing.assert_allclose(outputs[name], means[name], 1e-5, err_msg=name)
    losses.append(outputs['loss'])
  assert losses[0] != losses[1]  # The second call goes on from the first.


def test_variables_are_fed_back_in_all_their_bits(counter):
  pytest.importorskip('jax')
  found, _ = artifact.read(counter)
  device = run_program.Device()
  program, values = (
    device.compile(found.programs['train']),
    device.put(found.arrays),
  )
  halves = [program(values)[0]['loss'] for _ in range(3)]
  assert halves == [2.0**39] * 3  # In float32.
  assert int(values['step']) == 2**40 + 3


def test_a_program_runs_without_tensorflow(counter):
  pytest.importorskip('jax')
  code = (
    'import sys\n'
    'for name in sys.argv.pop().split():\n'
    '  sys.modules[name] = None\n'
    'from benchmarks import accelerator\n'
    "sys.exit(accelerator.main(['run', sys.argv[1], '--calls=3']))"
  )
  # Such a machine has JAX, NumPy and absl, and no more.
  absent = 'tensorflow tensorflow_probability tf_keras sklearn matplotlib tqdm'
  done = subprocess.run(
    [sys.executable, '-c', code, counter, absent],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  record = json.loads(done.stdout.splitlines()[-1])
  assert record['steps_per_s'] > 0
  assert record['gflop_per_s'] == pytest.approx(
    5e-9 * record['steps_per_s'], rel=1e-3
  )
  assert {'device', 'jax', 'compile_s'} < set(record)


@pytest.mark.parametrize('name', ['jax', 'jax.extend'])
def test_without_jax_there_is_one_sentence(name, counter, monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, name, None)
  assert accelerator.main(['run', str(counter)]) == 1
  said = capsys.readouterr().err
  assert 'pip install jax' in said
  assert said.count('\n') == 1


@pytest.mark.parametrize(
  ('arguments', 'sentence'),
  [
    (['run', 'nowhere'], 'there is no nowhere.npz'),
    (['train', 'nowhere'], 'there is no nowhere.npz'),
    (['import', 'nowhere'], 'there is no nowhere.npz'),
    (['export', '--run=nowhere'], 'nowhere is not the directory of a run'),
    (['export', '---', '--run=nowhere'], "'---' is no flag"),
    (['export', '--run=nowhere', '--size=paper'], 'leave it out'),
    (['run'], 'expected PATH'),
    (['export', '-+v', '--dataset=nowhere'], 'nowhere'),
    (['export', '+-x'], "'+-x' is no architecture"),
    (['export', '---', '--size=large'], 'size'),
    (['export', '---', '--conditional', '--batch_size=1'], 'batch_size is 1'),
  ],
)
def test_a_mistake_is_one_sentence(arguments, sentence, capsys):
  assert accelerator.main(arguments) == 1
  said = capsys.readouterr().err
  assert sentence in said
  assert said.count('\n') == 1


def test_the_export_of_a_family_is_described(tmp_path, capsys):
  path = tmp_path / 'program'
  flags = ['--image_size=4', '--batch_size=4', '--num_images=9', '--notf32']
  assert accelerator.main(['export', '---', *flags, f'--output={path}']) == 0
  found, _ = artifact.read(path)
  assert found.about == json.loads(capsys.readouterr().out)
  assert found.about['images'] == [9, 4, 4, 1]
  assert found.about['flops_a_step'] > 0
  assert not found.about['tf32_allowed']
  assert found.arrays['inputs/images'].shape == (9, 4, 4, 1)
  assert found.arrays['inputs/seed'].shape == (2,)
  # Each output has a name, and a variable's is that of an input.
  program = found.programs['train']
  assert len(set(program.outputs)) == len(program.outputs)
  assert set(program.inputs) == set(found.arrays)
  variables = set(program.inputs) & set(program.outputs)
  assert {'loss', 'rate_nats'} < set(program.outputs)
  assert len(variables) > 50


@pytest.mark.parametrize('tf32', [True, False])
def test_tf32_is_forbidden_in_the_program_itself(tf32):
  program, arguments = training_program('---')
  text, _ = export_program._lowered(program._run, arguments, tf32=tf32)
  assert ('HIGHEST' in text) != tf32
  assert ('DEFAULT' in text) == tf32


def test_a_vamp_prior_in_pieces_counts_as_in_one():
  whole, pieces = (training_program('--v') for _ in range(2))
  for part in pieces[0].submodules:
    if isinstance(part, vamp.Vamp):
      part._max_densities = 100  # Of 16 * 50.
  counts = {export_program.flops_a_step(*given) for given in (whole, pieces)}
  assert len(counts) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
  ('signs', 'conditional', 'in_pieces'),
  [
    (str(family), conditional, in_pieces)
    for family in architecture.PAPER
    for conditional in (False, True)
    for in_pieces in (False, True)[: 1 + (family.marginal == 'v')]
  ],
)
def test_every_family_is_a_portable_program(signs, conditional, in_pieces):
  program, arguments = training_program(signs, conditional=conditional)
  for part in program.submodules:
    if in_pieces and isinstance(part, vamp.Vamp):
      part._max_densities = 100
  text, portable = export_program._lowered(program._run, arguments, tf32=True)
  assert portable
  assert 'custom_call' not in text  # Of one kind of device.
  assert 'tensor<?' not in text  # A shape that is not static.
