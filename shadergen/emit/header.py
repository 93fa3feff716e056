"""The comment at the top of a hook file."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.emit.templates import render
from shadergen.ir.graph import Plane
from shadergen.schedule.hookpass import Schedule
from shadergen.target import Precision, Stage
from shadergen.version import __version__


@dataclass(frozen=True)
class HeaderView:
    """What `header.txt.j2` lays out."""

    file: str
    name: str
    plane: Plane
    scale: str
    """How much larger the result is; `1` for a filter."""
    stage: Stage
    precision: Precision
    starts_at_once: bool
    licence: str
    sha256: str
    version: str
    passes: int
    macs: str
    buffers: bool
    """Whether the file has BUFFER blocks, which vo=gpu refuses."""
    tiles: tuple[tuple[str, str], ...]
    """Values in shared memory, each with its KiB."""


def header(schedule: Schedule, buffers: bool) -> str:
    """The header of a schedule's file, which may have BUFFER blocks."""
    graph, target = schedule.graph, schedule.target
    view = HeaderView(
        file=f"{graph.name}{target.suffix}.glsl",
        name=graph.name,
        plane=graph.plane,
        scale=str(schedule.types[graph.output].width.scale),
        stage=target.stage,
        precision=target.precision,
        starts_at_once=schedule.starts_at_once,
        licence=graph.record.licence or "not stated",
        sha256=graph.record.sha256 or "none (the graph was not read from a file)",
        version=__version__,
        passes=len(schedule.passes),
        macs=f"{float(schedule.cost().macs):.0f}",
        buffers=buffers,
        tiles=tuple((tile.value, f"{tile.bytes / 1024:.1f}") for tile in schedule.tiles()),
    )
    return render("header.txt.j2", view)
