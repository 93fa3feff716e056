"""Runs a hook file on OpenGL the way libplacebo does, and reads back every texture.

The file goes through the stages of libplacebo's renderer: the planes (LUMA, CHROMA, ALPHA or RGB), CHROMA_SCALED and
ALPHA_SCALED, NATIVE, MAIN (= MAINPRESUB), PREKERNEL, POSTKERNEL, SCALED, PREOUTPUT, OUTPUT. Between the stages a few
small programs merge the planes, convert to RGB and scale; they are bilinear, in 32-bit float, without clamping. Only
the calls to `hook()` are the file's own. The parts are in reading order: `resources` (the file's TEXTUREs and BUFFERs),
`program` (the GLSL of a pass), `canvas` (textures, and the programs in between), `hooks` (the file on one frame), and
here the stages.

Coordinates: sizes are (width, height), arrays are (channels, height, width), and texel row 0 is array row 0. A rect is
(x0, y0, x1, y1) in texels of its texture: where the frame's content lies in it.

Where the players differ, this is libplacebo (source: src/shaders/custom_mpv.c):

- An expression that fails, a size below 1 or a resized stage that must keep its size disables the file for the rest of
  the frame and drops what it did to the current stage. vo=gpu skips the pass. Here the passes that did not run say so.
- Saved textures live per file and frame; vo=gpu shares them between files.
- COMPONENTS is a note to the renderer; vo=gpu fills the channels above it with 0, 0, 1 in a fragment pass.
- Textures of TEXTURE blocks are filtered NEAREST unless they say LINEAR; vo=gpu filters LINEAR.
- BUFFER, STORAGE, the PARAM modes beyond vo=gpu's, linearize() and delinearize() exist.
- NAME_map exists in compute passes only (as in vo=gpu), NAME_rot is the identity.

Where this runner differs from libplacebo:

- Hook outputs are `storage`, nothing else; libplacebo takes rgba16f where it can and falls back to integer formats.
  The driver rounds to 16 bits: GPUs to the nearest value, Mesa's llvmpipe towards zero.
- LINEAR and SIGMOID never fire: scaling is in the picture's own light. Their passes are listed as not run.
- linearize() and delinearize() are BT.1886 for YCbCr and sRGB for RGB, whatever a file's tags would say.
- Levels are 8-bit ones unless the frame says otherwise: limited luma is 16/255..235/255, neutral chroma 128/255.
- `random` is a fixed sequence, another one than libplacebo's.
- `#extension` lines are moved to the top of the program. glslang takes them in the middle, OpenGL drivers do not.
- A name bound twice (`BIND HOOKED` and `BIND LUMA` on LUMA) is bound once; libplacebo defines its macros twice.
- A TEXTURE of one dimension is a sampler2D of height 1: NAME_tex(x) works, texture(NAME, x) does not compile.
- BORDER MIRROR and integer texture formats are refused.
- Alpha is premultiplied from MAIN on, as in libplacebo, and stays so in the results.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt

from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile, stages
from shadergen.hookfile.stages import canonical, roundf
from shadergen.runtime.canvas import Array, Canvas, CodedPlane, Picture, Rect, Size, whole
from shadergen.runtime.colour import Matrix, ycbcr_decoding
from shadergen.runtime.hooks import Hooks, LoadedFile, PassRun
from shadergen.runtime.program import Storage, param_values

__all__ = ["CodedPlane", "Frame", "PassRun", "Result", "Runner", "Storage"]

_NEVER_FIRES = {
    "LINEAR": "stage LINEAR fires only when scaling in linear light, which this runner does not do",
    "SIGMOID": "stage SIGMOID fires only when scaling in sigmoidized light, which this runner does not do",
    "XYZ": "stage XYZ fires only for XYZ video, which this runner does not do",
}
FIRED_STAGES = tuple(stage for stage in stages.STAGES if stage not in _NEVER_FIRES)
"""Every stage that can fire here, in order, by canonical name."""
_PLANE_CHANNELS = {"RGB": (3, 4), "LUMA": (1,), "CHROMA": (2,), "ALPHA": (1,)}


@dataclass(frozen=True)
class Frame:
    """A decoded picture as the player uploads it.

    `planes` holds either RGB or LUMA with or without CHROMA, and in both cases ALPHA or not. Raises ValueError for
    other planes and shapes.
    """

    planes: Mapping[str, npt.NDArray[Any]]
    """The planes by stage: LUMA (1, h, w), CHROMA (2, ch, cw), ALPHA (1, h, w), RGB (3 or 4, h, w).

    Floats are what NAME_mul * NAME_raw gives, so limited-range luma runs from 16/255 to 235/255. uint8 and uint16 are
    what NAME_raw gives, as codes of 0..1.
    """
    mul: float = 1.0
    """What NAME_mul is for every plane: textures of floats hold values / mul."""
    siting: tuple[float, float] = (0.0, 0.0)
    """Where the chroma samples lie, in luma texels from the centre of the luma texels they cover: center (0, 0), left
    (MPEG-2) (-0.5, 0), topleft (-0.5, -0.5)."""
    matrix: Matrix = "bt709"
    full_range: bool = False
    depth: int = 8
    """How many bits the codes have whose levels the values are. `matrix`, `full_range` and `depth` are used only to
    turn NATIVE into MAIN."""

    def __post_init__(self) -> None:
        names = frozenset(self.planes) - {"ALPHA"}
        if names not in ({"RGB"}, {"LUMA"}, {"LUMA", "CHROMA"}):
            raise ValueError(f"found planes {sorted(self.planes)}, expected RGB, LUMA or LUMA and CHROMA")
        for name, values in self.planes.items():
            if values.ndim != 3 or values.shape[0] not in _PLANE_CHANNELS[name] or values.size == 0:
                raise ValueError(f"found plane {name} of shape {values.shape}, expected (channels, height, width)")

    @property
    def size(self) -> Size:
        """The size of LUMA or RGB, the plane that the others are aligned with."""
        _, height, width = self.planes["RGB" if "RGB" in self.planes else "LUMA"].shape
        return (width, height)


@dataclass(frozen=True)
class Result:
    """Every texture after the hooks, and what ran. MAIN and MAINPRESUB are both keys."""

    planes: Mapping[str, Array]
    """What each stage came to: (channels, height, width). LUMA has 1 channel, CHROMA 2, NATIVE and later 3 or 4."""
    saved: Mapping[str, Array]
    """The textures asked for with `keep` that exist, as last saved: (4, height, width) by name."""
    passes: tuple[PassRun, ...]
    """What became of every pass, in the order they came up; those whose stage never fired come last."""
    rects: Mapping[str, Rect]
    """Where the content lies in each stage's texture, as OFFSET and OFFSET ALIGN made it."""
    coded: tuple[bytes, ...] = ()
    """The planes of OUTPUT asked for with `coded`."""

    def require_a_pass(self, where: str) -> None:
        """Raise ShaderRunError where no pass ran, and the picture is merely scaled."""
        if not any(run.ran for run in self.passes):
            reasons = ", ".join(sorted({run.reason for run in self.passes})) or "it has none"
            problem = f"found no hook pass that runs on this picture ({reasons}), expected one"
            raise ShaderRunError(where, problem, "choose a larger --factor, or a file for such pictures")


