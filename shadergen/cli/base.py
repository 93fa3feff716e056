"""What all commands share: parameters, how a mistake is told, and what moves while work lasts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args

import click
from click.core import ParameterSource

from shadergen.errors import ShadergenError, TargetError
from shadergen.target import (
    DEVICES,
    DOT8,
    DOT8_KERNEL,
    OPTIMISATIONS,
    TENSOR,
    TENSOR_KERNEL,
    TENSOR_TABLES,
    Device,
    Precision,
    Stage,
    Target,
    Weights,
    suited,
)

if TYPE_CHECKING:
    from shadergen.cost.gpus import Gpu
    from shadergen.ir.graph import Graph, Plane
    from shadergen.sources.border import Border
    from shadergen.sources.prescale import PrescaleFilter

Command = Callable[..., Any]
Load = Callable[[Path], "Graph"]
"""Reads a model, with the options that the user gave."""
Choice = TypeVar("Choice")
Advance = Callable[[str, float], None]
"""Told what is being done, and the share of all that is done."""


class Dimensions(click.ParamType):  # type: ignore[type-arg]  # older click takes no argument
    """The type of options written WIDTHxHEIGHT, such as 640x360; both numbers are above 0."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"found {value!r}, expected two numbers above 0 such as 640x360", param, ctx)
        return int(width), int(height)


