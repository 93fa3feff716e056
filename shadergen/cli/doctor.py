"""`shadergen doctor`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import spinner
from shadergen.cli.devices import recommended
from shadergen.version import __version__

if TYPE_CHECKING:
    from shadergen.measure.report import FileReport
    from shadergen.runtime.context import Device

BUDGET = 0.020
"""Seconds for a 1080p frame: half of what 24 frames a second leave, as the player, too, has work to do."""
LONG_FREEZE = 5.0
"""Seconds of compiling at the first use from which on a quickly compiled shader is worth slower frames."""


@click.command()
@click.option("--bench/--no-bench", default=None, help="Time the shaders (default: where there is a GPU).")
def doctor(bench: bool | None) -> None:
    """Report what this machine can run, what is missing, and which shader to choose.

    Exit code 1 without an OpenGL device, which the commands that run shaders need.
    """
    from shadergen.runtime import gpus, libplacebo, mpvfolder, players
    from shadergen.runtime.clock import is_software

    _line("shadergen", f"{__version__}, Python {sys.version.split()[0]} on {sys.platform}")
    device = _opengl()
    vulkan = gpus.vulkan_gpus()
    if vulkan is None:
        _line("Vulkan", "unknown: no vulkaninfo to ask (vulkan-tools)")
    else:
        names = ", ".join(gpu.name for gpu in vulkan)
        _line("Vulkan", names or "no device; install your graphics card's driver, or mesa-vulkan-drivers")
    suffix = recommended(vulkan, device.renderer if device else None)
    _line("for this GPU", f"C4F16{suffix.suffix} or C4F32{suffix.suffix}: {suffix.reason}")
    if (gpu := gpus.preferred(vulkan or ())) and gpus.has_cooperative_matrices(gpu):
        _line("tensor cores", "found; `build MODEL --kernel tensor` writes a file for them (docs/tensor.md)")
    mpv, ffmpeg = players.find_program("mpv"), players.find_program("ffmpeg")
    folder = mpvfolder.mpv_folder(os.environ, Path.home())
    built = f", libplacebo {mpv.libplacebo}" if mpv and mpv.libplacebo else ""
    _line("mpv", f"{mpv.version}{built} ({mpv.path})" if mpv else "not found; see https://mpv.io/installation/")
    _line("mpv's folder", f"{folder}{'' if folder.is_dir() else ' (not there yet)'}")
    _line("ffmpeg", f"{ffmpeg.version} ({ffmpeg.path})" if ffmpeg else "not found; `upscale` needs it for clips")
    with spinner("trying libplacebo"):
        reason = libplacebo.unavailable()
    _line("its libplacebo", reason or "works")
    if device is None:
        if reason is None:
            click.echo(
                "without OpenGL no bench, tune, upscale, faster, lift: of shaders run, `verify --runner libplacebo`"
            )
        else:
            click.echo("nothing here can run a shader: install your graphics card's driver")
        sys.exit(1)
    if is_software(device.renderer) and not bench:
        first = f"C4F16{suffix.suffix}"
        click.echo(f"choose: {first} is the first to try; OpenGL found no GPU here, so nothing was timed")
    elif bench is False:
        click.echo(f"choose: C4F16{suffix.suffix}, or `shadergen doctor --bench`")
    else:
        click.echo(f"choose: {advise(_timed(device), device.has_compute, suffix.suffix)}")


def _line(what: str, found: str) -> None:
    click.echo(f"{what:<15} {found}")


def _opengl() -> Device | None:
    from shadergen.errors import NoDeviceError
    from shadergen.runtime.context import describe, open_context

    try:
        context = open_context()
    except NoDeviceError as error:
        _line("OpenGL", str(error).partition(": ")[2])
        return None
    device = describe(context)
    context.release()
    compute = "with compute shaders" if device.has_compute else "without compute shaders: only files without _CMP run"
    _line("OpenGL", f"{device.version} on {device.renderer}, {compute}")
    return device


def _timed(device: Device) -> dict[str, FileReport]:
    """The candidates on this device, by name."""
    from shadergen.measure import bench
    from shadergen.runtime import players

    suffixes = ("_CMP", "_CMP_INSTANT") if device.has_compute else ("",)
    names = [f"{model}{suffix}" for model in ("C4F32", "C4F16", "C3F12") for suffix in suffixes]
    shaders = players.bundled()
    entries = [bench.Entry(name, shaders[name].read_text("utf-8")) for name in names if name in shaders]
    with spinner("starting") as progress:
        report = bench.measure(entries, bench.Options(runs=3), progress=progress)
    width, height = report.size
    for file in report.files:
        if file.seconds is not None:
            frame = f"{file.seconds.median * 1e3:.1f} ms a frame of {width}x{height}"
            _line(file.name, f"{frame}, compiled in {file.compile_seconds or 0:.1f} s")
        else:
            _line(file.name, f"cannot run: {file.problem}")
    scale = 1920 * 1080 / (width * height)
    click.echo(
        f"budget          {BUDGET * 1e3 / scale:.1f} ms for such a frame: half of a frame at 24 a second at 1080p"
    )
    return {
        file.name: file for file in report.files if file.seconds is not None and file.seconds.median * scale <= BUDGET
    }


def advise(affordable: dict[str, FileReport], has_compute: bool, suffix: str) -> str:
    """The shader to choose among those that are fast enough, the best one first, with the reason.

    `suffix` is that of the file for this GPU; where OpenGL cannot run that, its portable sibling was timed for it.
    """
    portable = suffix in ("", "_CMP")
    if not affordable:
        fallback = ("C3F12_CMP" if has_compute else "C3F12") if portable else f"C3F12{suffix}"
        return f"{fallback} for small videos; at 1080p, none that was timed is fast enough here"
    name, file = next(iter(affordable.items()))
    if not portable:
        model = name.partition("_")[0]
        return f"{model}{suffix}: made for this GPU, and {name} is fast enough already"
    instant = f"{name}_INSTANT"
    if (file.compile_seconds or 0) > LONG_FREEZE and instant in affordable:
        return f"{instant}: {name} is faster, but compiles for {file.compile_seconds:.0f} s at its first use"
    return f"{name}: the best of those that are fast enough"
