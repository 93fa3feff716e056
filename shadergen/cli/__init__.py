"""The command line: thin commands, a module each.

Exit codes: 0 done, 1 a finding or an input that cannot be used (one line says why), 2 wrong usage, 130 interrupted.
Modules that only some commands need are imported in those commands: `build` starts in a quarter of a second.
"""

from __future__ import annotations

import click

from shadergen.cli.base import Group
from shadergen.cli.bench import bench
from shadergen.cli.build import build
from shadergen.cli.convert import convert
from shadergen.cli.cost import cost
from shadergen.cli.doctor import doctor
from shadergen.cli.faster import faster
from shadergen.cli.inspect import inspect
from shadergen.cli.install import install
from shadergen.cli.lift import lift
from shadergen.cli.lint import lint
from shadergen.cli.pack import pack
from shadergen.cli.quantise import quantise
from shadergen.cli.score import score
from shadergen.cli.train import train
from shadergen.cli.upscale import upscale
from shadergen.cli.vapoursynth import vapoursynth
from shadergen.cli.verify import verify
from shadergen.cli.web import web
from shadergen.version import __version__


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="shadergen")
def main() -> None:
    """Compile trained CNN upscalers into mpv shaders, and check them on the GPU."""


_MAKE = (build, inspect, verify, convert, quantise, lift, faster, lint)
_USE = (bench, cost, upscale, web, vapoursynth, install, pack, doctor, score, train)

for command in _MAKE + _USE:
    main.add_command(command)
