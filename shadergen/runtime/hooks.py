"""A hook file at work on one frame: which passes run at a stage, what they read and what becomes of their output."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import moderngl

from shadergen.hookfile import HookFile, HookPass
from shadergen.hookfile.stages import (
    RESIZABLE,
    DisabledError,
    Rect,
    Scope,
    bindings,
    misalignment,
    passes_at,
    result_name,
    result_rect,
    result_size,
    skip_reason,
    variables,
)
from shadergen.runtime.canvas import Canvas, Picture, Size
from shadergen.runtime.clock import ClockName, Stopwatch, Timing
from shadergen.runtime.program import Program, Programs, Storage
from shadergen.runtime.resources import Resources


@dataclass(frozen=True)
class PassRun:
    """What became of one hook pass at one stage."""

    index: int
    """The pass's index into HookFile.passes."""
    desc: str
    stage: str
    """The stage that fired; MAINPRESUB for MAIN."""
    ran: bool
    reason: str = ""
    """Why it did not run; empty when it ran."""
    size: Size = (0, 0)
    gpu_seconds: float | None = None
    """How long the pass took, or None unless timers were asked for: by the device's timer query, or on software
    renderers, whose queries say 0, by the wall clock until the pass was done; `clock` says which."""
    compile_seconds: float | None = None
    """How long compiling took, or None when the program was there already. Some drivers leave part of the work to the
    first draw."""
    clock: ClockName | None = None
    """What measured gpu_seconds."""


class LoadedFile:
    """A hook file on a context: what lasts from frame to frame. Errors begin with `where`, the file's name.

    Raises ShaderRunError for a TEXTURE or BUFFER that this device or this runner cannot do.
    """

    def __init__(
        self, context: moderngl.Context, file: HookFile, storage: Storage, where: str, exact: bool = False
    ) -> None:
        self.file = file
        self.storage: Storage = storage
        self.resources = Resources(context, file, where)
        self.programs = Programs(context, file, storage, where, exact)
        self.pass_numbers = itertools.count(1)
        """What the bodies know as `frame`: libplacebo counts passes, too."""
        self.random = random.Random(1)
        self.stopwatch = Stopwatch(context)

    def release(self) -> None:
        self.resources.release()
        self.programs.release()


