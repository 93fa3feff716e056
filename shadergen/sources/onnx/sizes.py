"""Constants and sizes: nodes that no picture goes through, computed at import.

With constants alone, onnx's reference evaluator computes them. Sizes of the picture are symbols, so what exporters make
of Shape is followed by hand.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from shadergen.sources.onnx.build import Call, SymbolicTensor, Tensor, weights
from shadergen.sources.onnx.integers import Stored
from shadergen.sources.onnx.view import SymbolicSize, TensorView, below_zero, chosen, larger

MAX_ELEMENTS = 1 << 24
"""The most elements that a computed constant may have."""

_GROWING = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1}
"""Operators whose result can be much larger than their inputs, and which input says how large."""

_NAMES = """
Abs Add And Cast CastLike Ceil Clip Concat ConstantOfShape Cos DequantizeLinear Div Einsum Equal Erf Exp Expand Flatten
Floor Gather GatherElements GatherND Gemm Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min Mod Mul
Neg Not Or Pow Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceL2 Reshape Round ScatterND
Shape Sign Sin Size Slice Split Sqrt Squeeze Sub Sum Tile Transpose Unsqueeze Where
"""
_COMPUTED = frozenset(_NAMES.split())


def computed(call: Call) -> Tensor | list[Tensor] | None:
    """The outputs of a node that no picture goes into, and of Shape; None for others, which handlers are for."""
    node = call.node
    if node.op_type == "Constant":
        return _constant(call)
    tensors = call.tensors()
    if node.op_type == "Shape":
        return _shape(call)
    if any(isinstance(tensor, TensorView) for tensor in tensors):
        return None
    if any(isinstance(tensor, SymbolicTensor) for tensor in tensors):
        if node.op_type not in _ARITHMETIC:
            raise ValueError(f"found sizes of the picture, expected them in one of {', '.join(sorted(_ARITHMETIC))}")
        result: Tensor = _ARITHMETIC[node.op_type](call)
        return result
    if node.op_type not in _COMPUTED:
        return None
    if node.op_type == "DequantizeLinear":
        return _dequantized(call)
    return _evaluated(call)


def _dequantized(call: Call) -> Tensor:
    """Stored weights as floats: (x - zero point) * scale, of which there is one, or one for each index of an axis."""
    if call.attribute("block_size"):
        return _evaluated(call)[0]
    values = np.asarray(call.constant(0))
    scale, *zero = (np.asarray(call.constant(number)) for number in range(1, len(call.node.input)))
    axis = call.attribute("axis")
    if axis == 0 and scale.shape == values.shape[:1] and not np.any(zero) and values.dtype.kind == "i":
        call.builder.stored[call.node.output[0]] = Stored(values, weights(scale))
    along = [1] * values.ndim
    if scale.ndim:
        along[1 if axis is None else axis] = -1
    shifted = values.astype(np.float32)
    if zero:
        shifted = shifted - zero[0].astype(np.float32).reshape(along if zero[0].ndim else ())
    return np.asarray(shifted * scale.astype(np.float32).reshape(along if scale.ndim else ()), np.float32)


def _constant(call: Call) -> Tensor:
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32)):
        if call.attribute(name) is not None:
            return np.array(call.attribute(name), kind)
    for name in ("value_int", "value_ints"):
        if call.attribute(name) is not None:
            return np.array(call.attribute(name), np.int64)
    value = call.attribute("value")
    if not isinstance(value, np.ndarray):
        raise ValueError("found no tensor, expected an attribute 'value'")
    return value


def _shape(call: Call) -> Tensor:
    tensor = call.tensor(0)
    if isinstance(tensor, TensorView):
        dims: Sequence[Any] = tensor.dims()
    else:
        dims = (tensor.values if isinstance(tensor, SymbolicTensor) else tensor).shape
    return _sizes(dims[slice(call.attribute("start"), call.attribute("end"))])


def _evaluated(call: Call) -> list[Tensor]:
    """The outputs of a node with constants alone, by onnx's reference evaluator."""
    node = call.node
    arrays = _of_one_type({name: call.constant(i) for i, name in enumerate(node.input) if name})
    if node.op_type in _GROWING:
        extents = np.asarray(arrays[node.input[_GROWING[node.op_type]]], np.float64)
        if abs(prod(extents.ravel().tolist())) * max(1, *(array.size for array in arrays.values())) > MAX_ELEMENTS**1.5:
            raise ValueError(f"found a constant of shape {extents.tolist()}, expected up to {MAX_ELEMENTS} elements")
    graph = onnx.helper.make_graph(
        [node],
        "constants",
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in arrays.items()
        ],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name],
    )
    opset = onnx.helper.make_opsetid("", call.builder.file.opset)
    model = onnx.helper.make_model(graph, opset_imports=[opset])
    try:
        evaluator: Any = ReferenceEvaluator(model)  # it has not every operator of every opset
        with np.errstate(all="ignore"):
            found = evaluator.run(None, arrays)
    except Exception as error:  # whatever an evaluator written in Python raises
        raise ValueError(f"found constants that cannot be computed ({type(error).__name__}: {error})") from None
    results = iter(np.asarray(array) for array in found)
    return [next(results) if name else np.zeros(0) for name in node.output]


