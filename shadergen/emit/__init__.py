"""From a schedule to a hook file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from shadergen.emit import plane
from shadergen.emit.header import header
from shadergen.emit.hookpass import write_pass
from shadergen.hookfile import Block, HookFile, UserBuffer
from shadergen.schedule.hookpass import Schedule


def emit(schedule: Schedule, templates: tuple[Path, ...] = ()) -> HookFile:
    """The hook file of a schedule; `templates` are folders with the templates of kernels from elsewhere."""
    return emit_stages((schedule,), templates)


def emit_stages(schedules: Sequence[Schedule], templates: tuple[Path, ...] = ()) -> HookFile:
    """The hook file of several schedules that run one after the other, each on the result of that before it.

    Each has its own name, which its textures begin with, and its own WHEN, in which HOOKED is the result before it.
    """
    blocks = [block for schedule in schedules for block in _blocks(schedule, templates)]
    buffers = any(isinstance(block, UserBuffer) for block in blocks)
    return HookFile(header(schedules, buffers), tuple(blocks))


def _blocks(schedule: Schedule, templates: tuple[Path, ...]) -> Iterator[Block]:
    yield from plane.passes_in_front(schedule)
    defined: dict[str, Block] = {}
    for scheduled in schedule.passes:
        tables, hook_pass = write_pass(schedule, scheduled, templates)
        for table in tables:
            if table.name not in defined:  # two passes may compute the same convolution
                yield table
            assert defined.setdefault(table.name, table) == table, f"two blocks have the name {table.name}"
        yield hook_pass
