"""The training loop: patches in, averaged weights out, the same ones every time."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from shadergen.errors import ShadergenError
from shadergen.ir.graph import Graph
from shadergen.train import checkpoint as checkpoints
from shadergen.train import feed as feeds
from shadergen.train import optimiser as optimisers
from shadergen.train.checkpoint import Checkpoint, History
from shadergen.train.data import Pictures, hold_out
from shadergen.train.fields import Fields
from shadergen.train.loss import Criterion
from shadergen.train.network import Network
from shadergen.train.options import Options

REPORT_STEPS = 1000
"""Steps between two entries of the history."""


@dataclass(frozen=True)
class StepReport:
    """What is known after a step."""

    step: int
    loss: float
    """The moving average of the loss."""
    psnr: float | None
    """What the averaged weights gave on the pictures held out when it was last measured, in dB; None before."""


class Trainer:
    """A run of `options` on `pictures`, from the weights of `graph`."""

    def __init__(
        self,
        graph: Graph,
        options: Options,
        pictures: Pictures,
        device: str = "cpu",
        on_prepare: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.options = options
        self.device = torch.device(device)
        self.rank: int = dist.get_rank() if dist.is_initialized() else 0
        self.world: int = dist.get_world_size() if dist.is_initialized() else 1
        if options.batch % self.world:
            raise ShadergenError("--batch", f"found {options.batch}, expected a multiple of {self.world} processes")
        train, held = hold_out(pictures, options.holdout)
        self.validation = feeds.validation(held, options)
        self.feed = feeds.feed(train, options, self.device, on_prepare)
        self.fields = Fields(options.plane, options.seed)
        self.data_sha256 = pictures.sha256
        self.network = Network(graph).to(self.device)
        self.start_sha256 = _digest(self.weights)
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.criterion = Criterion(graph, options)
        self.optimiser = optimisers.make(self.network.parameters(), options)
        self.step = 0
        self.history = History()
        self._losses: list[float] = []

    @property
    def weights(self) -> dict[str, Tensor]:
        return dict(self.network.arrays.items())

    @property
    def graph(self) -> Graph:
        """The graph with the averaged weights."""
        graph: Graph = self.network.trained(self.average)
        return graph

    # -----------------------------------------------------------------------------------------------------------------
    # Running

    def run(
        self,
        on_step: Callable[[StepReport], None] = lambda progress: None,
        stop: Callable[[], bool] = lambda: False,
        save: Callable[[], None] = lambda: None,
        save_seconds: float = 120.0,
        on_trouble: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Train until the last step or `stop()`; `save` is called at the start, every now and then, and at the end.

        Where it fails on the way (a full disk), `on_trouble` is told and training goes on: there may be room again at
        the next time. At the start and at the end, the error is raised.
        """
        save()
        began = saved = time.monotonic()
        before = self.history.seconds
        smooth = math.nan
        while self.step < self.options.steps and not self._any(stop()):
            loss = self._step()
            if not math.isfinite(loss):
                problem = f"found a loss of {loss} at step {self.step}, expected a number"
                raise ShadergenError("train", problem, "lower --rate and go on from the last checkpoint")
            self._losses.append(loss)
            smooth = loss if math.isnan(smooth) else 0.99 * smooth + 0.01 * loss
            now = time.monotonic()
            self.history.seconds = before + now - began
            if self.step % REPORT_STEPS == 0 or self.step == self.options.steps:
                self._report()
            psnr = self.history.psnrs[-1] if self.history.psnrs else None
            on_step(StepReport(self.step, smooth, psnr))
            if now - saved > save_seconds:
                try:
                    save()
                except ShadergenError as error:
                    on_trouble(f"{error}; training goes on and tries again in {save_seconds:.0f} s")
                saved = time.monotonic()
        save()

    def _step(self) -> float:
        rate = self.options.rate_at(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        count = self.options.batch // self.world
        image, expected = (part.to(self.device) for part in self.feed.batch(self.step, count, self.rank))
        bf16 = self.options.precision == "bf16" and self.step < self.options.decay_start
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            found = self.network(image, clip=False)
        loss = self.criterion(found.float(), expected)
        if self.options.flats:
            loss = loss + self.options.flats * self._fields_loss(count)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.world > 1:
            self._share_gradients()
        self.optimiser.step()
        self._update_average()
        self.step += 1
        return float(loss.detach())

    def _fields_loss(self, count: int) -> Tensor:
        """In 32 bits throughout: bfloat16 has no tenth of a code."""
        image, expected, counts = (part.to(self.device) for part in self.fields.batch(self.step, count, self.rank))
        return self.criterion.fields(self.network(image, clip=False), expected, counts)

    def _any(self, here: bool) -> bool:
        """Whether it is so in any process: all must stop after the same step."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        dist.all_reduce(flag)
        return bool(flag > 0)

    def _share_gradients(self) -> None:
        """The mean over all processes, in one transfer: the networks are small."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def _update_average(self) -> None:
        decay = min(self.options.average, (1 + self.step) / (10 + self.step))
        weights = [weight.detach() for weight in self.weights.values()]
        torch._foreach_lerp_(list(self.average.values()), weights, 1 - decay)

    def _report(self) -> None:
        self.history.steps.append(self.step)
        self.history.losses.append(float(np.mean(self._losses)))
        self.history.psnrs.append(self.psnr())
        self._losses.clear()

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def psnr(self) -> float:
        """Of the averaged weights: the mean over the pictures held out, in dB; a border of 4 pixels is left out."""
        ratios = []
        for image, expected in self.validation:
            found = torch.func.functional_call(self.network, _parameters(self.average), (image.to(self.device),)).cpu()
            square = (found - expected)[..., 4:-4, 4:-4].double().square().mean()
            ratios.append(-10 * math.log10(max(float(square), 1e-10)))
        return sum(ratios) / len(ratios)

    # -----------------------------------------------------------------------------------------------------------------
    # Stopping and going on

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            self.options.as_dict(),
            self.data_sha256,
            self.start_sha256,
            self.step,
            {name: weight.detach() for name, weight in self.weights.items()},
            self.average,
            self.optimiser.state_dict(),
            self.history,
            list(self._losses),
        )

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same run. Raises ShadergenError."""
        found = checkpoints.load(path)
        checkpoints.expect_same_run(found, self.options, self.data_sha256, self.start_sha256, path)
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(found.weights[name])
                self.average[name].copy_(found.average[name])
        self.optimiser.load_state_dict(found.optimiser)
        self.step, self.history, self._losses = found.step, found.history, found.losses


def _parameters(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """By the names that the module has for them."""
    return {f"arrays.{name}": weight for name, weight in weights.items()}


def _digest(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, weight in weights.items():
        digest.update(name.encode() + weight.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
