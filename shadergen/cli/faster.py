"""`shadergen faster`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from shadergen.cli.base import Dimensions, existing, fail, read_text, spinner, target_options
from shadergen.cli.lift import Setting
from shadergen.target import Target


@click.command()
@click.argument("shader", type=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The new file.")
@click.option("--param", "params", type=Setting(), multiple=True, help="Set a PARAM for good; may be repeated.")
@click.option("--factor", type=float, help="How much larger the picture is shown (default: where the passes run).")
@click.option("--size", type=Dimensions(), help="Frame size for the timing (default as in bench).")
@partial(target_options, compute_if="output")
def faster(
    shader: Path,
    output: Path,
    params: tuple[tuple[str, float], ...],
    factor: float | None,
    size: tuple[int, int] | None,
    target: Target,
) -> None:
    """Write the hook file SHADER anew so that it is fast on this device: the same network, hooks and conditions.

    The network is lifted and proven, the new file is compared with SHADER and both are timed. Where SHADER is as fast,
    the new file is SHADER as it is. Compute passes, unless --fragment is given.
    """
    from shadergen.files import write_whole
    from shadergen.judge.faster import faster as write_anew
    from shadergen.judge.lifted import prove
    from shadergen.lift import lift

    if output.exists() and output.resolve() == shader.resolve():
        raise click.UsageError(f"-o: found {output}, which is the shader, expected another file")
    text = read_text(shader).removeprefix("\ufeff")
    with spinner(f"lifting {shader}") as update:

        def tell(report: object) -> None:
            update(str(report))

        lifted = lift(text, str(shader), params=dict(params), factor=factor, progress=tell)
        update(f"proving {shader}")
        if not all(proof.holds for proof in prove(lifted, text, str(shader))):
            fail(f"{shader}: found a network whose picture is another, expected the same; nothing was written")
        found = write_anew(lifted, text, str(shader), target, size, progress=update)
    write_whole(output, found.text.encode())
    old, new = f"{found.original_seconds * 1e3:.2f} ms", f"{found.seconds * 1e3:.2f} ms"
    click.echo(f"{shader.name}: {old}, written anew {new} ({found.ratio:.2f}), {found.difference:.1e} apart at most")
    click.echo(f"{output}" if found.is_faster else f"{output}: the original, which is as fast here")
