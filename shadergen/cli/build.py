"""`shadergen build`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import Dimensions, Load, for_plane, load_options, model_argument, named, spinner, target_options
from shadergen.target import DOT8_KERNEL, Target

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph


@click.command()
@model_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File or folder (default: the folder shaders/).")
@click.option("--tune", "tuned", is_flag=True, help="Time every way to write compute passes here; write the fastest.")
@click.option("--tune-size", type=Dimensions(), help="Frame size for --tune (default as in bench).")
@click.option("--print-passes", is_flag=True, help="Print the graph after each compiler pass (standard error).")
@click.option("--factor", type=click.IntRange(2), metavar="N", help="Run the model again on its result: 4 for 2x.")
@click.option("--hlsl", is_flag=True, help="As an effect for Magpie instead, a luma model in fragment passes.")
@load_options
@partial(target_options, compute_if="tuned")
def build(
    model: Path,
    output: Path | None,
    tuned: bool,
    tune_size: tuple[int, int] | None,
    print_passes: bool,
    factor: int | None,
    hlsl: bool,
    load: Load,
    target: Target,
) -> None:
    """Write MODEL as an mpv shader.

    MODEL is a .npz or .onnx file, ncnn's .param beside its .bin, a .keras or .h5 file, a .pth or .safetensors file of a
    network that is known (docs/models.md), or a .glsl shader, whose network is lifted.
    """
    from shadergen import api
    from shadergen.files import write_whole
    from shadergen.ir.repeat import repeated, stages

    graph = named(load(model), factor)
    target = for_plane(target, graph.plane)
    _warn(repeated(graph, stages(graph, factor)) if factor else graph)
    if tuned:
        target = _tuned(graph, target, tune_size)
    if hlsl:
        target = _for_magpie(target, factor)
    path = _output_path(output, f"{graph.name}{target.suffix}{'.hlsl' if hlsl else '.glsl'}")
    if path.exists() and path.resolve() == model.resolve():
        raise click.UsageError(f"-o: found {path}, which is the model, expected another file")
    text = api.compile(graph, target, factor=factor, observer=_print_pass if print_passes else None)
    _warn_of_code(graph, text)
    if target.kernel == DOT8_KERNEL and "dotPacked4x8EXT" not in text:
        problem = "found no layer of bytes for --kernel dot8: the file is a plain one"
        click.echo(f"shadergen: {graph.name}: warning: {problem}; `shadergen quantise` makes such a model", err=True)
    write_whole(path, (_as_effect(text, graph.name) if hlsl else text).encode())
    click.echo(path)


def _for_magpie(target: Target, factor: int | None) -> Target:
    """Fragment passes without tables, which an effect cannot hold: the borders of composed layers would have some."""
    if target.stage == "compute" or factor:
        raise click.UsageError(f"found --hlsl with {'--factor' if factor else '--compute'}, expected --hlsl without it")
    return replace(target, without=target.without | {"compose"})


def _as_effect(text: str, name: str) -> str:
    from shadergen import hookfile, magpie

    with spinner("writing HLSL"):
        return magpie.effect(hookfile.parse(text), name)


def _print_pass(name: str, graph: Graph) -> None:
    from shadergen.ir.dump import dump

    click.echo(f"after {name}:\n{dump(graph)}\n", err=True)


HEAVY = 100_000
"""Multiply-adds per pixel: 24 frames of 1920x1080 a second are then 10 TFLOPS, what a fast GPU of 2020 has at best."""


LONG = 2 << 20
"""Bytes of GLSL, from which on `lint` warns as well: the player stands still for half a minute or more."""


def _warn_of_code(graph: Graph, text: str) -> None:
    """How much of the file has to be compiled, where that is much."""
    from shadergen import hookfile

    size = sum(len(block.body) for block in hookfile.parse(text).passes)
    if size > LONG:
        problem = f"{size / 2**20:.1f} MiB of GLSL, for which the player stands still while it compiles"
        click.echo(f"shadergen: {graph.name}: warning: {problem}; --weights texture makes less", err=True)


def _warn(graph: Graph) -> None:
    """What the player will show or not keep up with, on the standard error."""
    from shadergen.ir.graph import verify
    from shadergen.passes.compose import macs

    count = float(macs(graph))
    if count > HEAVY:
        rate = 2 * count * 24 * 1920 * 1080 / 1e12
        problem = f"{count:,.0f} multiply-adds per pixel: 24 frames of 1920x1080 a second are {rate:,.0f} TFLOPS"
        click.echo(f"shadergen: {graph.name}: warning: {problem}; see docs/models.md", err=True)
    output = verify(graph)[graph.output]
    if output.height != output.width or output.height.offset or output.height.rest:
        size = f"{output.width} by {output.height}"
        problem = f"the result has a size of {size}, which players stretch to the frame"
        click.echo(f"shadergen: {graph.name}: warning: {problem}", err=True)


def _tuned(graph: Graph, target: Target, size: tuple[int, int] | None) -> Target:
    """The fastest way to write the model on this device; what was tried goes to the standard error."""
    from shadergen.judge.tune import tune

    if target.stage == "fragment":
        raise click.UsageError("found --tune with --fragment, expected --compute: fragment passes have no choices")
    with spinner("starting") as progress:
        found = tune(graph, target, size, progress=progress)
    for candidate in found:
        if candidate.seconds is None:
            click.echo(f"  does not run  {candidate.name}: {candidate.problem}", err=True)
        else:
            cold = f"compiles in {candidate.compile_seconds or 0:.2f} s"
            click.echo(f"  {candidate.seconds * 1e3:9.2f} ms  {cold}  {candidate.name}", err=True)
    return found[0].target


def _output_path(output: Path | None, name: str) -> Path:
    """A folder is one that exists, or is written with a slash at the end or without a suffix; /dev/null is none."""
    if output is None:
        return Path("shaders") / name
    return output / name if output.is_dir() or not (output.suffix or output.exists()) else output
