"""The command line: thin commands, one per job.

Exit codes: 0 done, 1 a finding or an input that cannot be used (one line says why), 2 wrong usage, 130 interrupted.
Modules that only some commands need are imported in those commands: `build` starts in a quarter of a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

import click

from shadergen import __version__
from shadergen.errors import ShadergenError, TargetError
from shadergen.hookfile import HookFile, HookPass
from shadergen.target import OPTIMISATIONS, Precision, Stage, Target, Weights

if TYPE_CHECKING:
    from shadergen.graph import Array, Graph
    from shadergen.runtime.bench import Entry
    from shadergen.verify import Check

Command = Callable[..., Any]

# ---------------------------------------------------------------------------------------------------------------------
# Parameters


class _Pair(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"found {value!r}, expected two numbers above 0 such as 640x360", param, ctx)
        return int(width), int(height)


def _target_options(command: Command, default: Stage = "fragment") -> Command:
    """The options that make a Target; the command gets it as `target`."""
    mark = {default: " (default)"}
    compute = f"Compute passes: faster; Vulkan, D3D11, GL 4.3{mark.get('compute', '')}."
    fragment = f"Fragment passes: run everywhere{mark.get('fragment', '')}."

    @click.option("--compute", "stage", flag_value="compute", help=compute)
    @click.option("--fragment", "stage", flag_value="fragment", help=fragment)
    @click.option("--precision", type=click.Choice(get_args(Precision)), default="fp32", show_default=True)
    @click.option(
        "--when",
        type=float,
        default=Target.when,
        show_default=True,
        metavar="FACTOR",
        help=("Stay off unless the picture is shown larger than this times its size (luma and RGB models)."),
    )
    @click.option("--workgroup", type=_Pair(), default=None, help="Threads of a compute workgroup (default 16x8).")
    @click.option(
        "--weights",
        type=click.Choice(get_args(Weights)),
        default="code",
        show_default=True,
        help="texture: a short shader that starts at once; code: the fastest one.",
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
        workgroup: Any,
        weights: Weights,
        without: tuple[str, ...],
        **options: Any,
    ) -> Any:
        try:
            target = Target(
                stage or default, precision, when, workgroup or Target.workgroup, weights, frozenset(without)
            )
        except TargetError as error:
            raise click.UsageError(str(error)) from None
        return command(*arguments, target=target, **options)

    return wrapper


_existing = click.Path(path_type=Path)
_model = click.argument("model", type=_existing)


class _Group(click.Group):
    """Prints what a user can repair as one line, and nothing of Python."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ShadergenError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            click.echo("shadergen: interrupted", err=True)
            sys.exit(130)
        except MemoryError:
            _fail("out of memory: the picture or the model is too large for this machine; try a smaller --size")
        except BrokenPipeError:
            sys.stderr.close()  # the reader has gone, as in `shadergen inspect model.npz | head`
            sys.exit(1)


def _fail(message: str) -> NoReturn:
    click.echo(f"shadergen: {message}", err=True)
    sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="shadergen")
def main() -> None:
    """Compile trained CNN upscalers into mpv shaders, and check them on the GPU."""


# ---------------------------------------------------------------------------------------------------------------------
# build, inspect


@main.command()
@_model
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File or folder (default: the folder shaders/).")
@click.option("--tune", "tuned", is_flag=True, help="Time every way to write it on this GPU, and write the fastest.")
@click.option("--tune-size", type=_Pair(), help="Frame size for --tune (default: 1920x1080, without a GPU 480x270).")
@_target_options
def build(model: Path, output: Path | None, tuned: bool, tune_size: tuple[int, int] | None, target: Target) -> None:
    """Write MODEL (.npz) as an mpv shader."""
    from shadergen import compiler, hookfile
    from shadergen.files import write_whole

    graph = _load(model)
    if tuned:
        target = _tuned(graph, target, tune_size)
    text = hookfile.format(compiler.compile(graph, target))
    path = _output_path(output, f"{graph.name}{target.suffix}.glsl")
    write_whole(path, text.encode())
    click.echo(path)


