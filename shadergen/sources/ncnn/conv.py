"""Convolutions, fully connected layers, and means and maxima over pixels."""

from __future__ import annotations

from typing import Any

from shadergen.sources.ncnn.call import NOT_GIVEN, Blob, Call, Registry, numbers, per_channel

HANDLERS = Registry()
handles = HANDLERS.handles

SAME_UPPER, SAME_LOWER = NOT_GIVEN, NOT_GIVEN - 1
"""What stands for padding that keeps the size, the odd pixel behind or in front."""


@handles("Convolution", "ConvolutionDepthWise")
def _convolution(call: Call) -> Blob:
    call.refuse(19, "weights from another layer")
    call.refuse(8, "int8 arithmetic")
    call.refuse(18, "padding with another number", 0.0)
    out, group = _outputs(call)
    kernel = _pair(call, 11, 1, 0)
    weight = call.tagged(out, _per_group(call, out, kernel), *kernel)
    sides = _sides(call)
    upper, lower = SAME_UPPER in sides, SAME_LOWER in sides
    pads: dict[str, Any] = {"pads": sides}
    if upper or lower:
        pads = {"auto_pad": "SAME_UPPER" if upper else "SAME_LOWER"}
    elif min(sides) < 0:
        raise ValueError(f"found padding {sides}, expected 0 or more")
    attributes: dict[str, Any] = {"strides": _pair(call, 13, 3, 1), "dilations": _pair(call, 12, 2, 1), "group": group}
    value = call.node("Conv", call.blob().tensor, weight, *_bias(call, 5, out), **pads, **attributes)
    return activated(call, Blob(value, call.blob().kind))


