"""`shadergen lift`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shadergen.cli.base import Dimensions, existing, fail, json_option, read_text, spinner

if TYPE_CHECKING:
    from shadergen.judge.lifted import Proof
    from shadergen.lift import Lifted


class Setting(click.ParamType):  # type: ignore[type-arg]
    """The type of options written NAME=VALUE, of which the value is a number."""

    name = "NAME=V"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, equals, number = str(value).partition("=")
        try:
            return name, float(number if equals else "")
        except ValueError:
            self.fail(f"found {value!r}, expected a name and a number such as strength=0.5", param, ctx)


@click.command()
@click.argument("shader", type=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the network here.")
@click.option("--param", "params", type=Setting(), multiple=True, help="Set a PARAM; may be repeated.")
@click.option("--factor", type=float, help="How much larger the picture is shown (default: where the passes run).")
@click.option("--when-index", type=int, metavar="N", help="Only the passes with the file's Nth WHEN, from 1.")
@click.option("--size", "sizes", type=Dimensions(), multiple=True, help="Frame size of the proof; may be repeated.")
@click.option("--unproven", is_flag=True, help="Write the network although it is not proven.")
@json_option
def lift(
    shader: Path,
    output: Path | None,
    params: tuple[tuple[str, float], ...],
    factor: float | None,
    when_index: int | None,
    sizes: tuple[tuple[int, int], ...],
    unproven: bool,
    as_json: bool,
) -> None:
    """Recover the network of the hook file SHADER as a .npz or .onnx file, and prove it by running both."""
    from shadergen.errors import NoDeviceError
    from shadergen.judge.lifted import SIZES, prove
    from shadergen.lift import lift as recover
    from shadergen.lift import under_condition
    from shadergen.sources import SUFFIXES, save

    if output is not None and output.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"found -o {str(output)!r}, expected a name that ends in {' or '.join(SUFFIXES)}")
    if factor is not None and not factor > 0:
        raise click.UsageError(f"found --factor {factor:g}, expected a number above 0")
    whole = read_text(shader).removeprefix("\ufeff")
    text = whole if when_index is None else under_condition(whole, str(shader), when_index)
    start = _processor_seconds()
    with spinner(f"lifting {shader}") as update:

        def tell(report: object) -> None:
            update(str(report))

        lifted = recover(text, str(shader), params=dict(params), factor=factor, progress=tell, original=whole)
    seconds = round(_processor_seconds() - start, 1)
    reason = ""
    proofs: tuple[Proof, ...] = ()
    try:
        with spinner(f"proving {shader}"):
            proofs = prove(lifted, text, str(shader), sizes or SIZES)
    except NoDeviceError as error:
        reason = str(error)
    proven = bool(proofs) and all(proof.holds for proof in proofs)
    if as_json:
        click.echo(json.dumps(_as_dict(lifted, proofs, proven, reason) | {"seconds": seconds}, indent=1))
    else:
        _print(lifted, proofs)
    if not proven and not unproven:
        fail(
            f"{shader}: {reason or 'found a network whose picture is another, expected the same'}; nothing was written"
        )
    if output is not None:
        save(lifted.graph, output)
        if not as_json:
            click.echo(output)
    sys.exit(0)


def _processor_seconds() -> float:
    """What this process and its children took of the processor."""
    return sum(os.times()[:4])


def _print(lifted: Lifted, proofs: Sequence[Proof]) -> None:
    from shadergen.ir.dump import dump

    for report in lifted.passes:
        click.echo(report)
    click.echo(dump(lifted.graph))
    for proof in proofs:
        size = "{}x{}".format(*proof.size)
        click.echo(f"  {'ok    ' if proof.holds else 'FAILED'} {size:>9}  {_found(proof)}")


def _found(proof: Proof) -> str:
    """What a proof found, for people."""
    part = "" if proof.decided == 1 else f"; {proof.decided:.0%} of the picture, the rest rounds what is half-way"
    return proof.problem or f"{proof.comparison}{part}"


def _as_dict(lifted: Lifted, proofs: Sequence[Proof], proven: bool, reason: str) -> dict[str, Any]:
    return {
        "name": lifted.graph.name,
        "plane": lifted.graph.plane,
        "stage": lifted.stage,
        "factor": lifted.factor,
        "licence": lifted.graph.record.licence,
        "sha256": lifted.graph.record.sha256,
        "passes": [str(report) for report in lifted.passes],
        "nodes": [f"{node.name}: {type(node.op).__name__}" for node in lifted.graph.nodes],
        "proven": proven,
        "reason": reason,
        "proofs": [proof.as_dict() for proof in proofs],
    }