def _tuned(graph: Graph, target: Target, size: tuple[int, int] | None) -> Target:
    """The fastest way to write the model on this device; what was tried goes to the standard error."""
    from shadergen.tune import tune

    if target.stage == "fragment":
        raise click.UsageError("found --tune with --fragment, expected --compute: fragment passes have no choices")
    with _spinner("starting") as progress:
        found = tune(graph, target, size, progress=progress)
    for candidate in found:
        if candidate.seconds is None:
            click.echo(f"  does not run  {candidate.name}: {candidate.problem}", err=True)
        else:
            cold = f"compiles in {candidate.compile_seconds or 0:.2f} s"
            click.echo(f"  {candidate.seconds * 1e3:9.2f} ms  {cold}  {candidate.name}", err=True)
    return found[0].target


def _output_path(output: Path | None, name: str) -> Path:
    """A folder is one that exists, or is written with a slash at the end or without a suffix."""
    if output is None:
        return Path("shaders") / name
    return output / name if output.is_dir() or not output.suffix else output


def _load(path: Path) -> Graph:
    from shadergen.sources import load

    return load(path)


@main.command()
@click.argument("file", type=_existing)
@click.option("--size", type=_Pair(), default="1920x1080", show_default=True, help="Source size for VRAM.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_target_options
def inspect(file: Path, size: tuple[int, int], as_json: bool, target: Target) -> None:
    """Show a model's graph and the hook passes it becomes, or the passes of a shader FILE."""
    if file.suffix in (".glsl", ".hook"):
        _inspect_shader(file, as_json)
        return
    from shadergen import compiler
    from shadergen.graph import dump

    graph = _load(file)
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
            "pixels": "{}x{}".format(*scheduled.pixels),
        }
        for scheduled in schedule.passes
    ]
    vram = float(schedule.vram_bytes()) * pixels
    if as_json:
        total = schedule.cost()
        summary = {"macs_per_pixel": float(total.macs), "vram_bytes": vram, "size": size, "passes": rows}
        click.echo(
            json.dumps({"model": graph.name, "plane": graph.plane, "variant": target.suffix} | summary, indent=1)
        )
        return
    click.echo(dump(graph))
    click.echo()
    columns = ("macs_per_pixel", "fetches_per_pixel", "bytes_per_pixel", "binds")
    titles = [column.replace("_per_pixel", "") for column in columns]
    click.echo(f"{'pass':<28}" + "".join(f"{title:>14}" for title in (*titles, "pixels")))
    for row in rows:
        click.echo(f"{row['pass']:<28}" + "".join(f"{row[column]:>14,.6g}" for column in columns), nl=False)
        click.echo(f"{row['pixels']:>14}")
    total = schedule.cost()
    click.echo(f"{'total per source pixel':<28}{float(total.macs):>14,.6g}{float(total.fetches):>14,.6g}", nl=False)
    click.echo(f"{float(total.bytes):>14,.6g}")
    click.echo(f"VRAM of all results at {size[0]}x{size[1]}: {vram / 2**20:,.0f} MiB (16-bit storage, never reused)")


def _inspect_shader(file: Path, as_json: bool) -> None:
    from shadergen import hookfile

    shader = hookfile.parse(_read_text(file), str(file))
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


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ShadergenError(file, "found bytes that are not UTF-8, expected a text file") from None
    except OSError as error:
        raise ShadergenError(file, f"cannot be read: {error.strerror}") from None


# ---------------------------------------------------------------------------------------------------------------------
# verify


