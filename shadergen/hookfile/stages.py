"""What a player does with a hook file, as far as no GPU is needed: stages, names, conditions and sizes.

A frame goes through stages; at each one the player fires the passes that hook it, in the file's order. A pass reads
textures by name and replaces the stage's picture or saves another texture. Where the players differ, this is libplacebo
(CM src/shaders/custom_mpv.c, RN src/renderer.c at 3be579e6; VC is mpv's video/out/gpu/video.c at b955aa28f).

Sizes are (width, height).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from shadergen.hookfile.blocks import HookFile, HookPass, UserBuffer, UserTexture
from shadergen.hookfile.rpn import Rpn, RpnError

Dimensions = tuple[float, float]
"""(width, height) of a texture, not necessarily whole: NATIVE_CROPPED is the size of a rectangle."""

# ---------------------------------------------------------------------------------------------------------------------
# Stages

_FIRING = (
    ("RGB", "LUMA", "XYZ"),
    ("CHROMA",),
    ("ALPHA",),
    ("CHROMA_SCALED",),
    ("ALPHA_SCALED",),
    ("NATIVE",),
    ("MAINPRESUB", "MAIN"),
    ("LINEAR",),
    ("SIGMOID",),
    ("PREKERNEL",),
    ("POSTKERNEL",),
    ("SCALED",),
    ("PREOUTPUT",),
    ("OUTPUT",),
)
"""When a stage fires within a frame (RN:1779-2795; VC:2384-2397, 2517, 3218-3330). RGB, LUMA and XYZ exclude one
another; MAIN and MAINPRESUB are one stage to libplacebo."""

STAGE_ORDER: Mapping[str, int] = {stage: order for order, stages in enumerate(_FIRING) for stage in stages}
"""Every name that HOOK may have, with its place in the frame."""

STAGES = tuple(stage for stages in _FIRING for stage in stages if stage != "MAIN")
"""Every stage once, by its canonical name, in the order of a frame."""

PLANES = ("RGB", "LUMA", "XYZ", "CHROMA", "ALPHA")
"""Stages whose picture is a plane as it was decoded, so that NAME_mul may differ from 1."""

PLANE_COMPONENTS: Mapping[str, int] = {"LUMA": 1, "ALPHA": 1, "ALPHA_SCALED": 1, "CHROMA": 2, "CHROMA_SCALED": 2}
"""How many components the picture has at stages before the planes are merged."""

RESIZABLE = frozenset({"RGB", "LUMA", "XYZ", "CHROMA", "ALPHA", "NATIVE", "MAINPRESUB"})
"""Stages whose picture may come out of its passes with another size; elsewhere libplacebo disables the file."""

OUTPUT_SIZED = ("POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT")
"""Stages after the player has scaled the picture to the size it is shown at."""

EXPRESSION_NAMES = frozenset({"HOOKED", "NATIVE_CROPPED", "OUTPUT"})
"""Names whose size an expression may ask for at any stage (CM:959-975)."""


def hooked_stages(file: HookFile) -> frozenset[str]:
    """The canonical name of every stage that a pass of the file hooks, those that no player knows included."""
    return frozenset(canonical(hook) for item in file.passes for hook in item.hooks)


def first_stage(item: HookPass) -> str:
    """The canonical name of the first stage that a pass hooks, to compile it for; LUMA if it hooks none."""
    return canonical(item.hooks[0]) if item.hooks else "LUMA"


def last_stage(file: HookFile, fired: Iterable[str]) -> str | None:
    """The last of the stages `fired`, given in a frame's order, that the file hooks; None where it hooks none."""
    hooked = hooked_stages(file)
    return next((stage for stage in reversed(tuple(fired)) if stage in hooked), None)


def passes_at(file: HookFile, stage: str) -> Iterator[tuple[int, HookPass]]:
    """The passes that fire at a stage given by its canonical name, each with its index into `file.passes`."""
    for index, item in enumerate(file.passes):
        if stage in map(canonical, item.hooks):
            yield index, item


