"""From a schedule to a hook file."""

from __future__ import annotations

from pathlib import Path

from shadergen.emit import plane
from shadergen.emit.header import header
from shadergen.emit.hookpass import write_pass
from shadergen.hookfile import Block, HookFile, UserBuffer
from shadergen.schedule.hookpass import Schedule


def emit(schedule: Schedule, templates: tuple[Path, ...] = ()) -> HookFile:
    """The hook file of a schedule; `templates` are folders with the templates of kernels from elsewhere."""
    blocks: list[Block] = list(plane.passes_in_front(schedule))
    defined: dict[str, Block] = {}
    for scheduled in schedule.passes:
        tables, hook_pass = write_pass(schedule, scheduled, templates)
        for table in tables:
            if table.name not in defined:  # two passes may compute the same convolution
                blocks.append(table)
            assert defined.setdefault(table.name, table) == table, f"two blocks have the name {table.name}"
        blocks.append(hook_pass)
    buffers = any(isinstance(block, UserBuffer) for block in blocks)
    return HookFile(header(schedule, buffers), tuple(blocks))
