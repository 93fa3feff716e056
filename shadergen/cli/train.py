"""`shadergen train`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from shadergen.cli.base import Command, existing, fail
from shadergen.train.options import PLANES, Degradation, Loss, Optimiser, Options, TrainingPrecision

if TYPE_CHECKING:
    from shadergen.train.loop import StepReport
    from shadergen.train.run import Job, Outcome


Counter = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Shares(click.ParamType):  # type: ignore[type-arg]
    """NAME=SHARE,NAME=SHARE: numbers by name."""

    name = "NAME=N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        shares: dict[str, float] = {}
        for item in str(value).split(","):
            name, equals, number = item.rpartition("=")
            try:
                shares[name] = float(number)
            except ValueError:
                equals = ""
            if not equals or not name or not 0 <= shares[name] < float("inf"):
                self.fail(f"found {item!r}, expected a name, =, and a number of 0 or more", param, ctx)
        return shares


def _option(name: str, help: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option that is a field of Options, with its default."""
    default = getattr(Options(""), name)
    shown = ",".join(f"{key}={share:g}" for key, share in default.items()) if isinstance(default, dict) else True
    return click.option(f"--{name.replace('_', '-')}", default=default, show_default=shown, help=help, **attributes)


@click.command()
@click.option("--arch", required=True, help="C4F32, R8F64, SRCNN-9-1-5, ESPCN, or a model's file to train further.")
@click.option("--data", "folders", type=existing, multiple=True, required=True, help="Folder of pictures; repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .npz to write.")
@_option("plane", "Which plane it is for.", type=click.Choice(PLANES))
@_option("degradation", "What happened to the input.", type=click.Choice(get_args(Degradation)))
@_option("steps", "Steps in all.")
@_option("batch", "Patches per step.")
@_option("patch", "Side of a patch, in input pixels.")
@_option("optimiser", "What turns gradients into steps.", type=click.Choice(get_args(Optimiser)))
@_option("rate", "Learning rate.")
@_option("warmup", "Steps over which the rate rises.")
@_option("decay", "Share of the steps, at the end, over which the rate falls to zero.")
@_option("average", "Decay of the moving average of the weights.")
@_option("weight_decay", "Decoupled weight decay.")
@_option("loss", "What is made small.", type=click.Choice(get_args(Loss)))
@_option("frequency", "Weight of the spectra's distance beside it.")
@_option("flats", "Weight of flat fields, ramps and black bars beside it.")
@_option("rim", "What pixels count that see a patch's border.")
@_option("detail", "Of how many random patches to take the most detailed.")
@_option("soften", "How often blurred copies of pictures are drawn, by pattern of path.", type=Shares())
@_option("downscale", "How the input was made small: shares of box, bicubic, lanczos, linear.", type=Shares())
@_option("range", "How its levels are stored: shares of full8, limited8, limited10.", type=Shares())
@click.option(
    "--weight", "weights", type=Shares(), default={}, help="How often pictures are drawn, by pattern of path."
)
@click.option("--guide", is_flag=True, help="chroma: Show the network what luma predicts (docs/chroma.md).")
@click.option("--deepen", is_flag=True, help="Twice as many ReLU layers, the new ones passing on what they get.")
@click.option("--exclude", multiple=True, help="Pattern of paths within the folder to leave out; repeatable.")
@_option("clean", "ds: share of patches without a codec.")
@_option("clean_downscale", "ds: as --downscale, for these patches (default: the same).", type=Shares())
@_option("sharpen", "ds: how much what is to be found is sharpened.")
@_option("holdout", "Pictures kept aside for the PSNR shown.")
@_option(
    "precision", "Of the convolutions, until the rate falls; then fp32.", type=click.Choice(get_args(TrainingPrecision))
)
@_option("seed", "Another seed, another run.")
@click.option("--licence", default="", help="Licence of the weights, written into the file.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads (default: all).")
@click.option("--save-every", "save_seconds", type=float, default=120.0, show_default=True, help="Seconds.")
@click.option("--score", "score_folders", type=existing, multiple=True, help="Folder to score on at the end.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside the output.")
@click.option("--restart", is_flag=True, help="Begin anew although there is a checkpoint.")
def train(
    folders: tuple[Path, ...],
    output: Path,
    licence: str,
    threads: int | None,
    save_seconds: float,
    score_folders: tuple[Path, ...],
    resume: bool,
    restart: bool,
    **choices: Any,
) -> None:
    """Train a network on folders of pictures and write its weights. Needs the extra `train`."""
    if output.suffix != ".npz":
        raise click.UsageError(f"found output {str(output)!r}, expected a name that ends with .npz")
    options = Options(**choices)
    try:
        import torch
    except ImportError:
        fail("train: found no PyTorch, expected it; pip install 'shadergen[train]'")
    from shadergen.train import run

    if threads:
        torch.set_num_threads(threads)
    job = run.Job(options, folders, output, licence, save_seconds, score_folders)
    resume = run.expect_place(job, resume, restart)
    rank, device = run.join_processes()
    graph = run.start(options, output.stem)
    with _bars(rank == 0) as (on_picture, on_prepare, on_step):
        pictures = run.read_pictures(job, on_picture)
        for line in pictures.skipped:
            _tell(rank, f"left out {line}")
        trainer = run.prepare(job, graph, pictures, resume, device, on_prepare)
        with _interrupt() as stop:
            result = run.train(
                job, graph, trainer, pictures, on_step(options.steps), lambda line: _tell(rank, line), stop
            )
    if rank == 0:
        _report(job, result)
    sys.exit(0 if result.finished else 130)


def _tell(rank: int, line: str) -> None:
    """One of all processes says it."""
    if rank == 0:
        click.echo(f"shadergen: {line}", err=True)


def _report(job: Job, result: Outcome) -> None:
    scores = "".join(f", {name}: {score}" for name, score in result.graph.record.scores.items())
    click.echo(f"{job.output}{scores}; torch and the reference differ by {result.difference:.1e}")
    if not result.finished:
        click.echo(f"stopped early; --resume goes on from {job.checkpoint}", err=True)


@contextmanager
def _interrupt() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C or termination into a wish to stop after the step; a second one ends at once."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bars(shown: bool) -> Iterator[tuple[Counter, Counter, Callable[[int], Callable[[StepReport], None]]]]:
    """Bars on a terminal; in a pipe, a line now and then that says how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bars:
        reading = bars.add_task("reading", facts="")
        encoding = bars.add_task("encoding", facts="", visible=False)
        training = bars.add_task("training", facts="", visible=False)

        def on_picture(done: int, total: int) -> None:
            bars.update(reading, completed=done, total=total)

        def on_prepare(done: int, total: int) -> None:
            bars.update(encoding, completed=done, total=total, visible=True)

        def on_step(steps: int) -> Callable[[Any], None]:
            bars.update(training, total=steps, visible=True)

            def update(progress: Any) -> None:
                psnr = f", {progress.psnr:.2f} dB" if progress.psnr is not None else ""
                facts = f"loss {progress.loss:.5f}{psnr}"
                bars.update(training, completed=progress.step, facts=facts)
                if shown and not console.is_terminal and progress.step % 1000 == 0:
                    click.echo(f"step {progress.step} of {steps}, {facts}", err=True)

            return update

        yield on_picture, on_prepare, on_step