@handles("Deconvolution", "DeconvolutionDepthWise")
def _deconvolution(call: Call) -> Blob:
    """ncnn has the results' channels first, ONNX the inputs'."""
    call.refuse(28, "weights from another layer")
    call.refuse(20, "a width of the result")
    call.refuse(21, "a height of the result")
    out, group = _outputs(call)
    kernel = _pair(call, 11, 1, 0)
    per_group = _per_group(call, out, kernel)
    weight = call.tagged(group, out // group, per_group, *kernel)
    weight = weight.swapaxes(1, 2).reshape(group * per_group, out // group, *kernel)
    sides = _sides(call)
    if min(sides) < 0:
        raise ValueError(f"found padding {sides}, expected 0 or more")
    more = (call.integer(19, call.integer(18)), call.integer(18))
    attributes: dict[str, Any] = {"strides": _pair(call, 13, 3, 1), "dilations": _pair(call, 12, 2, 1), "group": group}
    bias = _bias(call, 5, out)
    value = call.node("ConvTranspose", call.picture(), weight, *bias, pads=sides, output_padding=more, **attributes)
    return activated(call, Blob(value))


@handles("InnerProduct")
def _inner_product(call: Call) -> Blob:
    """A fully connected layer of a vector is a convolution with a kernel of one pixel."""
    call.refuse(8, "int8 arithmetic")
    out, count = call.integer(0), call.integer(2)
    if out < 1 or count < 1 or count % out:
        raise ValueError(f"found {count} weights for {out} outputs, expected a multiple")
    weight = call.tagged(out, count // out, 1, 1)
    value = call.node("Conv", call.vector(), weight, *_bias(call, 1, out))
    return activated(call, Blob(value, "vector"))


def _outputs(call: Call) -> tuple[int, int]:
    """The number of output channels, and of groups."""
    out, group = call.integer(0), call.integer(7, 1)
    if out < 1 or group < 1 or out % group:
        raise ValueError(f"found {out} output channels in {group} groups, expected a multiple, 1 or more")
    return out, group


def _per_group(call: Call, out: int, kernel: tuple[int, int]) -> int:
    """How many channels each output reads, from the number of all weights."""
    count, per_channel = call.integer(6), out * kernel[0] * kernel[1]
    if per_channel < 1 or count < 1 or count % per_channel:
        raise ValueError(f"found {count} weights for {out} channels and a kernel of {kernel}, expected a multiple")
    return count // per_channel


def _pair(call: Call, vertical: int, horizontal: int, default: int) -> tuple[int, int]:
    """A number for rows and one for columns; that for rows is the other's where it is not given."""
    columns = call.integer(horizontal, default)
    return call.integer(vertical, columns), columns


def _sides(call: Call) -> tuple[int, int, int, int]:
    """The padding at the top, left, bottom and right."""
    left = call.integer(4)
    top = call.integer(14, left)
    return top, left, call.integer(16, top), call.integer(15, left)


def _bias(call: Call, index: int, out: int) -> list[Any]:
    """The layer's bias, if its parameter of this number says that it has one."""
    return [call.plain(out)] if call.integer(index) else []


def activated(call: Call, blob: Blob) -> Blob:
    """What a layer's own activation makes of its sum."""
    kind, given = call.integer(9), call.array(10)
    wanted = {2: 1, 3: 2, 6: 2}.get(kind, 0)
    if len(given) < wanted:
        raise ValueError(f"found {len(given)} numbers for activation {kind}, expected {wanted}")
    match kind:
        case 0:
            return blob
        case 1:
            return call.like(blob, "Relu", blob.tensor, tag="relu")
        case 2:
            return call.like(blob, "LeakyRelu", blob.tensor, tag="relu", alpha=float(given[0]))
        case 3:
            return call.like(blob, "Clip", blob.tensor, numbers(given[0]), numbers(given[1]), tag="clip")
        case 4:
            return call.like(blob, "Sigmoid", blob.tensor, tag="sigmoid")
        case 5:
            return call.like(blob, "Mish", blob.tensor, tag="mish")
        case 6:
            gate = call.node("HardSigmoid", blob.tensor, tag="gate", alpha=float(given[0]), beta=float(given[1]))
            return call.like(blob, "Mul", blob.tensor, gate, tag="hardswish")
    raise ValueError(f"found activation {kind}, expected 0 to 6")


# ---------------------------------------------------------------------------------------------------------------------
# Pools


@handles("Pooling")
def _pooling(call: Call) -> Blob:
    mean = call.integer(0) == 1
    if call.integer(4):
        _expect_mean(mean)
        return Blob(call.node("GlobalAveragePool", call.picture()), "vector")
    if call.integer(7):
        size = (call.integer(18, call.integer(8)), call.integer(8))
        if size == (NOT_GIVEN, NOT_GIVEN):
            return call.blob()
        if size != (1, 1):
            raise ValueError(f"found a pool to a size of {size}, expected 1 x 1")
        _expect_mean(mean)
        return Blob(call.node("GlobalAveragePool", call.picture()), "pixel")
    left = call.integer(3)
    top = call.integer(13, left)
    attributes: dict[str, Any] = {"kernel_shape": _pair(call, 11, 1, 0), "strides": _pair(call, 12, 2, 1)}
    match call.integer(5):
        case 0 | 1 as mode:
            attributes |= {"pads": (top, left, call.integer(15, top), call.integer(14, left)), "ceil_mode": 1 - mode}
        case 2 | 3 as mode if not mean:
            attributes["auto_pad"] = "SAME_UPPER" if mode == 2 else "SAME_LOWER"
        case mode:
            raise ValueError(f"found pad_mode {mode} of a {'mean' if mean else 'maximum'}, expected 0 or 1")
    if mean:
        attributes["count_include_pad"] = call.integer(6)
    return Blob(call.node("AveragePool" if mean else "MaxPool", call.picture(), **attributes))


def _expect_mean(mean: bool) -> None:
    if not mean:
        raise ValueError("found the maximum of a picture, expected its mean")


# ---------------------------------------------------------------------------------------------------------------------
# Normalisation


@handles("BatchNorm")
def _batch_norm(call: Call) -> Blob:
    channels = call.integer(0)
    scale, mean, variance, shift = (call.plain(channels) for _ in range(4))
    arguments = (scale, shift, mean, variance)
    return call.like(call.blob(), "BatchNormalization", call.blob().tensor, *arguments, epsilon=call.number(1))


@handles("InstanceNorm")
def _instance_norm(call: Call) -> Blob:
    channels = call.integer(0)
    if not call.integer(2, 1):
        raise ValueError("found no factors, expected one per channel")
    factors = [call.plain(channels), call.plain(channels)]
    return Blob(call.node("InstanceNormalization", call.picture(), *factors, epsilon=call.number(1, 0.001)))


@handles("Scale")
def _scale(call: Call) -> Blob:
    """A number per channel, from the file or from a second blob."""
    blob, count = call.blob(), call.integer(0)
    if count == NOT_GIVEN:
        call.refuse(1, "a bias beside factors from another layer")
        return call.like(blob, "Mul", blob.tensor, call.vector(1))
    factors = call.plain(count)
    scaled = call.like(blob, "Mul", blob.tensor, per_channel(factors), tag="scaled")
    if not call.integer(1):
        return scaled
    return call.like(blob, "Add", scaled.tensor, per_channel(call.plain(count)))


@handles("Bias")
def _bias_layer(call: Call) -> Blob:
    return call.like(call.blob(), "Add", call.blob().tensor, per_channel(call.plain(call.integer(0))))