def _of_one_type(arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays, all integers of them as int64 where their types differ: sizes are that here, not the file's type."""
    kinds = {array.dtype for array in arrays.values() if array.dtype.kind == "i"}
    if len(kinds) < 2:
        return arrays
    return {name: array.astype(np.int64) if array.dtype in kinds else array for name, array in arrays.items()}


# ---------------------------------------------------------------------------------------------------------------------
# Shape arithmetic


def _sizes(values: Sequence[Any]) -> Tensor:
    array = np.empty(len(values), object)
    array[:] = list(values)
    return _plain(array, False)


def _plain(values: Any, floating: bool) -> Tensor:
    """Numbers as a SymbolicTensor, or as a constant where none depends on the picture."""
    array = np.asarray(values, object)
    if any(isinstance(value, SymbolicSize) for value in array.flat):
        return SymbolicTensor(array, floating)
    return array.astype(np.float32 if floating else np.int64)


def _objects(tensor: Tensor) -> Any:
    if isinstance(tensor, SymbolicTensor):
        return tensor.values
    assert isinstance(tensor, np.ndarray), "pictures have been handed on"
    if tensor.dtype.kind == "f":
        if not np.isfinite(tensor).all():
            raise ValueError("found infinity or no number where sizes are computed, expected finite numbers")
        exact = [Fraction(value).limit_denominator(1 << 20) for value in tensor.ravel().tolist()]
        return np.array([*exact, None], object)[:-1].reshape(tensor.shape)
    return tensor.astype(object)


def _floating(tensor: Tensor) -> bool:
    return (
        tensor.floating if isinstance(tensor, SymbolicTensor) else getattr(tensor, "dtype", np.dtype(int)).kind == "f"
    )


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Call], Tensor]:
    def handler(call: Call) -> Tensor:
        a, b = call.tensor(0), call.tensor(1)
        return _plain(function(_objects(a), _objects(b)), _floating(a) or _floating(b))

    return handler


def _div(call: Call) -> Tensor:
    a, b = call.tensor(0), call.tensor(1)
    floating = _floating(a) or _floating(b)
    divide = operator.truediv if floating else np.frompyfunc(_quotient, 2, 1)
    return _plain(divide(_objects(a), _objects(b)), floating)


def _quotient(a: Any, b: Any) -> Any:
    """The quotient of integers, rounded towards zero as in ONNX. A size that grows with the picture is above zero."""
    if isinstance(b, SymbolicSize):
        return a / b
    if isinstance(a, SymbolicSize) and a.extent.scale > 0:
        return a // b
    down, up = a // b, -(-a // b)
    return down + chosen(below_zero(a) if b > 0 else below_zero(-a), up - down)


def _rounded(call: Call) -> Tensor:
    values = np.vectorize(_floor, otypes=[object])(_objects(call.tensor(0)))
    return _plain(values, call.node.op_type == "Floor")


def _floor(value: Any) -> Any:
    return value // 1


def _ceil(call: Call) -> Tensor:
    values = np.vectorize(lambda value: -_floor(-value), otypes=[object])(_objects(call.tensor(0)))
    return _plain(values, True)


def _cast(call: Call) -> Tensor:
    to = onnx.helper.tensor_dtype_to_np_dtype(call.attribute("to"))
    tensor = call.tensor(0)
    if np.dtype(to).kind == "f":
        return _plain(_objects(tensor), True)
    return _rounded(call) if _floating(tensor) else tensor


def _logical(function: Callable[..., Any]) -> Callable[[Call], Tensor]:
    """The handler of an operator on truth values, which are 1 and 0 and may depend on the picture's size."""
    elementwise = np.frompyfunc(function, function.__code__.co_argcount, 1)

    def handler(call: Call) -> Tensor:
        found = _plain(elementwise(*map(_objects, call.tensors())), False)
        return found if isinstance(found, SymbolicTensor) else np.asarray(found, bool)

    return handler