class ChartFile(click.Path):
    """The type of options that name a chart to write: a .png or .svg file."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if Path(str(value)).suffix.lower() not in (".png", ".svg"):
            self.fail(f"found {str(value)!r}, expected a .png or .svg file", param, ctx)
        return super().convert(value, param, ctx)


def gpu_of(name: str, also: str = "") -> Gpu:
    """The GPU that `--gpu` names; raises UsageError for one that is not known. `also` is what else is expected."""
    from shadergen.cost import gpus

    found = gpus.find(name)
    if found is None:
        known = ", ".join(gpu.name for gpu in gpus.GPUS)
        raise click.UsageError(f"--gpu: found {name!r}, expected {also}one of {known}")
    return found


def target_options(command: Command, compute_if: str = "") -> Command:
    """The options that make a Target; the command gets it as `target`.

    They, and the defaults, are the same in every command that builds a model. `compute_if` names a flag of the command
    that means compute passes where no stage is given.
    """
    mark = {Target.stage: " (default)"}
    compute = f"Compute passes: faster; Vulkan, D3D11, GL 4.3{mark.get('compute', '')}."
    fragment = f"Fragment passes: run everywhere{mark.get('fragment', '')}."
    workgroup_default = "{}x{}".format(*Target.workgroup)

    @click.option("--compute", "stage", flag_value="compute", help=compute)
    @click.option("--fragment", "stage", flag_value="fragment", help=fragment)
    @click.option("--precision", type=click.Choice(get_args(Precision)), default=Target.precision, show_default=True)
    @click.option(
        "--when",
        type=float,
        default=Target.when,
        show_default=True,
        metavar="FACTOR",
        help=("Stay off unless the picture is shown larger than this times its size (luma and RGB models)."),
    )
    @click.option(
        "--workgroup",
        type=Dimensions(),
        default=workgroup_default,
        show_default=True,
        help="Threads of a compute workgroup.",
    )
    @click.option(
        "--weights",
        type=click.Choice(get_args(Weights)),
        default=Target.weights,
        show_default=True,
        help="texture: a short shader that starts at once; code: the fastest one.",
    )
    @click.option(
        "--for",
        "device",
        type=click.Choice(list(DEVICES)),
        help="What is fastest on that class of GPUs, where nothing else is asked for (docs/players.md).",
    )
    @click.option(
        "--buffers/--no-buffers",
        default=None,
        help="Weights in BUFFER blocks: faster, for gpu-next alone (default: where --for is for a GPU).",
    )
    @click.option(
        "--kernel",
        default=Target.kernel,
        metavar="NAME",
        help="The kernel for each convolution that it can compute, with its weights where it has them.",
    )
    @click.option(
        "--fuse", is_flag=True, help="Compute cheap layers in the pass that reads them: less video memory, more work."
    )
    @click.option(
        "--no-opt",
        "without",
        type=click.Choice(list(OPTIMISATIONS)),
        multiple=True,
        help="Switch an optimisation off; may be repeated.",
    )
    @wraps(command)
    def wrapper(
        *arguments: Any,
        stage: Stage | None,
        precision: Precision,
        when: float,
        workgroup: tuple[int, int],
        weights: Weights,
        device: Device | None,
        buffers: bool | None,
        kernel: str,
        fuse: bool,
        without: tuple[str, ...],
        **options: Any,
    ) -> Any:
        try:
            tensor = TENSOR_TABLES if weights == "texture" else TENSOR
            usual = {TENSOR_KERNEL: tensor, DOT8_KERNEL: DOT8}.get(kernel, Target())
            base = replace(DEVICES[device] if device else usual, when=when)
            stage = stage or ("compute" if options.get(compute_if) or buffers else base.stage)
            if stage == "fragment":
                base = Target(when=when, device=base.device)
            weights = _weights(kernel, weights) if kernel else _given("weights", weights, base.weights)
            target = replace(
                base,
                stage=stage,
                precision=_given("precision", precision, base.precision),
                workgroup=workgroup,
                weights=weights,
                without=frozenset(without),
                fuse=fuse,
                kernel=kernel,
                buffers=base.buffers if buffers is None else buffers,
            )
        except TargetError as error:
            raise click.UsageError(str(error)) from None
        return command(*arguments, target=target, **options)

    return wrapper


def for_plane(target: Target, plane: str) -> Target:
    """The target as files for its class of devices have it, if the command line does not say `--precision`."""
    source = click.get_current_context().get_parameter_source("precision")
    return target if source is ParameterSource.COMMANDLINE else suited(target, plane)


def _given(name: str, value: Choice, otherwise: Choice) -> Choice:
    """The value of an option if the command line has it, and what is used otherwise."""
    given = click.get_current_context().get_parameter_source(name)
    return otherwise if given is ParameterSource.DEFAULT else value


def _weights(kernel: str, weights: Weights) -> Weights:
    """Where a kernel has its weights, if the command line does not say. Raises TargetError for an unknown name."""
    from shadergen.kernels import KERNELS

    places = {known.name: known.weights for known in reversed(KERNELS)}
    if kernel not in places:
        raise TargetError("--kernel", f"found {kernel!r}, expected one of {', '.join(sorted(places))}")
    return _given("weights", weights, places[kernel])


def load_options(command: Command) -> Command:
    """The options for reading a model; the command gets `load`, which reads one."""

    @click.option(
        "--plane",
        type=click.Choice(["luma", "rgb", "chroma", "ycbcr"]),
        help="What a model is for that does not say it (luma for 1 channel, rgb for 3, chroma for 3 to 2; ycbcr is 3).",
    )
    @click.option(
        "--prescale",
        type=click.IntRange(1, 32),
        default=1,
        metavar="N",
        help="Enlarge the input first, for a network that was trained on enlarged pictures.",
    )
    @click.option(
        "--prescale-filter",
        type=click.Choice(["bicubic", "lanczos", "bilinear", "nearest"]),
        default="bicubic",
        show_default=True,
        help="How.",
    )
    @click.option(
        "--pad",
        type=click.Choice(["auto", "edge", "reflect", "none"]),
        default="auto",
        show_default=True,
        help="How to continue the picture for a network without padding, whose result lacks a border (auto: edge).",
    )
    @click.option(
        "--scale",
        type=click.IntRange(1, 32),
        metavar="N",
        help="The factor of a network whose weights do not say it (FSRCNN).",
    )
    @click.option(
        "--residual",
        type=click.Choice(["nearest", "bilinear", "bicubic", "lanczos"]),
        help="Add the picture, enlarged so, for a network that gives only the difference (Real-CUGAN 4x: nearest).",
    )
    @wraps(command)
    def wrapper(
        *arguments: Any,
        plane: Plane | None,
        prescale: int,
        prescale_filter: PrescaleFilter,
        pad: Border,
        scale: int | None,
        residual: PrescaleFilter | None,
        **options: Any,
    ) -> Any:
        load = partial(
            load_model, plane=plane, factor=prescale, filter=prescale_filter, pad=pad, scale=scale, residual=residual
        )
        return command(*arguments, load=load, **options)

    return wrapper


existing = click.Path(path_type=Path)
model_argument = click.argument("model", type=existing)
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def is_shader(path: Path) -> bool:
    """Whether a file is a shader by its name; models have other suffixes."""
    return path.suffix in (".glsl", ".hook")


class Group(click.Group):
    """Prints what a user can repair as one line, and nothing of Python."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ShadergenError as error:
            fail(str(error))
        except KeyboardInterrupt:
            click.echo("shadergen: interrupted", err=True)
            sys.exit(130)
        except MemoryError:
            fail("out of memory: the picture or the model is too large for this machine; try a smaller --size")
        except BrokenPipeError:
            sys.stderr.close()  # the reader has gone, as in `shadergen inspect model.npz | head`
            sys.exit(1)


