"""A frame as it goes into the runner, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from shadergen.errors import ShaderRunError
from shadergen.hookfile.stages import Rect
from shadergen.runtime.canvas import Size
from shadergen.runtime.colour import Array, Matrix
from shadergen.runtime.hooks import PassRun

_PLANE_CHANNELS = {"RGB": (3, 4), "LUMA": (1,), "CHROMA": (2,), "ALPHA": (1,)}


@dataclass(frozen=True)
class Brightness:
    """What a video's tags say of its light, in cd/m2; 0 where they say nothing. mpv has the same numbers."""

    min_luma: float = 0.0
    max_luma: float = 0.0
    """Of the display that it was made on; with HDR's transfers and no more known, the most that these can tell."""
    max_cll: float = 0.0
    max_fall: float = 0.0


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
    pts: float = 0.0
    """When it is shown, in seconds."""
    brightness: Brightness = Brightness()

    def __post_init__(self) -> None:
        names = frozenset(self.planes) - {"ALPHA"}
        if names not in ({"RGB"}, {"LUMA"}, {"LUMA", "CHROMA"}):
            raise ValueError(f"found planes {sorted(self.planes)}, expected RGB, LUMA or LUMA and CHROMA")
        for name, values in self.planes.items():
            if values.ndim != 3 or values.shape[0] not in _PLANE_CHANNELS[name] or values.size == 0:
                raise ValueError(f"found plane {name} of shape {values.shape}, expected (channels, height, width)")

    def automatic(self) -> dict[str, float]:
        """The values that mpv gives to PARAMs of these names (its manual, --glsl-shader-opts). Those that only a
        measured scene or HDR10+ has are 0."""
        unknown = ("scene_max_r", "scene_max_g", "scene_max_b", "scene_avg", "max_pq_y", "avg_pq_y")
        known = {"PTS": self.pts, "chroma_offset_x": self.siting[0], "chroma_offset_y": self.siting[1]}
        return known | vars(self.brightness) | dict.fromkeys(unknown, 0.0)

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