class Runner:
    """A hook file on a context, ready to run frame after frame; programs are compiled when first needed.

    `params` overrides PARAM values by name. Errors begin with `where`, the file's name. `after` are files that come
    later in the player's list, by name: at every stage they get what this one made of it.
    Raises ShaderRunError for a block this device or this runner cannot do.
    """

    def __init__(
        self,
        context: moderngl.Context,
        file: HookFile,
        *,
        storage: Storage = "rgba16f",
        params: Mapping[str, float] | None = None,
        where: str = "<shader>",
        after: Mapping[str, HookFile] | None = None,
    ) -> None:
        self.context = context
        self.file = file
        self.storage: Storage = storage
        self.where = where
        self._overrides = dict(params or {})
        param_values(file, self._overrides, where)  # before any work, so that a wrong name is found at once
        files = {where: file} | dict(after or {})
        self._loaded = [LoadedFile(context, file, storage, name) for name, file in files.items()]

    def run(
        self,
        frame: Frame,
        output_size: Size,
        *,
        keep: Collection[str] = (),
        stop_after: str | None = None,
        timers: bool = False,
        progress: Callable[[PassRun], None] | None = None,
        only: Collection[str] | None = None,
        coded: Sequence[CodedPlane] = (),
    ) -> Result:
        """Play one frame at `output_size`.

        `keep` names saved textures to return. `stop_after` names the last stage to run. With `timers` each pass is
        waited for, so that its GPU time is its own. `progress` is called after every pass that came up. `only` names
        the stages to read back (None: all), `coded` planes to read of OUTPUT.
        Raises ShaderRunError for a pass that does not compile or needs a texture the device cannot make, ValueError
        for a `stop_after` or an output size that cannot be.
        """
        stop = canonical(stop_after) if stop_after else None
        if stop is not None and stop not in FIRED_STAGES:
            raise ValueError(f"found stop_after {stop_after!r}, expected one of {', '.join(FIRED_STAGES)}")
        if min(output_size) < 1:
            raise ValueError(f"found output size {output_size}, expected positive numbers")
        canvas = Canvas(self.context, self._loaded[0].programs, self.where)
        hooks = [
            Hooks(
                loaded,
                canvas,
                values=self._values(frame, loaded.file),
                source_rect=whole(frame.size),
                output_size=output_size,
                video="LUMA" in frame.planes,
                timers=timers,
                progress=progress,
            )
            for loaded in self._loaded
        ]
        playback = _Playback(frame, output_size, stop, canvas, hooks)
        try:
            playback.play()
            error = self.context.error
            if error != "GL_NO_ERROR":
                raise ShaderRunError(self.where, f"found {error} from the driver, expected none")
            return playback.result(keep, only, coded)
        finally:
            canvas.release()

    def release(self) -> None:
        """Free every GL object; the runner cannot be used afterwards."""
        for loaded in self._loaded:
            loaded.release()

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _values(self, frame: Frame, file: HookFile) -> dict[str, float]:
        """The value of every PARAM of a file. mpv fills in two by itself (its manual, "chroma_offset_x")."""
        siting = {"chroma_offset_x": frame.siting[0], "chroma_offset_y": frame.siting[1]}
        names = {param.name for param in file.params}
        overrides = {name: value for name, value in siting.items() if name in names}
        return param_values(file, overrides | (self._overrides if file is self.file else {}), self.where)