# ---------------------------------------------------------------------------------------------------------------------
# Names


def canonical(name: str) -> str:
    """The one name of a stage or texture that may have two: MAINPRESUB for MAIN (CM:852-855)."""
    return "MAINPRESUB" if name == "MAIN" else name


def names_of(stage: str) -> tuple[str, ...]:
    """Every name of a stage or texture that is given by its canonical one."""
    return ("MAINPRESUB", "MAIN") if stage == "MAINPRESUB" else (stage,)


def bindings(item: HookPass, stage: str) -> dict[str, bool]:
    """The canonical name of everything that a pass binds at a stage, and whether it is to be called HOOKED too.

    HOOKED is the stage's own picture. A name that is bound twice stands here once.
    """
    names: dict[str, bool] = {}
    for bind in item.binds:
        name = stage if bind == "HOOKED" else canonical(bind)
        names[name] = names.get(name, False) or bind == "HOOKED"
    return names


def result_name(item: HookPass, stage: str) -> str:
    """The canonical name of what a pass makes at a stage: the stage's own where it replaces the picture."""
    return stage if item.save is None else canonical(item.save)


def overwrites(item: HookPass) -> frozenset[str]:
    """The hooked stages, as the file calls them, whose picture the pass replaces."""
    return frozenset(hook for hook in item.hooks if result_name(item, canonical(hook)) == canonical(hook))


def saved_names(file: HookFile) -> frozenset[str]:
    """Every name that a pass saves, as the file writes it."""
    return frozenset(item.save for item in file.passes if item.save is not None)


def resources(file: HookFile) -> dict[str, UserTexture | UserBuffer]:
    """The TEXTUREs and BUFFERs by name, in the file's order; of two with one name, players bind the first (CM:1308)."""
    found: dict[str, UserTexture | UserBuffer] = {}
    for block in file.blocks:
        if isinstance(block, UserTexture | UserBuffer):
            found.setdefault(block.name, block)
    return found


def may_exist(file: HookFile, name: str, index: int) -> bool:
    """Whether pass number `index` can find something called `name`, if every pass that can run before it has run."""
    if name == "HOOKED" or name in resources(file):
        return True
    fires, reader = STAGE_ORDER.get(name), file.passes[index]
    if fires is not None and any(fires <= STAGE_ORDER.get(hook, 0) for hook in reader.hooks):
        return True
    makers = (number for number, item in enumerate(file.passes) if canonical(item.save or "") == canonical(name))
    return any(_fires_before(file, maker, index) for maker in makers)


def _fires_before(file: HookFile, producer: int, consumer: int) -> bool:
    """Whether a pass can run before another in a frame: at an earlier stage, or earlier in the file."""
    orders = [[STAGE_ORDER.get(hook, 0) for hook in file.passes[index].hooks] for index in (producer, consumer)]
    return any((first, producer) < (then, consumer) for first in orders[0] for then in orders[1])


# ---------------------------------------------------------------------------------------------------------------------
# Conditions and sizes


def initial_values(file: HookFile) -> dict[str, float]:
    """The value of every PARAM that nobody has changed; of a whole number, players read the digits only: 0.8 is 0."""
    return {param.name: param.initial if param.type == "float" else math.trunc(param.initial) for param in file.params}


def variables(file: HookFile, values: Mapping[str, float]) -> dict[str, float]:
    """What expressions may name: the PARAMs, with these values, and the names of every ENUM, with their numbers."""
    return {name: float(number) for param in file.params for number, name in enumerate(param.names)} | dict(values)


class DisabledError(ValueError):
    """The file asks for something that has no answer; libplacebo runs no pass of it for the rest of the frame."""


