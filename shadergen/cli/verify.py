"""`shadergen verify`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shadergen.cli.base import (
    Dimensions,
    Load,
    existing,
    for_plane,
    json_option,
    load_options,
    model_argument,
    named,
    read_text,
    spinner,
    target_options,
)
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.ops import Array
    from shadergen.judge.verification import Check


@click.command()
@model_argument
@click.option("--shader", type=existing, help="Check this file instead of building one.")
@click.option("--runner", type=click.Choice(["gl", "libplacebo"]), help="Default: gl, and libplacebo for fp16.")
@click.option("--size", "sizes", type=Dimensions(), multiple=True, help="Frame size; may be repeated.")
@click.option("--image", type=existing, help="A picture instead of the synthetic one.")
@click.option("--layers", is_flag=True, help="Compare every texture and name the first that departs.")
@click.option("--factor", type=click.IntRange(2), metavar="N", help="As in build: the model on its own result.")
@json_option
@load_options
@target_options
def verify(
    model: Path,
    shader: Path | None,
    runner: Any,
    sizes: tuple[tuple[int, int], ...],
    image: Path | None,
    layers: bool,
    factor: int | None,
    as_json: bool,
    load: Load,
    target: Target,
) -> None:
    """Run MODEL's shader on the GPU and compare the picture with what the network means."""
    from shadergen import api
    from shadergen.ir.repeat import repeated, stages
    from shadergen.judge.stimuli import SIZES
    from shadergen.judge.verify import verify as judge

    graph = named(load(model), factor)
    target = for_plane(target, graph.plane)
    text = read_text(shader) if shader else None
    if factor:
        text = text or api.compile(graph, replace(target, when=min(target.when, 1.2)), factor=factor)
        graph = repeated(graph, stages(graph, factor))
    picture = _load_rgb(image) if image else None
    where = str(shader) if shader else f"{graph.name}{target.suffix}"
    if not as_json:
        click.echo(f"{where}: {graph.plane} model against its reference")
    with spinner(f"verifying {where}"):
        report = judge(
            graph,
            target,
            text=text,
            where=where,
            runner=runner,
            sizes=sizes or SIZES,
            picture=picture,
            layers=layers,
            on_check=lambda check: None if as_json else _print_check(check),
        )
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))
    else:
        reason = f": {report.reason}" if report.reason else f" on {report.device}" if report.device else ""
        click.echo(f"{report.status}{reason}")
    sys.exit(0 if report.status == "passed" else 1)


def _print_check(check: Check) -> None:
    size = f"{check.size[0]}x{check.size[1]}"
    mark = "ok    " if check.passed else "FAILED"
    click.echo(f"  {mark} {check.runner:<10} {check.storage} {size:>9} {check.siting or '':<6} ", nl=False)
    bound = f" (at most {check.bound.max_abs:.2g}, {check.bound.mean_abs:.2g})"
    click.echo(check.problem or f"{check.comparison}{bound}")
    if check.failure:
        click.echo(f"         {check.failure}")
    for layer in check.layers:
        click.echo(f"         {'departs' if layer.departs else 'equal  '} {layer.error:8.2e} {layer.texture}")
    if check.departing:
        click.echo(f"         the first texture that departs is {check.departing}")


def _load_rgb(path: Path) -> Array:
    """A picture as RGB (3, height, width)."""
    import numpy as np

    from shadergen.upscale.pictures import load

    pixels = load(path).pixels
    return np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]
