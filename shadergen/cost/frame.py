"""A frame on its way through a hook file, without a GPU: which passes run, at which sizes, on textures of which sizes.

The stages fire as in libplacebo, for 4:2:0 video or RGB; `hookfile.stages` says what a pass does at each. What a frame
looks like does not matter, so the planes' content always fills its texture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shadergen.hookfile import HookFile, HookPass
from shadergen.hookfile.stages import (
    OUTPUT_SIZED,
    RESIZABLE,
    STAGES,
    DisabledError,
    Scope,
    bindings,
    hooked_stages,
    initial_values,
    passes_at,
    resources,
    result_name,
    result_size,
    skip_reason,
    variables,
)
from shadergen.hookfile.traffic import SOURCE_BYTES, TEXEL_BYTES, Traffic

Size = tuple[int, int]
"""(width, height) of a texture in texels."""

_FACTORS = (2.0, 4.0, 1.5, 1.0, 0.5)
"""Output sizes to try, in frame sizes: twofold is what most upscalers are for, and they stay off below 1.2."""


@dataclass(frozen=True)
class Run:
    """A pass that runs."""

    index: int
    item: HookPass
    stage: str
    size: Size
    """Of its result."""
    sizes: Mapping[str, Size]
    """Of every stage's picture and saved texture that it binds, by canonical name."""
    hooked: Size
    """Of the stage's picture before it."""
    traffic: Traffic


@dataclass(frozen=True)
class Frame:
    """What of a file runs at a size of video and of output."""

    size: Size
    output: Size
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]
    """Passes that do not run, each with the reason."""


def play(file: HookFile, size: Size, factor: float | None = None) -> Frame:
    """The passes of a frame of video of a size, shown so many times as large.

    Without a factor it is the first usual one at which most of the passes run.
    """
    if factor is None:
        return max((play(file, size, usual) for usual in _FACTORS), key=lambda frame: len(frame.runs))
    output = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    playback = _Playback(file, size, output)
    playback.play()
    return Frame(size, output, tuple(playback.runs), tuple(playback.skipped))


@dataclass
class _Playback:
    file: HookFile
    size: Size
    output: Size
    runs: list[Run] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _textures: dict[str, tuple[Size, int]] = field(default_factory=dict)
    """The stages' pictures and the saved textures as last stored: size, and bytes of a texel."""
    _disabled: str = ""

    def play(self) -> None:
        hooks = hooked_stages(self.file)
        rgb = "RGB" in hooks and not hooks & {"LUMA", "CHROMA", "CHROMA_SCALED"}
        current = self.size
        for stage in STAGES:
            if stage == "XYZ" or stage in (("LUMA", "CHROMA", "CHROMA_SCALED") if rgb else ("RGB",)):
                continue
            if stage in ("CHROMA", "ALPHA", "ALPHA_SCALED"):
                plane = tuple(-(-extent // (2 if stage == "CHROMA" else 1)) for extent in self.size)
                self._fire(stage, (plane[0], plane[1]))
            else:
                current = self._fire(stage, self.output if stage in OUTPUT_SIZED else current)

    def _fire(self, stage: str, size: Size) -> Size:
        """Run what hooks a stage whose picture has a size, and give the size that it then has."""
        self._textures[stage] = (size, SOURCE_BYTES.get(stage, TEXEL_BYTES))
        before, first = self._textures[stage], len(self.runs)
        for index, item in passes_at(self.file, stage):
            try:
                self._run(index, item, stage)
            except DisabledError as error:
                self._disable(first, f"the file is disabled since pass {index + 1}: {error}")
                self._textures[stage] = before
        if self._textures[stage][0] != size and stage not in RESIZABLE:
            self._disable(first, f"the file is disabled since it resized stage {stage}")
            self._textures[stage] = before
        return self._textures[stage][0]

    def _disable(self, first: int, reason: str) -> None:
        """Stop the file; what it did at this stage, the runs from number `first`, is dropped."""
        self._disabled = reason
        self.skipped.append(reason)
        del self.runs[first:]

    def _run(self, index: int, item: HookPass, stage: str) -> None:
        if self._disabled:
            return
        hooked = self._textures[stage][0]
        names = variables(self.file, initial_values(self.file))
        scope = Scope(hooked, self.size, self.output, self._size_of, names)
        if reason := skip_reason(item, stage, scope, self._exists):
            self.skipped.append(f"{item.desc or f'pass {index + 1}'}: {reason}")
            return
        size = result_size(item, scope)
        bound = {name: self._textures[name] for name in bindings(item, stage) if name in self._textures}
        sizes = {name: texture for name, (texture, _) in bound.items()}
        self.runs.append(Run(index, item, stage, size, sizes, hooked, self._traffic(item, stage, size)))
        self._textures[result_name(item, stage)] = (size, TEXEL_BYTES)

    def _traffic(self, item: HookPass, stage: str, size: Size) -> Traffic:
        known = {name: texture[0] * texture[1] * bytes for name, (texture, bytes) in self._textures.items()}
        own = {name: len(block.data) for name, block in resources(self.file).items()}
        read = sum((known | own).get(name, 0) for name in bindings(item, stage))
        return Traffic(read, size[0] * size[1] * TEXEL_BYTES)

    def _size_of(self, name: str) -> Size | None:
        texture = self._textures.get(name)
        return None if texture is None else texture[0]

    def _exists(self, name: str) -> bool:
        return name in self._textures or name in resources(self.file)


def described(runs: tuple[Run, ...]) -> Iterator[str]:
    """A name for each pass: its DESC, or its number."""
    for number, run in enumerate(runs, 1):
        yield run.item.desc or f"pass {number}"
