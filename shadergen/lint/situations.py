"""Imagined playbacks of a file, without a GPU: what its conditions and sizes come to for usual videos and screens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shadergen.hookfile import HookFile, HookPass, Rpn
from shadergen.hookfile.stages import (
    OUTPUT_SIZED,
    STAGE_ORDER,
    Dimensions,
    DisabledError,
    Scope,
    canonical,
    initial_values,
    variables,
)

_VIDEOS: tuple[Dimensions, ...] = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
_OUTPUTS: tuple[Dimensions, ...] = (*_VIDEOS, (7680, 4320))


@dataclass(frozen=True)
class Situation:
    """A 4:2:0 video of one size shown at another, with values for what expressions may name.

    Stages have the size they come up with: no pass has resized one yet. Every saved texture is there.
    """

    file: HookFile
    video: Dimensions
    output: Dimensions
    variables: Mapping[str, float]
    _saved: dict[str, Dimensions | None] = field(default_factory=dict, compare=False)

    def evaluate(self, expression: Rpn, stage: str) -> float | None:
        """The value of an expression where a stage is hooked, or None where it has none."""
        scope = self._scope(stage)
        try:
            return None if scope is None else scope.evaluate(expression)
        except DisabledError:
            return None

    def dimensions(self, item: HookPass, stage: str) -> Dimensions | None:
        """WIDTH and HEIGHT of a pass where a stage is hooked, not rounded, or None where they have no value."""
        scope = self._scope(stage)
        try:
            return None if scope is None else scope.dimensions(item)
        except DisabledError:
            return None

    def _scope(self, stage: str) -> Scope | None:
        hooked = self._size(canonical(stage))
        return None if hooked is None else Scope(hooked, self.video, self.output, self._size, self.variables)

    def _size(self, name: str) -> Dimensions | None:
        if name in OUTPUT_SIZED:
            return self.output
        if name == "CHROMA":
            return (self.video[0] / 2, self.video[1] / 2)
        if name in STAGE_ORDER:
            return self.video
        if name not in self._saved:
            self._saved[name] = None  # a texture sized by itself has no size
            maker = next((item for item in self.file.passes if item.save == name and item.hooks), None)
            self._saved[name] = None if maker is None else self.dimensions(maker, maker.hooks[0])
        return self._saved[name]


def situations(file: HookFile) -> Iterator[Situation]:
    """Every usual size of video at every usual size of screen, with each PARAM as it comes and as it may be set."""
    for names in _variations(file):
        for video in _VIDEOS:
            for output in _OUTPUTS:
                yield Situation(file, video, output, names)


def _variations(file: HookFile) -> Iterator[dict[str, float]]:
    """What expressions may name: the PARAMs as they come, then with one of them at a bound or a small whole number."""
    initial = variables(file, initial_values(file))
    yield initial
    for param in file.params:
        low, high = param.minimum, param.maximum
        values = {float(value) for value in range(len(param.names) or 5)} | {x for x in (low, high) if x is not None}
        for value in sorted(values):
            if (low is None or low <= value) and (high is None or value <= high):
                yield initial | {param.name: value}
