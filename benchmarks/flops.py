# SPDX-License-Identifier: Apache-2.0
"""Counts the floating-point operations of a traced function.

It counts in the graph, and so works for any model and gradient.  Operations
that are traced but not run, such as the gradient of the images, are not
counted.  As is usual, a kernel counts in full where it overlaps the padding,
and nothing but convolutions and matrix products is counted.
"""

import math

__all__ = ['count']


def count(graph) -> int:
  """Counts two for every multiply-add of convolutions and matrix products.

  Args:
    graph: Graph of a concrete function, as in
      `tf.function(f).get_concrete_function(x).graph`.  Functions that it calls
      count at each call; the body of a loop counts once, so that a loop of
      training steps counts as one step.

  Returns:
    Floating-point operations.

  Raises:
    ValueError: A shape is not static, or a product is of a kind without a
      rule here.
  """
  return sum(map(_count_operation, _needed(graph)))


def _needed(graph):
  """Returns the operations on which outputs or side effects depend."""
  waiting = [output.op for output in graph.outputs] + graph.control_outputs
  needed = set(waiting)
  while waiting:
    op = waiting.pop()
    before = {tensor.op for tensor in op.inputs} | set(op.control_inputs)
    waiting.extend(before - needed)
    needed |= before
  return needed


def _count_operation(op):
  rule = _RULES.get(op.type)
  if rule is not None:
    return 2 * rule(op)
  if 'Conv' in op.type or 'MatMul' in op.type:
    raise ValueError(f'no rule to count {op.type} {op.name!r}; add one.')
  return sum(count(graph) for graph in _called(op))


def _called(op):
  """Returns the graphs of the functions that an operation calls."""
  for name in op.node_def.attr:
    value = op.node_def.attr[name]
    for function in (value.func, *value.list.func):
      if function.name:
        yield op.graph._get_function(function.name).graph


def _convolution(op):
  return _num_pixel_products(op.outputs[0], op.inputs[1].shape)


def _convolution_input_gradient(op):
  _, kernel, gradient = op.inputs
  return _num_pixel_products(gradient, kernel.shape)


def _convolution_kernel_gradient(op):
  return _num_pixel_products(op.inputs[2], op.outputs[0].shape)


def _num_pixel_products(pixels, kernel_shape):
  """Returns the products by a kernel `[h, w, i, o]` over all its positions."""
  return math.prod(_static(pixels)) * math.prod(kernel_shape[:-1])


def _matrix_product(op):
  transposed = next(
    bool(op.get_attr(name))
    for name in ('transpose_a', 'adj_x')
    if name in op.node_def.attr
  )
  inner = _static(op.inputs[0])[-2 if transposed else -1]
  return math.prod(_static(op.outputs[0])) * inner


def _einsum(op):
  """Returns one product for each combination of indices."""
  terms = op.get_attr('equation').decode().split('->')[0].split(',')
  if len(terms) != 2 or any('.' in term for term in terms):
    raise ValueError(f'no rule to count the einsum {terms} {op.name!r}.')
  sizes = {}
  for term, operand in zip(terms, op.inputs, strict=True):
    sizes.update(zip(term, _static(operand), strict=True))
  return math.prod(sizes.values())


def _static(tensor):
  if not tensor.shape.is_fully_defined():
    raise ValueError(
      f'{tensor.name} has shape {tensor.shape}; to count its products, trace '
      'the function with static shapes.'
    )
  return tensor.shape.as_list()


_RULES = {
  'BatchMatMul': _matrix_product,
  'BatchMatMulV2': _matrix_product,
  'BatchMatMulV3': _matrix_product,
  'Conv2D': _convolution,
  'Conv2DBackpropFilter': _convolution_kernel_gradient,
  'Conv2DBackpropInput': _convolution_input_gradient,
  'Einsum': _einsum,
  'MatMul': _matrix_product,
}