def fail(message: str) -> NoReturn:
    """End with one line and exit code 1."""
    click.echo(f"shadergen: {message}", err=True)
    sys.exit(1)


def load_model(
    path: Path,
    plane: Plane | None = None,
    factor: int = 1,
    filter: PrescaleFilter = "bicubic",
    pad: Border = "auto",
    scale: int | None = None,
    residual: PrescaleFilter | None = None,
) -> Graph:
    """The model of a file, behind an upscale of its input by `factor`, its border continued; raises ModelError.

    `scale` is its own factor, where the file does not say it; `residual` adds the picture to its result, enlarged so.
    """
    from shadergen.sources import load
    from shadergen.sources.border import bordered
    from shadergen.sources.prescale import prescaled
    from shadergen.sources.residual import added

    if is_shader(path):
        return added(prescaled(_lifted(path, plane), factor, filter), residual)
    if path.suffix.lower() == ".npz":
        return added(bordered(prescaled(load(path, plane, scale), factor, filter), pad), residual)
    with spinner(f"reading {path}"):
        return added(bordered(prescaled(load(path, plane, scale), factor, filter), pad), residual)


def named(graph: Graph, factor: int | None) -> Graph:
    """The graph with its name as its file has it that enlarges by a factor of its own choice."""
    return replace(graph, name=f"{graph.name}_{factor}x") if factor else graph


def _lifted(path: Path, plane: Plane | None) -> Graph:
    """The network of a hook file, proven where there is OpenGL; raises ModelError, also for one that is not proven."""
    from shadergen.errors import ModelError, NoDeviceError
    from shadergen.judge.lifted import prove
    from shadergen.lift import lift

    text = read_text(path).removeprefix("\ufeff")
    with spinner(f"lifting {path}") as update:
        lifted = lift(text, str(path), progress=lambda report: update(str(report)))
        if plane and lifted.graph.plane != plane:
            raise ModelError(path, f"found a {lifted.graph.plane} model, expected {plane}", "leave --plane out")
        update(f"proving {path}")
        try:
            proven = all(proof.holds for proof in prove(lifted, text, str(path)))
        except NoDeviceError as error:
            click.echo(f"shadergen: {path}: warning: lifted, but not proven: {error}", err=True)
            return lifted.graph
    if not proven:
        raise ModelError(path, "found a network whose picture is another than the shader's, expected the same")
    return lifted.graph


def read_text(file: Path) -> str:
    """A text file; raises ShadergenError."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ShadergenError(file, "found bytes that are not UTF-8, expected a text file") from None
    except OSError as error:
        raise ShadergenError(file, f"cannot be read: {error.strerror}") from None


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Something that moves on a terminal while the work lasts, and nothing in a pipe; gives what changes its text."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(text) as status:
        yield status.update


@contextmanager
def bar() -> Iterator[Advance]:
    """A bar on a terminal, and nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text, share: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda text, share: progress.update(task, description=text, completed=share)