@dataclass(frozen=True)
class Scope:
    """What the names in a pass's expressions stand for at the moment it is fired (CM:959-1022, VC:2083-2134)."""

    hooked: Dimensions
    """The stage's picture, as the passes before this one left it."""
    native: Dimensions
    """NATIVE_CROPPED."""
    output: Dimensions
    """OUTPUT, before and after that stage has fired."""
    texture: Callable[[str], Dimensions | None]
    """The size of a stage's picture or a saved texture by canonical name, or None where there is none yet."""
    variables: Mapping[str, float]

    def size(self, name: str) -> Dimensions | None:
        match name:
            case "HOOKED":
                return self.hooked
            case "NATIVE_CROPPED":
                return self.native
            case "OUTPUT":
                return self.output
            case _:
                return self.texture(canonical(name))

    def evaluate(self, expression: Rpn) -> float:
        """The value of an expression. Raises DisabledError where it has none."""
        try:
            return expression.evaluate(self.size, self.variables.get)
        except RpnError as error:
            raise DisabledError(f"{error} in {expression}") from None

    def dimensions(self, item: HookPass) -> Dimensions:
        """What WIDTH and HEIGHT of a pass come to, HOOKED's where it has none. Raises DisabledError."""
        width = self.hooked[0] if item.width is None else self.evaluate(item.width)
        height = self.hooked[1] if item.height is None else self.evaluate(item.height)
        return (width, height)


def skip_reason(item: HookPass, stage: str, scope: Scope, exists: Callable[[str], bool]) -> str:
    """Why a player leaves a pass out at a stage, or an empty text where it runs.

    `exists` tells by the canonical name whether a texture or buffer can be bound by now.
    Raises DisabledError where WHEN has no value.
    """
    if item.when is not None and scope.evaluate(item.when) == 0:
        return f"WHEN {item.when} is 0"
    missing = next((name for name in bindings(item, stage) if not exists(name)), None)
    return "" if missing is None else f"there is no texture named {missing}"


def result_size(item: HookPass, scope: Scope) -> tuple[int, int]:
    """The size of what a pass makes, in whole texels. Raises DisabledError where it has none."""
    width, height = (roundf(extent) for extent in scope.dimensions(item))
    if min(width, height) < 1:
        raise DisabledError(f"its size is {width}x{height}")
    return (width, height)


def roundf(value: float) -> int:
    """A number rounded to the nearest integer, halves away from zero, as C's roundf does."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


# ---------------------------------------------------------------------------------------------------------------------
# Where the content lies

Rect = tuple[float, float, float, float]
"""Where the frame's content lies in a texture: (x0, y0, x1, y1) in its texels."""


def misalignment(rect: Rect, source: Rect) -> tuple[float, float]:
    """How far a content's origin is from where the frame's would be, across and down, in texels of its own texture.

    `source` is the rectangle called NATIVE_CROPPED. OFFSET ALIGN moves NAME_pos of the hooked picture by this much.
    """
    scale_x, scale_y = ((rect[2 + axis] - rect[axis]) / (source[2 + axis] - source[axis]) for axis in (0, 1))
    return (rect[0] - scale_x * source[0], rect[1] - scale_y * source[1])


def result_rect(item: HookPass, size: tuple[int, int], hooked: Dimensions, rect: Rect, source: Rect) -> Rect:
    """Where the content lies in the result of a pass: where it was in the hooked picture, scaled and moved by OFFSET.

    `size` is the result's, `hooked` and `rect` are the picture's. OFFSET ALIGN undoes the misalignment.
    """
    scale_x, scale_y = size[0] / hooked[0], size[1] / hooked[1]
    x0, y0, x1, y1 = (edge * scale for edge, scale in zip(rect, (scale_x, scale_y) * 2, strict=True))
    if item.offset == "ALIGN":
        left, top = misalignment((x0, y0, x1, y1), source)
        shift_x, shift_y = -left, -top
    else:
        shift_x, shift_y = item.offset or (0.0, 0.0)
    return (x0 + shift_x, y0 + shift_y, x1 + shift_x, y1 + shift_y)