@main.command()
@_model
@click.option("--shader", type=_existing, help="Check this file instead of building one.")
@click.option("--runner", type=click.Choice(["gl", "libplacebo"]), help="Default: gl, and libplacebo for fp16.")
@click.option("--size", "sizes", type=_Pair(), multiple=True, help="Frame size; may be repeated.")
@click.option("--image", type=_existing, help="A picture instead of the test picture.")
@click.option("--layers", is_flag=True, help="Compare every texture and name the first that departs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_target_options
def verify(
    model: Path,
    shader: Path | None,
    runner: Any,
    sizes: tuple[tuple[int, int], ...],
    image: Path | None,
    layers: bool,
    as_json: bool,
    target: Target,
) -> None:
    """Run MODEL's shader on the GPU and compare the picture with what the network means."""
    from shadergen import verify as verification

    graph = _load(model)
    text = _read_text(shader) if shader else None
    picture = _load_rgb(image) if image else None
    where = str(shader) if shader else f"{graph.name}{target.suffix}"
    if not as_json:
        click.echo(f"{where}: {graph.plane} model against its reference")
    with _spinner(f"verifying {where}"):
        report = verification.verify(
            graph,
            target,
            text=text,
            where=where,
            runner=runner,
            sizes=sizes or verification.SIZES,
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
    click.echo(check.problem or str(check.comparison))
    for layer in check.layers:
        click.echo(f"         {'departs' if layer.departs else 'equal  '} {layer.error:8.2e} {layer.texture}")
    if check.departing:
        click.echo(f"         the first texture that departs is {check.departing}")


def _load_rgb(path: Path) -> Array:
    """A picture as RGB (3, height, width)."""
    import numpy as np

    from shadergen.runtime.images import load

    pixels = load(path).pixels
    return np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]


@contextmanager
def _spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Something that moves on a terminal while the work lasts, and nothing in a pipe; gives what changes its text."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(text) as status:
        yield status.update


# ---------------------------------------------------------------------------------------------------------------------
# lint


@main.command()
@click.argument("files", type=_existing, nargs=-1, required=True)
@click.option("--format", "style", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--no-compile", is_flag=True, help="Do not try the GLSL in the driver and in glslang.")
def lint(files: tuple[Path, ...], style: str, no_compile: bool) -> None:
    """Find what players reject, show wrongly or may stumble over. Exit code 1 when there is an error."""
    from shadergen import lint as linter

    compilers = [] if no_compile else _compilers()
    found: list[linter.Diagnostic] = []
    with _spinner("linting"):
        for file in files:
            found += linter.lint_file(file, compilers=compilers)
    formats = {"text": linter.format_text, "json": linter.format_json, "github": linter.format_github}
    report = formats[style](found)
    if report:
        click.echo(report, nl=False)
    if style == "text":
        errors = sum(diagnostic.severity == "error" for diagnostic in found)
        click.echo(f"{len(files)} files, {errors} errors, {len(found) - errors} warnings", err=True)
    sys.exit(any(diagnostic.severity == "error" for diagnostic in found))


def _compilers() -> list[Any]:
    """The compilers that this machine has: the OpenGL driver's, and glslang's."""
    from shadergen.errors import NoDeviceError
    from shadergen.lint import glslang_compiler
    from shadergen.runtime.context import open_context
    from shadergen.runtime.program import compile_passes

    compilers: list[Any] = []
    try:
        context = open_context()
        compilers.append(lambda file: compile_passes(context, _without_extensions(file)))
    except NoDeviceError:
        pass
    glslang = glslang_compiler()
    return [*compilers, glslang] if glslang else compilers


def _without_extensions(file: HookFile) -> HookFile:
    """The file without the passes that ask for an extension: this OpenGL driver cannot speak for players on Vulkan."""
    blocks = (block for block in file.blocks if not (isinstance(block, HookPass) and "#extension" in block.body))
    return replace(file, blocks=tuple(blocks))


# ---------------------------------------------------------------------------------------------------------------------
# bench


@main.command()
@click.argument("files", type=_existing, nargs=-1, required=True, metavar="FILE_OR_MODEL...")
@click.option("--size", type=_Pair(), help="Frame size (default: 1920x1080, without a GPU 480x270).")
@click.option("--runs", type=click.IntRange(1), default=9, show_default=True, help="Timed frames of each file.")
@click.option("--cold-runs", type=click.IntRange(1), default=1, show_default=True, help="Times to compile anew.")
@click.option("--passes", "show_passes", is_flag=True, help="A line for every pass.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw a bar chart: a .png or .svg file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@partial(_target_options, default="compute")
def bench(
    files: tuple[Path, ...],
    size: tuple[int, int] | None,
    runs: int,
    cold_runs: int,
    show_passes: bool,
    plot: Path | None,
    as_json: bool,
    target: Target,
) -> None:
    """Time shaders on this device, side by side: frames, compiling, and the floors under both.

    Any mpv shader will do; a model (.npz) is built first. Ratios are to the first file. Exit code 1 when one cannot
    run.
    """
    if plot and plot.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"found --plot {plot}, expected a .png or .svg file")
    from shadergen.runtime import bench as timing
    from shadergen.runtime.benchtable import format_report

    entries = [_bench_entry(file, target) for file in files]
    if len(entries) == 1 and entries[0].problem:
        _fail(entries[0].problem)
    with _spinner("starting") as progress:
        options = timing.Options(size, runs, cold_runs)
        report = timing.measure(entries, options, shared_bytes=_shared_bytes, progress=progress)
    if len(entries) == 1 and report.files[0].problem:
        _fail(report.files[0].problem)
    if as_json:
        click.echo(json.dumps(_versions() | report.as_dict(), indent=1))
    else:
        click.echo(format_report(report, passes=show_passes), nl=False)
    if plot:
        from shadergen.runtime.chart import save_chart

        save_chart(plot, report)
        click.echo(plot, err=as_json)
    sys.exit(1 if any(file.problem for file in report.files) else 0)


def _bench_entry(file: Path, target: Target) -> Entry:
    """A shader's text or that of a model, or why there is none: the other files are timed all the same."""
    from shadergen import compiler, hookfile
    from shadergen.runtime.bench import Entry

    try:
        if file.suffix in (".glsl", ".hook"):
            return Entry(file.name, _read_text(file))
        graph = _load(file)
        return Entry(f"{graph.name}{target.suffix}", hookfile.format(compiler.compile(graph, target)))
    except ShadergenError as error:
        return Entry(file.name, problem=str(error))


def _shared_bytes(body: str, threads: tuple[int, int]) -> int | None:
    from shadergen.glsltext import shared_bytes, without_comments

    return shared_bytes(without_comments(body), threads)


def _versions() -> dict[str, Any]:
    from importlib.metadata import version
    from platform import platform, python_version

    packages = {name: version(name) for name in ("moderngl", "numpy")}
    return {"versions": {"shadergen": __version__, "python": python_version(), "system": platform()} | packages}


# ---------------------------------------------------------------------------------------------------------------------
# upscale


@main.command()
@click.argument("image", type=_existing)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Picture to write.")
@click.option("--shader", type=_existing, required=True, help="A .glsl file, or a model to build one from.")
@click.option("--before-after", type=click.Path(path_type=Path), help="Also write bicubic and result side by side.")
def upscale(image: Path, output: Path, shader: Path, before_after: Path | None) -> None:
    """Enlarge IMAGE twofold with a shader, as a player would show it."""
    from shadergen.runtime.images import load, save
    from shadergen.runtime.upscale import side_by_side
    from shadergen.runtime.upscale import upscale as run

    picture = load(image).pixels
    with _spinner(f"upscaling {image}"):
        result = run(_shader_text(shader), str(shader), picture)
    save(output, result)
    click.echo(output)
    if before_after:
        save(before_after, side_by_side(picture, result))
        click.echo(before_after)


def _shader_text(path: Path) -> str:
    """The file's text, or the shader built from a model: compute passes, which every upscale here can run."""
    from shadergen import compiler, hookfile

    if path.suffix in (".glsl", ".hook"):
        return _read_text(path)
    return hookfile.format(compiler.compile(_load(path), Target("compute")))
