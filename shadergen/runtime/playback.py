"""The stages of one frame: which fire in which order, and what the renderer does with the picture in between."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import moderngl
import numpy as np

from shadergen.hookfile import stages
from shadergen.hookfile.stages import Rect, canonical, roundf
from shadergen.runtime.canvas import Canvas, CodedPlane, Picture, Size, whole
from shadergen.runtime.colour import Array, ycbcr_decoding
from shadergen.runtime.frame import Frame, Result
from shadergen.runtime.hooks import Hooks, PassRun

_NEVER_FIRES = {
    "LINEAR": "stage LINEAR fires only when scaling in linear light, which this runner does not do",
    "SIGMOID": "stage SIGMOID fires only when scaling in sigmoidized light, which this runner does not do",
    "XYZ": "stage XYZ fires only for XYZ video, which this runner does not do",
}
FIRED_STAGES = tuple(stage for stage in stages.STAGES if stage not in _NEVER_FIRES)
"""Every stage that can fire here, in order, by canonical name."""


class _Stop(Exception):  # noqa: N818 - the wanted stage is done; nothing is wrong
    pass


@dataclass
class Playback:
    """One frame on its way through the stages, drawn on a canvas."""

    frame: Frame
    output_size: Size
    stop: str | None
    """The last stage to run, or None."""
    canvas: Canvas
    hooks: Sequence[Hooks]
    """The files at work on this frame, in the player's order."""
    pictures: dict[str, Picture] = field(default_factory=dict)
    """What the stages that fired came to, by canonical name."""

    def play(self) -> None:
        """Run the stages up to the last one that is wanted."""
        self.canvas.context.enable_only(moderngl.NOTHING)
        with contextlib.suppress(_Stop):
            self._play()
        self._note_unfired()

    def result(self, keep: Collection[str], only: Collection[str] | None, coded: Sequence[CodedPlane]) -> Result:
        """Read back what came of the frame, as `Runner.run` says."""
        texels: dict[int, Array] = {}

        def read(picture: Picture, channels: int) -> Array:
            # A stage that no pass changed has the texture of the one before; it is read once.
            if picture.texture.glo not in texels:
                texels[picture.texture.glo] = picture.read()
            values = texels[picture.texture.glo]
            return values[:channels] * np.float32(picture.mul) if picture.mul != 1.0 else values[:channels]

        saved = {name: picture for hooks in self.hooks for name, picture in hooks.saved.items()}
        named = {name: picture for stage, picture in self.pictures.items() for name in stages.names_of(stage)}
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
        self.pictures[stage] = picture
        if stage == self.stop:
            raise _Stop
        return self.pictures[stage]

    def _note_unfired(self) -> None:
        for hooks in self.hooks:
            for index, item in enumerate(hooks.loaded.file.passes):
                for hook in item.hooks:
                    if (stage := canonical(hook)) not in self.pictures:
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
