"""`shadergen inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shadergen.cli.base import Load, Pair, existing, load_options, read_text, target_options
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph


@click.command()
@click.argument("file", type=existing)
@click.option("--size", type=Pair(), default="1920x1080", show_default=True, help="Source size for VRAM.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@load_options
@target_options
def inspect(file: Path, size: tuple[int, int], as_json: bool, load: Load, target: Target) -> None:
    """Show a model's graph and the hook passes it becomes, or the passes of a shader FILE."""
    if file.suffix in (".glsl", ".hook"):
        _inspect_shader(file, as_json)
        return
    from shadergen import compiler
    from shadergen.ir.dump import dump

    graph = load(file)
    if not as_json:
        click.echo(dump(graph))  # also of a model that the target cannot express
        click.echo()
    schedule = compiler.plan(graph, target)
    pixels = size[0] * size[1]
    rows = [
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
    vram = float(schedule.vram_bytes()) * pixels
    if as_json:
        total = schedule.cost()
        summary = {"macs_per_pixel": float(total.macs), "vram_bytes": vram, "size": size, "passes": rows}
        summary["record"] = _record(graph)
        click.echo(
            json.dumps({"model": graph.name, "plane": graph.plane, "variant": target.suffix} | summary, indent=1)
        )
        return
    columns = ("macs_per_pixel", "fetches_per_pixel", "bytes_per_pixel", "binds", "shared_bytes")
    titles = [column.replace("_per_pixel", "") for column in columns]
    click.echo(f"{'pass':<28}" + "".join(f"{title:>14}" for title in (*titles, "pixels")))
    for row in rows:
        click.echo(f"{row['pass']:<28}" + "".join(f"{row[column]:>14,.6g}" for column in columns), nl=False)
        click.echo(f"{row['pixels']:>14}")
    total = schedule.cost()
    click.echo(f"{'total per source pixel':<28}{float(total.macs):>14,.6g}{float(total.fetches):>14,.6g}", nl=False)
    click.echo(f"{float(total.bytes):>14,.6g}")
    click.echo(f"VRAM of all results at {size[0]}x{size[1]}: {vram / 2**20:,.0f} MiB (16-bit storage, never reused)")
    for name, value in _record(graph).items():
        click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")


def _record(graph: Graph) -> dict[str, Any]:
    """What the file says of its weights' origin; what it does not say is left out."""
    record = graph.record
    entries = {"licence": record.licence, "training": dict(record.training), "scores": dict(record.scores)}
    return {name: value for name, value in entries.items() if value}


def _inspect_shader(file: Path, as_json: bool) -> None:
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