@dataclass
class Hooks:
    """The file on one frame; `fire` is called for one stage after the other."""

    loaded: LoadedFile
    canvas: Canvas
    values: Mapping[str, float]
    """The value of every PARAM."""
    source_rect: Rect
    """What the expressions call NATIVE_CROPPED: the frame's rect, from NATIVE on that of the merged picture."""
    output_size: Size
    video: bool
    """Whether linearize() is that of SDR video (BT.1886) or of pictures (sRGB)."""
    timers: bool
    progress: Callable[[PassRun], None] | None
    saved: dict[str, Picture] = field(default_factory=dict)
    """The stages' pictures and the saved textures, by name, as last stored."""
    runs: list[PassRun] = field(default_factory=list)
    disabled: str = ""
    """Why the file is disabled for the rest of the frame, or empty."""

    def fire(self, stage: str, picture: Picture) -> Picture:
        """Run every pass that hooks the stage, and give what they made of it."""
        self.saved[stage] = picture
        current = picture
        for index, item in passes_at(self.loaded.file, stage):
            try:
                current = self._try_pass(index, item, stage, current)
            except DisabledError as error:
                self._disable(stage, f"the file is disabled since pass {index}: {error}")
                self.note(PassRun(index, item.desc, stage, ran=False, reason=self.disabled))
                current = picture
        resized = (current.size, current.rect) != (picture.size, picture.rect)
        if resized and stage not in RESIZABLE:
            sizes = "{}x{} to {}x{}".format(*picture.size, *current.size)
            self._disable(stage, f"the file is disabled since it resized stage {stage} from {sizes}")
            current = picture
        return current

    def note(self, run: PassRun) -> None:
        """Record what became of a pass."""
        self.runs.append(run)
        if self.progress is not None:
            self.progress(run)

    def _disable(self, stage: str, reason: str) -> None:
        """Stop the file here; what it did to the current stage is dropped, so those passes count as not run."""
        self.disabled = reason
        for position, run in enumerate(self.runs):
            if run.stage == stage and run.ran:
                self.runs[position] = replace(run, ran=False, reason=reason)

    def _try_pass(self, index: int, item: HookPass, stage: str, hooked: Picture) -> Picture:
        """The stage's picture after the pass: its output, or `hooked` when it saves elsewhere or does not run."""
        scope = self._scope(hooked)
        reason = self.disabled or skip_reason(item, stage, scope, self._exists)
        if reason:
            self.note(PassRun(index, item.desc, stage, ran=False, reason=reason))
            return hooked
        size = result_size(item, scope)
        program, compile_seconds = self.loaded.programs.of_pass(item, stage, self.values)
        line = item.source[0].line if item.source else 0
        target = self.canvas.target(self.loaded.storage, item.desc or "the pass", size, line)
        program.set(self._uniforms(item, stage, program))
        timing = self._timed(lambda: self._execute(program, target, item))
        rect = result_rect(item, size, hooked.size, hooked.rect, self.source_rect)
        output = Picture(target, rect, hooked.channels)
        name = result_name(item, stage)
        self.saved[name] = output
        seconds, clock = (timing.seconds, timing.clock) if timing else (None, None)
        self.note(PassRun(index, item.desc, stage, True, "", size, seconds, compile_seconds, clock))
        return output if name == stage else hooked

    def _scope(self, hooked: Picture) -> Scope:
        x0, y0, x1, y1 = self.source_rect
        values = variables(self.loaded.file, self.values)
        return Scope(hooked.size, (x1 - x0, y1 - y0), self.output_size, self._size_of, values)

    def _size_of(self, name: str) -> Size | None:
        picture = self.saved.get(name)
        return None if picture is None else picture.size

    def _exists(self, name: str) -> bool:
        return name in self.saved or name in self.loaded.resources

    # Uniforms and rects ----------------------------------------------------------------------------------------------

    def _uniforms(self, item: HookPass, stage: str, program: Program) -> dict[str, Any]:
        """Bind what the pass binds, and give the value of every uniform its program may have."""
        x0, y0, x1, y1 = self.source_rect
        uniforms: dict[str, Any] = {
            "sg_frame": next(self.loaded.pass_numbers),
            "sg_random": self.loaded.random.random(),
            "sg_input_size": (x1 - x0, y1 - y0),
            "sg_target_size": self.output_size,
            "sg_tex_offset": (x0, y0),
            "sg_video": self.video,
        }
        for param in self.loaded.file.params:
            value = self.values[param.name]
            uniforms[f"sg_param_{param.name}"] = value if param.type == "float" else int(value)
        for unit, name in enumerate(bindings(item, stage)):
            own = self.loaded.resources.bind(name, unit)
            if own is None:
                own = self._bind_picture(self.saved[name], unit, align=item.offset == "ALIGN" and name == stage)
            block = program.program.get(f"sg_block{unit}", None)
            if isinstance(block, moderngl.UniformBlock):
                block.binding = unit
            uniforms |= own
        return uniforms

    def _bind_picture(self, picture: Picture, unit: int, align: bool) -> dict[str, Any]:
        width, height = picture.size
        # The whole texture, not its content's rect: hooks are written for that. Only ALIGN moves what _pos means.
        left, top = misalignment(picture.rect, self.source_rect) if align else (0.0, 0.0)
        picture.texture.use(unit)
        return {
            f"sg_tex{unit}": unit,
            f"sg_rect{unit}": (left / width, top / height, 1.0, 1.0),
            f"sg_pt{unit}": (1 / width, 1 / height),
            f"sg_off{unit}": picture.rect[:2],
            f"sg_mul{unit}": picture.mul,
        }

    # Execution -------------------------------------------------------------------------------------------------------

    def _execute(self, program: Program, target: moderngl.Texture, item: HookPass) -> None:
        width, height = target.size
        program.set({"sg_out_size": (width, height)})
        if isinstance(program.program, moderngl.ComputeShader):
            assert item.compute is not None
            block_width, block_height = item.compute.block
            target.bind_to_image(0, read=False, write=True)
            program.program.run(-(-width // block_width), -(-height // block_height))
        else:
            self.canvas.draw(program, target)
        if self.canvas.context.version_code >= 430:
            self.canvas.context.memory_barrier()

    def _timed(self, work: Callable[[], None]) -> Timing | None:
        if self.timers:
            return self.loaded.stopwatch.time(work)
        work()
        return None