class _Stop(Exception):  # noqa: N818 - the wanted stage is done; nothing is wrong
    pass


@dataclass
class _Playback:
    """One frame on its way through the stages."""

    frame: Frame
    output_size: Size
    stop: str | None
    """The last stage to run, or None."""
    canvas: Canvas
    hooks: Sequence[Hooks]
    """The files at work on this frame, in the player's order."""
    stages: dict[str, Picture] = field(default_factory=dict)
    """What the stages that fired came to."""

    def play(self) -> None:
        self.canvas.context.enable_only(moderngl.NOTHING)
        with contextlib.suppress(_Stop):
            self._play()
        self._note_unfired()

    def result(self, keep: Collection[str], only: Collection[str] | None, coded: Sequence[CodedPlane]) -> Result:
        texels: dict[int, Array] = {}

        def read(picture: Picture, channels: int) -> Array:
            # A stage that no pass changed has the texture of the one before; it is read once.
            if picture.texture.glo not in texels:
                texels[picture.texture.glo] = picture.read()
            values = texels[picture.texture.glo]
            return values[:channels] * np.float32(picture.mul) if picture.mul != 1.0 else values[:channels]

        saved = {name: picture for hooks in self.hooks for name, picture in hooks.saved.items()}
        named = {name: picture for stage, picture in self.stages.items() for name in stages.names_of(stage)}
        wanted = named if only is None else named.keys() & set(only)
        return Result(
            planes={name: read(named[name], named[name].channels) for name in named if name in wanted},
            saved={name: read(saved[canonical(name)], 4) for name in keep if canonical(name) in saved},
            passes=tuple(run for hooks in self.hooks for run in hooks.runs),
            rects={name: picture.rect for name, picture in named.items()},
            coded=tuple(self.canvas.codes(named["OUTPUT"], plane) for plane in coded),
        )

    def _play(self) -> None:
        planes = self._planes()
        native = self._fire("NATIVE", self._merge(planes))
        main = self._fire("MAINPRESUB", self._to_rgb(native))
        picture = self._fire("PREKERNEL", main)
        if not _same_size(picture.rect, self.output_size):
            picture = self.canvas.resample(picture, picture.rect, self.output_size)
        for stage in stages.OUTPUT_SIZED:
            picture = self._fire(stage, picture)

    def _planes(self) -> dict[str, Picture]:
        width, height = self.frame.size
        planes: dict[str, Picture] = {}
        for stage in ("RGB", "LUMA", "CHROMA", "ALPHA"):
            if stage not in self.frame.planes:
                continue
            values = self.frame.planes[stage]
            shift_x, shift_y = self.frame.siting if stage == "CHROMA" else (0.0, 0.0)
            ratio_x, ratio_y = _ratio(values.shape[2], width), _ratio(values.shape[1], height)
            rect = (
                -shift_x * ratio_x,
                -shift_y * ratio_y,
                (width - shift_x) * ratio_x,
                (height - shift_y) * ratio_y,
            )
            whole_numbers = np.issubdtype(values.dtype, np.integer)
            texture = self.canvas.upload(stage, values if whole_numbers else values / self.frame.mul)
            planes[stage] = self._fire(stage, Picture(texture, rect, values.shape[0], self.frame.mul))
        return planes

    def _merge(self, planes: Mapping[str, Picture]) -> Picture:
        """The planes at the reference plane's size, one picture; the reference is LUMA or RGB."""
        base = planes.get("RGB") or planes["LUMA"]
        x0, y0, x1, y1 = base.rect
        width, height = x1 - x0, y1 - y0
        # The reference's fractional offset is left to the scaler; its size is rounded to whole texels.
        offset = (x0 - math.trunc(x0), y0 - math.trunc(y0))
        size = (roundf(width), roundf(height))
        aligned: dict[str, Picture] = {}
        for stage, picture in planes.items():
            left, top = picture.rect[:2]
            scale_x, scale_y = (picture.rect[2] - left) / width, (picture.rect[3] - top) / height
            left, top = left - scale_x * offset[0], top - scale_y * offset[1]
            rect = (left, top, left + scale_x * size[0], top + scale_y * size[1])
            if picture.size != size or rect != whole(size) or picture.mul != 1.0:
                picture = self.canvas.resample(picture, rect, size)
            scaled = f"{stage}_SCALED"
            aligned[stage] = self._fire(scaled, picture) if scaled in FIRED_STAGES else picture
        source_rect = (*offset, offset[0] + width, offset[1] + height)
        for hooks in self.hooks:
            hooks.source_rect = source_rect
        if set(planes) == {"RGB"}:
            return Picture(aligned["RGB"].texture, source_rect, base.channels)
        alpha = "ALPHA" in planes or base.channels == 4
        return Picture(self.canvas.merge(aligned, size), source_rect, 4 if alpha else 3)

    def _to_rgb(self, native: Picture) -> Picture:
        matrix, offset = np.eye(3), np.zeros(3)
        if "LUMA" in self.frame.planes:
            matrix, offset = ycbcr_decoding(self.frame.matrix, self.frame.full_range, self.frame.depth)
        elif native.channels == 3:
            return native
        return Picture(self.canvas.decode(native, matrix, offset), native.rect, native.channels)

    def _fire(self, stage: str, picture: Picture) -> Picture:
        if self.stop is not None and FIRED_STAGES.index(stage) > FIRED_STAGES.index(self.stop):
            raise _Stop  # this frame has no stage by the wanted name
        for hooks in self.hooks:
            picture = hooks.fire(stage, picture)
        self.stages[stage] = picture
        if stage == self.stop:
            raise _Stop
        return self.stages[stage]

    def _note_unfired(self) -> None:
        for hooks in self.hooks:
            for index, item in enumerate(hooks.loaded.file.passes):
                for hook in item.hooks:
                    if (stage := canonical(hook)) not in self.stages:
                        reason = self._why_unfired(stage, hook)
                        hooks.note(PassRun(index, item.desc, stage, ran=False, reason=reason))

    def _why_unfired(self, stage: str, hook: str) -> str:
        if stage in _NEVER_FIRES:
            return _NEVER_FIRES[stage]
        if stage not in FIRED_STAGES:
            return f"there is no stage {hook}"
        if self.stop is not None and FIRED_STAGES.index(stage) > FIRED_STAGES.index(self.stop):
            return f"stopped after {self.stop}"
        return f"this frame has no stage {hook}"


def _same_size(rect: Rect, size: Size) -> bool:
    """Whether nothing is to be scaled. What OFFSET left of a texel is dropped then, as libplacebo does by default
    (sample_src_info without correct_subpixel_offsets; mpv's --scaler-resizes-only)."""
    x0, y0, x1, y1 = rect
    return abs(size[0] / (x1 - x0) - 1) <= 1e-6 and abs(size[1] / (y1 - y0) - 1) <= 1e-6


def _ratio(extent: int, reference: int) -> float:
    """A plane's subsampling, as 1/n or n: the sizes of subsampled planes are rounded up, which must not count."""
    ratio = extent / reference
    return float(roundf(ratio)) if ratio >= 1 else 1.0 / roundf(1 / ratio)
