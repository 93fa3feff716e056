"""The comment at the top of a hook file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen.emit.templates import render
from shadergen.ir.graph import Plane
from shadergen.schedule.hookpass import Schedule
from shadergen.target import DOT8_KERNEL, TENSOR_KERNEL, Precision, Stage
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
    later: tuple[str, ...]
    """Of each stage behind the first, how many times its size the picture must be shown for it to run."""
    tensor_cores: bool
    """Whether passes need them."""
    bytes: bool
    """Whether passes multiply bytes."""
    switches: tuple[str, ...]
    """PARAMs that switch passes to plain ones."""
    tiles: tuple[tuple[str, str], ...]
    """Values in shared memory, each with its KiB."""


def header(stages: Sequence[Schedule], buffers: bool) -> str:
    """The header of a file of one schedule, or of several that run one after the other; it may have BUFFER blocks."""
    graph, target = stages[0].graph, stages[0].target
    scale = stages[0].types[graph.output].width.scale
    # Each stage has as many pixels to work on as the one before it has made.
    macs = sum(stage.cost().macs * scale ** (2 * number) for number, stage in enumerate(stages))
    later = [f"{float(scale**number) * target.when:g}" for number in range(1, len(stages))]
    view = HeaderView(
        file=f"{graph.name}{target.suffix}.glsl",
        name=graph.name,
        plane=graph.plane,
        scale=str(scale ** len(stages)),
        stage=target.stage,
        precision=target.precision,
        starts_at_once=any(stage.starts_at_once for stage in stages),
        licence=graph.record.licence or "not stated",
        sha256=graph.record.sha256 or "none (the graph was not read from a file)",
        version=__version__,
        passes=sum(len(stage.passes) for stage in stages),
        macs=f"{float(macs):.0f}",
        buffers=buffers,
        later=tuple(later),
        tensor_cores=target.kernel == TENSOR_KERNEL,
        bytes=any(DOT8_KERNEL in item.kernels for stage in stages for item in stage.passes),
        switches=tuple(sorted({item.switch for stage in stages for item in stage.passes if item.switch})),
        tiles=tuple((tile.value, f"{tile.bytes / 1024:.1f}") for stage in stages for tile in stage.tiles()),
    )
    return render("header.txt.j2", view)
