"""`shadergen inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shadergen.cli.base import (
    Dimensions,
    Load,
    existing,
    is_shader,
    json_option,
    load_options,
    read_text,
    target_options,
)
from shadergen.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shadergen.ir.graph import Graph
    from shadergen.schedule.hookpass import Schedule

COLUMNS = ("macs_per_pixel", "fetches_per_pixel", "bytes_per_pixel", "binds", "shared_bytes")
"""Of a pass's numbers, those that the table for people has."""


@click.command()
@click.argument("file", type=existing)
@click.option("--size", type=Dimensions(), default="1920x1080", show_default=True, help="Source size for VRAM.")
@json_option
@load_options
@target_options
def inspect(file: Path, size: tuple[int, int], as_json: bool, load: Load, target: Target) -> None:
    """Show a model's graph and the hook passes it becomes, or the passes of a shader FILE."""
    if is_shader(file):
        _inspect_shader(file, as_json)
    else:
        _inspect_model(load(file), target, size, as_json)


def _inspect_model(graph: Graph, target: Target, size: tuple[int, int], as_json: bool) -> None:
    from shadergen import compiler
    from shadergen.ir.dump import dump

    if as_json:
        click.echo(json.dumps(_summary(compiler.plan(graph, target), target, size), indent=1))
        return
    click.echo(dump(graph))  # also of a model that the target cannot express
    click.echo()
    click.echo("\n".join(_table(compiler.plan(graph, target), size)))
    click.echo(_receptive_field(graph))
    for name, value in _record(graph).items():
        click.echo(f"{name}: {_brief(value)}")


def _summary(schedule: Schedule, target: Target, size: tuple[int, int]) -> dict[str, Any]:
    """What a program may want to know of a model's hook passes."""
    graph = schedule.graph
    return {
        "model": graph.name,
        "plane": graph.plane,
        "variant": target.suffix,
        "macs_per_pixel": float(schedule.cost().macs),
        "vram_bytes": _vram(schedule, size),
        "size": size,
        "receptive_field": _radius(graph),
        "passes": _rows(schedule),
        "record": _record(graph),
    }


def _rows(schedule: Schedule) -> list[dict[str, Any]]:
    """Each hook pass with its work; `per_pixel` is for each pixel of the source."""
    graph = schedule.graph
    return [
        {
            "pass": scheduled.writes.name if scheduled.writes else graph.output,
            "computes": [node.name for node in scheduled.nodes],
            "binds": len(scheduled.binds) + (graph.input in scheduled.reads),
            "macs_per_pixel": float(scheduled.cost.macs),
            "fetches_per_pixel": float(scheduled.cost.fetches),
            "bytes_per_pixel": float(scheduled.cost.bytes),
            "shared_bytes": scheduled.tile.bytes if scheduled.tile else 0,
            "pixels": "{}x{}".format(*scheduled.pixels),
        }
        for scheduled in schedule.passes
    ]


def _vram(schedule: Schedule, size: tuple[int, int]) -> float:
    """The bytes of all textures for a source of this width and height."""
    return float(schedule.vram_bytes()) * size[0] * size[1]


def _table(schedule: Schedule, size: tuple[int, int]) -> Iterator[str]:
    """The passes as lines for people, then what they need together."""
    titles = [column.removesuffix("_per_pixel") for column in COLUMNS]
    yield f"{'pass':<28}" + "".join(f"{title:>14}" for title in (*titles, "pixels"))
    for row in _rows(schedule):
        numbers = "".join(f"{row[column]:>14,.6g}" for column in COLUMNS)
        yield f"{row['pass']:<28}{numbers}{row['pixels']:>14}"
    cost = schedule.cost()
    totals = "".join(f"{float(number):>14,.6g}" for number in (cost.macs, cost.fetches, cost.bytes))
    yield f"{'total per source pixel':<28}{totals}"
    mebibytes = _vram(schedule, size) / 2**20
    yield f"VRAM of all results at {size[0]}x{size[1]}: {mebibytes:,.0f} MiB (16-bit storage, never reused)"


def _receptive_field(graph: Graph) -> str:
    """How far the network looks, and how much of two tiles must therefore be the same."""
    from shadergen.vapoursynth import overlap

    radius = _radius(graph)
    if radius is None:
        return "receptive field: the whole picture, or the result lacks a border"
    return f"receptive field: {radius} pixels in each direction; tiles of vs-mlrt need an overlap of {overlap(radius)}"


def _radius(graph: Graph) -> int | None:
    from shadergen.ir.reach import reach

    try:
        return reach(graph)
    except ValueError:
        return None


def _record(graph: Graph) -> dict[str, Any]:
    """What the file says of its weights' origin; what it does not say is left out."""
    record = graph.record
    entries = {"licence": record.licence, "training": dict(record.training), "scores": dict(record.scores)}
    return {name: value for name, value in entries.items() if value}


def _brief(value: Any) -> str:
    """A part of a record in a line for people: numbers and words, without what is itself made of parts.

    A training has the options, the data and the whole training of the weights that it began with: `--json` prints all.
    """
    if not isinstance(value, dict):
        return str(value)
    simple = [f"{name} {part}" for name, part in value.items() if not isinstance(part, dict)]
    runs = 0
    while isinstance(value := value.get("from", {}).get("training"), dict):
        runs += 1
    return "; ".join([*simple, *([f"after {runs} more"] if runs else [])])


def _inspect_shader(file: Path, as_json: bool) -> None:
    """The passes of a hook file, whoever made it."""
    from shadergen import hookfile

    shader = hookfile.parse(read_text(file), str(file))
    if as_json:
        rows = [
            {
                "desc": item.desc,
                "hooks": item.hooks,
                "binds": item.binds,
                "saves": item.save or "HOOKED",
                "stage": "compute" if item.compute else "fragment",
                "width": str(item.width or "HOOKED.w"),
                "height": str(item.height or "HOOKED.h"),
                "when": str(item.when or ""),
                "bytes": len(item.body),
            }
            for item in shader.passes
        ]
        click.echo(json.dumps({"file": str(file), "passes": rows}, indent=1))
        return
    for number, item in enumerate(shader.passes, 1):
        stage = "compute" if item.compute else "fragment"
        click.echo(f"{number}. {item.desc or '(no DESC)'}")
        click.echo(f"   {stage} on {' '.join(item.hooks)}, saves {item.save or 'HOOKED'}", nl=False)
        click.echo(f", {item.width or 'HOOKED.w'} by {item.height or 'HOOKED.h'}")
        click.echo(f"   binds {' '.join(item.binds) or 'nothing'}; {len(item.body):,} bytes of GLSL")
    click.echo(f"{len(shader.passes)} passes, {len(shader.textures)} textures, {len(shader.params)} parameters")
