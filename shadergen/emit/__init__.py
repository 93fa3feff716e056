"""From a schedule to a hook file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from shadergen.emit import plane
from shadergen.emit.header import header
from shadergen.emit.hookpass import write_pass
from shadergen.hookfile import Block, HookFile, HookPass, Rpn, UserBuffer
from shadergen.schedule.hookpass import Schedule


def emit(schedule: Schedule, templates: tuple[Path, ...] = ()) -> HookFile:
    """The hook file of a schedule; `templates` are folders with the templates of kernels from elsewhere."""
    return emit_stages((schedule,), templates)


def emit_stages(schedules: Sequence[Schedule], templates: tuple[Path, ...] = ()) -> HookFile:
    """The hook file of several schedules that run one after the other, each on the result of that before it.

    Each has its own name, which its textures begin with, and its own WHEN, in which HOOKED is the result before it.
    """
    defined: dict[str, Block] = {}
    blocks = [block for schedule in schedules for block in _blocks(schedule, defined, templates)]
    buffers = any(isinstance(block, UserBuffer) for block in blocks)
    return HookFile(header(schedules, buffers), tuple(blocks))


def _blocks(schedule: Schedule, defined: dict[str, Block], templates: tuple[Path, ...]) -> Iterator[Block]:
    """Those of a schedule that are not `defined` before."""
    yield from plane.passes_in_front(schedule)
    for scheduled in schedule.passes:
        for either in (scheduled, *scheduled.otherwise):
            needed, hook_pass = write_pass(schedule, either, templates)
            for block in needed:
                if block.name not in defined:  # two passes may compute the same convolution
                    yield block
                assert defined.setdefault(block.name, block) == block, f"two blocks have the name {block.name}"
            yield _switched(hook_pass, scheduled.switch, off=either is not scheduled)


def _switched(hook_pass: HookPass, switch: str, off: bool) -> HookPass:
    """The pass, run only where a PARAM is not 0, or where it is. Players compile no pass that does not run."""
    if not switch:
        return hook_pass
    always = [str(hook_pass.when)] if hook_pass.when else []
    words = [*always, switch, *(["!"] if off else []), *(["*"] if always else [])]
    return replace(hook_pass, when=Rpn.parse(" ".join(words)))
