"""What 16-bit storage costs a network: the passes computed in NumPy with every stored value rounded.

A correct shader departs from the reference by what is lost when its values are stored, and that differs much from one
network to another. So the bound of `verify` is what the passes lose here on the same frame, times a stated factor, plus
one step of the format at the largest value: a value in the middle between two steps may fall either way. Of a mean that
step counts less the more values there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shadergen.ir import reference
from shadergen.ir.graph import Plane
from shadergen.ir.ops import Array, Conv
from shadergen.judge.stimuli import Stimulus
from shadergen.kernels.kernel import Plan
from shadergen.runtime.colour import SITINGS, rgb_to_ycbcr, upsample_chroma, ycbcr_decoding
from shadergen.runtime.compare import Bound
from shadergen.schedule.evaluate import Convolve, evaluate
from shadergen.schedule.hookpass import Schedule
from shadergen.storage.layout import Texture

Rounding = Callable[[Array], Array]

FACTOR = 1.5
"""Times what the passes lose in NumPy. Measured on C4F16, C4F16_Chroma and random networks, Mesa 22.3: on OpenGL the
largest and the mean difference are 0.8 to 1.1 times NumPy's, most of them to the last digit; in libplacebo on lavapipe,
which cuts off twice more at the end, 1.0 to 1.5 and 0.9 to 1.3 times."""
FP16_NOISE = 1.0
"""What is lost of each product where arithmetic is in fp16, in steps of fp16 at it, see `_convolution`."""
DRAWS = 1024
"""Values that fp16's losses are drawn for at least: small pictures are drawn several times, and the worst counts."""


def nearest(x: Array) -> Array:
    """To the nearest 16-bit float, as most GPUs store."""
    with np.errstate(over="ignore"):
        return x.astype(np.float16).astype(np.float32)


def towards_zero(x: Array) -> Array:
    """To the 16-bit float that is not larger, as Mesa's software drivers store."""
    with np.errstate(over="ignore", invalid="ignore"):
        half = x.astype(np.float16)
        smaller = np.nextafter(half, np.float16(0))
        return np.where(np.abs(half.astype(np.float32)) > np.abs(x), smaller, half).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# How a driver rounds

_STORED = {
    "fragment": "//!COMPONENTS 4\nvec4 hook() {\n    return vec4(1.0 + 0.75 / 1024.0);\n}\n",
    "compute": "//!COMPONENTS 4\n//!COMPUTE 8 8\nvoid hook() {\n"
    "    imageStore(out_image, ivec2(gl_GlobalInvocationID), vec4(1.0 + 0.75 / 1024.0));\n}\n",
}
_READ = "vec4 hook() {\n    return vec4((stored_tex(stored_pos).x - 1.0) * 512.0, 0.0, 0.0, 1.0);\n}\n"


def probe(stage: str) -> str:
    """A file whose luma is 0.5 where 3/4 of a step is stored as a whole one, and 0 where it is cut off."""
    first = f"//!HOOK LUMA\n//!BIND HOOKED\n//!SAVE stored\n//!DESC stored\n{_STORED[stage]}"
    return f"{first}//!HOOK LUMA\n//!BIND HOOKED\n//!BIND stored\n//!DESC read\n//!COMPONENTS 1\n{_READ}"


def rounding_of(read: Array) -> Rounding:
    """How a driver rounds that gives this luma for `probe`."""
    return nearest if float(read.mean()) > 0.25 else towards_zero


# ---------------------------------------------------------------------------------------------------------------------
# Bounds


@dataclass(frozen=True)
class Bounds:
    """How far a picture, and each texture that is saved on the way to it, may be from the reference."""

    picture: Bound
    textures: dict[str, float]
    """The largest difference by the texture's name."""


def bounds(
    schedule: Schedule, frame: Stimulus, values: dict[str, Array], rounding: Rounding, *, libplacebo: bool
) -> Bounds:
    """What the shader may differ from `values`, those of the reference, when it is stored with this rounding.

    libplacebo stores two pictures more than the passes do: chroma's planes when it merges them, and the last picture
    before it is split into planes.
    """
    plane = schedule.graph.plane
    image = _input(plane, frame, rounding, libplacebo)
    expected = values[schedule.graph.output]
    named = {texture.name: texture for group in schedule.textures.values() for texture in group}
    pictures: list[Bound] = []
    losses: dict[str, float] = {}
    for draw in range(_draws(schedule, expected)):
        textures: dict[str, Array] = {}
        picture = evaluate(schedule, image, rounding, textures, _convolution(schedule, draw))
        if libplacebo:
            stored, wanted = shown(plane, picture, frame, rounding), shown(plane, expected, frame, lambda x: x)
            pictures.append(_bound(stored, wanted))
        else:
            pictures.append(_bound(picture, expected))
        for name, texels in textures.items():
            value = values[named[name].value][_channels(named[name])]
            losses[name] = max(losses.get(name, 0.0), _largest(named[name].unpack(texels), value))
    worst = Bound(max(bound.max_abs for bound in pictures), max(bound.mean_abs for bound in pictures))
    return Bounds(worst, losses)


