"""A run from options and folders to a weight file, with its checkpoint and plot beside it."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from shadergen import sources
from shadergen.errors import ModelError, ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Record, require_plane
from shadergen.ir.ops import Array
from shadergen.judge.cases import pictures_of
from shadergen.judge.score import scored
from shadergen.train import arch, data, feed, plot
from shadergen.train import checkpoint as checkpoints
from shadergen.train.data import Pictures
from shadergen.train.deepen import deepened
from shadergen.train.guide import guided
from shadergen.train.loop import StepReport, Trainer
from shadergen.train.network import Network
from shadergen.train.options import PLANES, Options
from shadergen.version import __version__


@dataclass(frozen=True)
class Job:
    """What is trained from where to where; nothing in it changes the weights."""

    options: Options
    folders: tuple[Path, ...]
    output: Path
    licence: str = ""
    save_seconds: float = 120.0
    score_folders: tuple[Path, ...] = ()
    """Pictures never trained on, on which the weights are scored at the end."""

    @property
    def checkpoint(self) -> Path:
        return self.output.with_suffix(".ckpt")

    @property
    def plot(self) -> Path:
        return self.output.with_suffix(".svg")


@dataclass(frozen=True)
class Outcome:
    """What a run came to: the network with its record, and whether it got to the end."""

    graph: Graph
    finished: bool
    """Whether the last step was reached; if not, the checkpoint is there to go on from."""
    difference: float
    """The largest distance between torch's picture and the reference's, of values from 0 to 1."""


def start(options: Options, name: str) -> Graph:
    """The network to begin with: random weights, or those of a file. Raises ModelError."""
    path = Path(options.arch)
    if not path.suffix:
        graph = arch.build(options.arch, options.plane, name, options.seed)
    else:
        graph = replace(sources.load(path), name=name)
        require_plane(graph, *PLANES)
    if graph.plane != options.plane:
        raise ModelError(path, f"found a {graph.plane} model, expected {options.plane}", f"use --plane {graph.plane}")
    graph = deepened(graph) if options.deepen else graph
    return guided(graph) if options.guide else graph


def read_pictures(job: Job, on_picture: Callable[[int, int], None]) -> Pictures:
    """The job's pictures, in memory. Raises ShadergenError."""
    return data.read(job.folders, feed.degradation(job.options).side, job.options.exclude, on_picture)


def prepare(
    job: Job,
    graph: Graph,
    pictures: Pictures,
    resume: bool,
    device: str,
    on_prepare: Callable[[int, int], None],
) -> Trainer:
    """A run before its first step, or where its checkpoint left it. Raises ShadergenError."""
    trainer = Trainer(graph, job.options, pictures, device, on_prepare)
    if resume:
        trainer.resume(job.checkpoint)
    return trainer


def train(
    job: Job,
    begun: Graph,
    trainer: Trainer,
    pictures: Pictures,
    on_step: Callable[[StepReport], None],
    on_trouble: Callable[[str], None],
    stop: Callable[[], bool],
) -> Outcome:
    """Train, and write the checkpoint, the averaged weights and the plot every now and then. Raises ShadergenError.

    `begun` is the graph that the run started from, for the record.
    """

    def save() -> None:
        if trainer.rank == 0:
            checkpoints.save(trainer.checkpoint(), job.checkpoint)
            sources.save(_with_record(job, begun, trainer, pictures), job.output)
            plot.save(trainer.history, job.output.stem, job.plot)

    trainer.run(on_step, stop, save, job.save_seconds, on_trouble)
    trained = _with_record(job, begun, trainer, pictures)
    trained = scored(trained, pictures_of(job.score_folders)) if job.score_folders else trained
    if trainer.rank == 0 and job.score_folders:
        sources.save(trained, job.output)
    return Outcome(trained, trainer.step == job.options.steps, departure(trained))


def departure(graph: Graph) -> float:
    """Torch's picture against the reference's. Raises ModelError where they are not the same."""
    image = np.random.default_rng(0).random((graph.input_type.channels, 26, 34), np.float32)
    with torch.no_grad():
        found = Network(graph)(torch.from_numpy(image)[None])[0].numpy()
    expected: Array = reference.evaluate(graph, image)[graph.output]
    difference = float(np.abs(found - expected).max())
    if not difference < 1e-4:
        raise ModelError(graph.name, f"found torch's picture {difference:.2g} from the reference's, expected 1e-4")
    return difference


def _with_record(job: Job, begun: Graph, trainer: Trainer, pictures: Pictures) -> Graph:
    """The averaged weights with all that says where they come from."""
    options = trainer.options
    training: dict[str, Any] = {
        "options": options.as_dict() | {"arch": Path(options.arch).name},
        "steps": trainer.step,
        "hours": round(trainer.history.seconds / 3600, 2),
        "device": f"{trainer.device.type}, {trainer.world} processes, {torch.get_num_threads()} threads",
        "versions": {"shadergen": __version__, "commit": _commit(), "torch": torch.__version__},
        "data": {
            "sha256": pictures.sha256,
            "pictures": len(pictures.names),
            "folders": dict(Counter(name.rpartition("/")[0] for name in pictures.names)),
        },
    }
    if begun.record.sha256:
        training["from"] = {"sha256": begun.record.sha256, "training": dict(begun.record.training)}
    scores = {"held out, dB": round(trainer.history.psnrs[-1], 3)} if trainer.history.psnrs else {}
    record = Record(licence=job.licence or begun.record.licence, training=training, scores=scores)
    return replace(trainer.graph, record=record)


def _commit() -> str:
    """The commit of the sources in use, with a + where they were changed; empty for an installed package."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(folder)]
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def join_processes() -> tuple[int, str]:
    """This process's rank and device, once it has joined those that torchrun started with it, if any."""
    cuda = torch.cuda.is_available()
    if cuda:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.deterministic = True
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return 0, "cuda" if cuda else "cpu"
    dist.init_process_group("nccl" if cuda else "gloo")
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        torch.cuda.set_device(local)
    return dist.get_rank(), f"cuda:{local}" if cuda else "cpu"


def expect_place(job: Job, resume: bool, restart: bool) -> bool:
    """Whether to go on from the checkpoint. Raises ShadergenError where that is not clear."""
    exists = job.checkpoint.exists()
    if resume and not exists:
        raise ShadergenError(job.checkpoint, "found no checkpoint, expected one to resume", "leave out --resume")
    if exists and not (resume or restart):
        raise ShadergenError(job.checkpoint, "found an earlier run's checkpoint", "use --resume or --restart")
    return resume
