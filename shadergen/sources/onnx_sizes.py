"""Constants and sizes: nodes that no picture goes through, computed at import.

With constants alone, onnx's reference evaluator computes them. Sizes of the picture are symbols, so what exporters make
of Shape is followed by hand.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from shadergen.sources.onnx_build import Call, Sizes, Tensor
from shadergen.sources.onnx_view import Size, SizeError, View

MAX_ELEMENTS = 1 << 24
"""Of a computed constant."""

_GROWING = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1}
"""Operators whose result can be much larger than their inputs, and which input says how large."""

_NAMES = """
Abs Add And Cast CastLike Ceil Clip Concat ConstantOfShape Cos DequantizeLinear Div Einsum Equal Erf Exp Expand Flatten
Floor Gather GatherElements GatherND Gemm Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min Mod Mul
Neg Not Or Pow Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceL2 Reshape Round ScatterND
Shape Sign Sin Size Slice Split Sqrt Squeeze Sub Sum Tile Transpose Unsqueeze Where
"""
_COMPUTED = frozenset(_NAMES.split())


def fold(call: Call) -> Tensor | list[Tensor] | None:
    """The outputs of a node without pictures; None for others."""
    node = call.node
    if node.op_type == "Constant":
        return _constant(call)
    tensors = call.tensors()
    if node.op_type == "Shape":
        return _shape(call)
    if any(isinstance(tensor, View) for tensor in tensors):
        return None
    if any(isinstance(tensor, Sizes) for tensor in tensors):
        if node.op_type not in _ARITHMETIC:
            raise ValueError(f"found sizes of the picture, expected them in one of {', '.join(sorted(_ARITHMETIC))}")
        result: Tensor = _ARITHMETIC[node.op_type](call)
        return result
    if node.op_type not in _COMPUTED:
        return None
    return _evaluated(call)


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
    if isinstance(tensor, View):
        dims: Sequence[Any] = tensor.dims()
    else:
        dims = (tensor.values if isinstance(tensor, Sizes) else tensor).shape
    return _sizes(dims[slice(call.attribute("start"), call.attribute("end"))])


def _evaluated(call: Call) -> list[Tensor]:
    """By onnx's reference evaluator."""
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
    evaluator: Any = ReferenceEvaluator(model)
    try:
        with np.errstate(all="ignore"):
            found = evaluator.run(None, arrays)
    except Exception as error:  # whatever an evaluator written in Python raises
        raise ValueError(f"found constants that cannot be computed ({type(error).__name__}: {error})") from None
    results = iter(np.asarray(array) for array in found)
    return [next(results) if name else np.zeros(0) for name in node.output]


def _of_one_type(arrays: dict[str, Any]) -> dict[str, Any]:
    """Sizes are int64 here, also where the file has int32: all integers as int64, where their types differ."""
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
    """Sizes, or a constant where no number depends on the picture any more."""
    array = np.asarray(values, object)
    if any(isinstance(value, Size) for value in array.flat):
        return Sizes(array, floating)
    return array.astype(np.float32 if floating else np.int64)


def _objects(tensor: Tensor) -> Any:
    if isinstance(tensor, Sizes):
        return tensor.values
    assert isinstance(tensor, np.ndarray), "pictures have been handed on"
    if tensor.dtype.kind == "f":
        exact = [Fraction(value).limit_denominator(1 << 20) for value in tensor.ravel().tolist()]
        return np.array([*exact, None], object)[:-1].reshape(tensor.shape)
    return tensor.astype(object)


def _floating(tensor: Tensor) -> bool:
    return tensor.floating if isinstance(tensor, Sizes) else getattr(tensor, "dtype", np.dtype(int)).kind == "f"


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Call], Tensor]:
    def handler(call: Call) -> Tensor:
        a, b = call.tensor(0), call.tensor(1)
        return _plain(function(_objects(a), _objects(b)), _floating(a) or _floating(b))

    return handler