def _draws(schedule: Schedule, expected: Array) -> int:
    """How often the losses are drawn: once where nothing is drawn, and where the picture is large."""
    return 1 if schedule.target.precision == "fp32" else -(-DRAWS // min(DRAWS, expected.size))


def _convolution(schedule: Schedule, draw: int) -> Convolve:
    """How convolutions are computed: in fp16, each product of a sum is off by a random part of itself.

    What is lost of the weights, products and sums is independent from one product to the next, so that the loss of the
    result is normally distributed; its variance is that of all products together (N. Higham and T. Mary, A New Approach
    to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41, 2019).
    """
    random = np.random.default_rng(draw)

    def convolve(op: Conv, x: Array, plan: Plan) -> Array:
        exact = reference.conv(op, x)
        if schedule.target.precision == "fp32":
            return exact
        squares = reference.conv(replace(op, weight=op.weight**2, bias=0 * op.bias), x**2)
        lost = random.standard_normal(exact.shape).astype(np.float32) * np.sqrt(squares)
        return exact + plan.growth * FP16_NOISE * 2.0**-11 * lost

    return convolve


def _channels(texture: Texture) -> slice:
    return slice(4 * texture.first, 4 * (texture.first + texture.packs))


def _largest(stored: Array, expected: Array) -> float:
    loss = np.abs(stored.astype(np.float64) - expected)
    return FACTOR * float(loss.max()) + step(expected)


def _bound(stored: Array, expected: Array) -> Bound:
    loss = np.abs(stored.astype(np.float64) - expected)
    mean = FACTOR * float(loss.mean()) + step(expected) / math.sqrt(loss.size)
    return Bound(_largest(stored, expected), mean)


def step(values: Array) -> float:
    """The step between 16-bit floats at the largest of these values."""
    largest = min(float(np.abs(values).max()), float(np.finfo(np.float16).max))
    return float(np.spacing(np.float16(largest)))


def _input(plane: Plane, frame: Stimulus, rounding: Rounding, libplacebo: bool) -> Array:
    """The graph's input as the passes read it: what was put together, and chroma on luma's pixels, is stored before."""
    match plane:
        case "luma":
            return frame.image
        case "rgb":
            return rounding(_as_planes(frame.image, rounding) if libplacebo else frame.image)
        case "chroma" | "ycbcr":
            assert frame.siting, "chroma has samples somewhere"
            samples = rounding(frame.planes["CHROMA"]) if libplacebo else frame.planes["CHROMA"]
            size = (frame.image.shape[2], frame.image.shape[1])
            luma = rounding(frame.image[:1]) if plane == "ycbcr" else frame.image[:1]
            return np.concatenate([luma, rounding(upsample_chroma(samples, SITINGS[frame.siting], size))])


def shown(plane: Plane, picture: Array, frame: Stimulus, rounding: Rounding) -> Array:
    """What comes back of a model's result through libplacebo, which stores the whole picture as RGB once more.

    Luma comes with neutral chroma, chroma with the frame's luma; of RGB come Y, Cb and Cr within 0..1. RGB is stored a
    second time, when arithmetic may have made it a digit too small, of which cutting off takes a whole step.
    """
    if plane == "rgb":
        return np.clip(rgb_to_ycbcr(rounding(np.nextafter(picture, np.float32(0))), depth=16), 0, 1)
    height, width = picture.shape[1:]
    if plane == "luma":
        neutral = rounding(np.full((2, height, width), 32768 / 65535, np.float32))
        whole = np.concatenate([picture, neutral])
    elif plane == "chroma":
        whole = np.concatenate([frame.image[:1, :height, :width], picture])
    else:
        whole = rounding(np.nextafter(picture, np.float32(0)))
    decode, offset = ycbcr_decoding("bt709", True, 16)
    rgb = rounding(_fp32(decode, whole, decode @ offset))
    back = np.tensordot(np.linalg.inv(decode), rgb.astype(np.float64), axes=1) - offset[:, None, None]
    return np.asarray({"luma": back[:1], "chroma": back[1:]}.get(plane, back), np.float32)


def _as_planes(rgb: Array, rounding: Rounding) -> Array:
    """RGB that comes as stored planes of Y, Cb and Cr."""
    decode, offset = ycbcr_decoding("bt709", True, 16)
    return _fp32(decode, rounding(rgb_to_ycbcr(rgb, depth=16)), decode @ offset)


def _fp32(matrix: npt.NDArray[np.float64], x: Array, constant: npt.NDArray[np.float64]) -> Array:
    """`matrix @ x + constant` in fp32, as libplacebo computes it: where a value that was stored comes out a digit too
    small, cutting off takes a whole step of it."""
    columns, offset = matrix.astype(np.float32), constant.astype(np.float32)
    total = columns[:, 0, None, None] * x[0]
    for column in (1, 2):
        total = total + columns[:, column, None, None] * x[column]
    return np.asarray(total + offset[:, None, None], np.float32)