def _equal(a: Any, b: Any) -> Any:
    """1 where two numbers are equal, else 0. Exporters ask whether a size is 0 or -1, which no picture's is."""
    difference = a - b
    if (
        isinstance(difference, SymbolicSize)
        and difference.extent.scale > 0
        and any(value in (0, -1) for value in (a, b))
    ):
        return 0
    return 1 - below_zero(difference) - below_zero(-difference)


def _where(call: Call) -> Tensor:
    a, b = call.tensor(1), call.tensor(2)
    choose = np.frompyfunc(lambda condition, x, y: x if x == y else y + chosen(condition, x - y), 3, 1)
    return _plain(choose(_objects(call.tensor(0)), _objects(a), _objects(b)), _floating(a))


def _largest(call: Call) -> Tensor:
    """Max, and Min, which is the largest of the negatives, negated."""
    sign = 1 if call.node.op_type == "Max" else -1
    tensors = call.tensors()
    found = reduce(np.frompyfunc(larger, 2, 1), (_objects(tensor) * sign for tensor in tensors))
    return _plain(found * sign, any(map(_floating, tensors)))


def _expand(call: Call) -> Tensor:
    """A constant that has size 1 along rows and columns counts everywhere where it is used."""
    array = call.constant(0)
    fixed = [1 if isinstance(size, SymbolicSize) else size for size in call.numbers(1)]
    if abs(prod(fixed)) * array.size > MAX_ELEMENTS:
        raise ValueError(f"found a constant of shape {fixed}, expected up to {MAX_ELEMENTS} elements")
    return np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(fixed))).copy()


def _gather(call: Call) -> Tensor:
    tensor = call.tensor(0)
    return _plain(_objects(tensor).take(call.constant(1), call.attribute("axis", 0)), _floating(tensor))


def _slice(call: Call) -> Tensor:
    tensor = call.tensor(0)
    values = _objects(tensor)
    starts, ends = call.listed("starts", 1) or [], call.listed("ends", 2) or []
    axes = call.listed("axes", 3) or list(range(len(starts)))
    steps = call.integers(4) if call.has(4) else [1] * len(starts)
    chosen = [slice(None)] * values.ndim
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        chosen[axis] = slice(*bounds)
    return _plain(values[tuple(chosen)], _floating(tensor))


def _concat(call: Call) -> Tensor:
    tensors = call.tensors()
    return _plain(np.concatenate([np.atleast_1d(_objects(t)) for t in tensors]), any(map(_floating, tensors)))


def _transpose(call: Call) -> Tensor:
    tensor = call.tensor(0)
    return _plain(_objects(tensor).transpose(call.attribute("perm")), _floating(tensor))


def _reshape(call: Call) -> Tensor:
    """Squeeze, Unsqueeze, Reshape and Flatten of an array of sizes."""
    tensor = call.tensor(0)
    values = _objects(tensor)
    match call.node.op_type:
        case "Reshape":
            dims = call.integers(1) if call.has(1) else list(call.attribute("shape"))
            values = values.reshape([values.shape[i] if dim == 0 else dim for i, dim in enumerate(dims)])
        case "Flatten":
            axis = call.attribute("axis", 1) % (values.ndim + 1)
            values = values.reshape(prod(values.shape[:axis]), -1)
        case "Squeeze":
            axes = call.listed("axes", 1)
            values = values.squeeze(None if axes is None else tuple(axes))
        case _:
            values = np.expand_dims(values, tuple(call.listed("axes", 1) or ()))
    return _plain(values, _floating(tensor))


def _negative(call: Call) -> Tensor:
    return _plain(-_objects(call.tensor(0)), _floating(call.tensor(0)))


def _same(call: Call) -> Tensor:
    return call.tensor(0)


_ARITHMETIC: dict[str, Callable[[Call], Any]] = {
    "Add": _binary(operator.add),
    "Sub": _binary(operator.sub),
    "Mul": _binary(operator.mul),
    "Mod": _binary(operator.mod),
    "Div": _div,
    "Expand": _expand,
    "Equal": _logical(_equal),
    "Less": _logical(lambda a, b: below_zero(a - b)),
    "Greater": _logical(lambda a, b: below_zero(b - a)),
    "LessOrEqual": _logical(lambda a, b: 1 - below_zero(b - a)),
    "GreaterOrEqual": _logical(lambda a, b: 1 - below_zero(a - b)),
    "Not": _logical(lambda a: 1 - a),
    "And": _logical(chosen),
    "Or": _logical(lambda a, b: a + b - chosen(a, b)),
    "Xor": _logical(lambda a, b: a + b - 2 * chosen(a, b)),
    "Max": _largest,
    "Min": _largest,
    "Neg": _negative,
    "Where": _where,
    "Floor": _rounded,
    "Ceil": _ceil,
    "Cast": _cast,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Transpose": _transpose,
    "Identity": _same,
}
