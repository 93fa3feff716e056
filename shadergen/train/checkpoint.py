"""A run on disk: everything the next step depends on, so that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shadergen.errors import ShadergenError
from shadergen.files import write_whole
from shadergen.train.options import Options

FORMAT = 1


@dataclass
class History:
    """What the plot and the training record show."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Mean of the steps since the entry before."""
    psnrs: list[float] = field(default_factory=list)
    """Of the averaged weights on the pictures held out, in dB."""
    seconds: float = 0.0
    """Spent training, all parts of the run together."""


@dataclass
class Checkpoint:
    """Patches and everything else random are drawn from (seed, step), so no generator's state is needed."""

    options: dict[str, Any]
    data_sha256: str
    start_sha256: str
    """Of the weights that the run began with."""
    step: int
    """Steps done."""
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    history: History
    losses: list[float]
    """Of the steps since the history's last entry."""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Raises ShadergenError where the file cannot be written; what was there before stays."""
    stream = io.BytesIO()
    document = {**vars(checkpoint), "history": vars(checkpoint.history), "format": FORMAT}
    torch.save(document, stream)
    write_whole(path, stream.getvalue())


def load(path: Path) -> Checkpoint:
    """Raises ShadergenError for a file that is no checkpoint. Nothing in it can run code."""
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
        if document.pop("format") != FORMAT:
            raise ValueError("another version's")
        return Checkpoint(**{**document, "history": History(**document["history"])})
    except OSError as error:
        raise ShadergenError(path, f"cannot be read: {error.strerror or error}") from None
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, EOFError, pickle.UnpicklingError):
        problem = "found no checkpoint of this version, expected one that train wrote"
        raise ShadergenError(path, problem, "remove it to begin anew") from None


def expect_same_run(found: Checkpoint, options: Options, data_sha256: str, start_sha256: str, path: Path) -> None:
    """Raises ShadergenError where the checkpoint is of another run; more steps may be asked for before the decay."""
    begun = Options(**found.options)
    old, new = begun.as_dict(), options.as_dict()
    for name in old:
        if name == "steps" and options.steps > begun.steps and found.step <= begun.decay_start:
            continue
        if old[name] != new[name]:
            problem = f"found a run with --{name} {old[name]}, expected {new[name]}"
            raise ShadergenError(path, problem, "give the options of that run, or --restart")
    if found.data_sha256 != data_sha256:
        raise ShadergenError(path, "found a run on other pictures, expected the same ones", "use --restart")
    if found.start_sha256 != start_sha256:
        raise ShadergenError(path, "found a run from other weights, expected the same ones", "use --restart")