def _div(call: Call) -> Tensor:
    a, b = call.tensor(0), call.tensor(1)
    floating = _floating(a) or _floating(b)
    return _plain((operator.truediv if floating else operator.floordiv)(_objects(a), _objects(b)), floating)


def _rounded(call: Call) -> Tensor:
    values = np.vectorize(_floor, otypes=[object])(_objects(call.tensor(0)))
    return _plain(values, call.node.op_type == "Floor")


def _floor(value: Any) -> Any:
    return Size(value.kind, value.rounded()) if isinstance(value, Size) else int(value // 1)


def _ceil(call: Call) -> Tensor:
    values = np.vectorize(lambda value: -_floor(-value), otypes=[object])(_objects(call.tensor(0)))
    return _plain(values, True)


def _cast(call: Call) -> Tensor:
    to = onnx.helper.tensor_dtype_to_np_dtype(call.attribute("to"))
    tensor = call.tensor(0)
    return _plain(_objects(tensor), True) if np.dtype(to).kind == "f" else _rounded(call)


def _equal(call: Call) -> Tensor:
    """Exporters ask whether a size is 0 or -1, which stand for something else."""
    a, b = np.broadcast_arrays(_objects(call.tensor(0)), _objects(call.tensor(1)))
    pairs = list(zip(a.flat, b.flat, strict=True))
    for pair in pairs:
        if any(isinstance(value, Size) for value in pair) and not any(value in (0, -1) for value in pair):
            raise SizeError(f"found {pair[0]} compared with {pair[1]}, expected 0 or -1")
    return np.array([x == y for x, y in pairs], bool).reshape(a.shape)


def _where(call: Call) -> Tensor:
    a, b = call.tensor(1), call.tensor(2)
    return _plain(np.where(call.constant(0), _objects(a), _objects(b)), _floating(a))


def _expand(call: Call) -> Tensor:
    """A constant that has size 1 along rows and columns counts everywhere where it is used."""
    array = call.constant(0)
    fixed = [1 if isinstance(size, Size) else size for size in call.numbers(1)]
    if abs(prod(fixed)) * array.size > MAX_ELEMENTS:
        raise ValueError(f"found a constant of shape {fixed}, expected up to {MAX_ELEMENTS} elements")
    return np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(fixed))).copy()


def _gather(call: Call) -> Tensor:
    tensor = call.tensor(0)
    return _plain(_objects(tensor).take(call.constant(1), call.attribute("axis", 0)), _floating(tensor))


def _slice(call: Call) -> Tensor:
    tensor = call.tensor(0)
    starts, ends = call.listed("starts", 1) or [], call.listed("ends", 2) or []
    steps = call.integers(4) if call.has(4) else [1] * len(starts)
    if len(starts) != 1 or _objects(tensor).ndim != 1:
        raise ValueError("found a slice of sizes along several axes, expected one")
    return _plain(_objects(tensor)[starts[0] : ends[0] : steps[0]], _floating(tensor))


def _concat(call: Call) -> Tensor:
    tensors = call.tensors()
    return _plain(np.concatenate([np.atleast_1d(_objects(t)) for t in tensors]), any(map(_floating, tensors)))


def _reshape(call: Call) -> Tensor:
    """Squeeze, Unsqueeze, Reshape and Flatten: what is left is a scalar or a vector."""
    tensor = call.tensor(0)
    values = _objects(tensor).ravel()
    scalar = call.node.op_type == "Squeeze" or (call.node.op_type == "Reshape" and not call.integers(1))
    return _plain(values.reshape(()) if scalar and values.size == 1 else values, _floating(tensor))


def _same(call: Call) -> Tensor:
    return call.tensor(0)


_ARITHMETIC: dict[str, Callable[[Call], Any]] = {
    "Add": _binary(operator.add),
    "Sub": _binary(operator.sub),
    "Mul": _binary(operator.mul),
    "Mod": _binary(operator.mod),
    "Div": _div,
    "Expand": _expand,
    "Equal": _equal,
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
    "Identity": _same,
}
