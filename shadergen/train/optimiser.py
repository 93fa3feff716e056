"""Optimisers that see a convolution's weight as the matrix (out, in * kh * kw) it is.

Muon (https://kellerjordan.github.io/posts/muon/) makes each update orthogonal; SOAP (https://arxiv.org/abs/2409.11321)
runs Adam in the eigenbasis of Shampoo's preconditioner. The matrices here have at most a few hundred rows, so both
cost little beside the convolutions themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from shadergen.train.options import Options

_EPS = 1e-8


def make(parameters: Iterable[Tensor], options: Options) -> torch.optim.Optimizer:
    """The optimiser that the options ask for."""
    parameters = list(parameters)
    if options.optimiser == "adamw":
        return torch.optim.AdamW(parameters, options.rate, (0.9, 0.99), weight_decay=options.weight_decay, foreach=True)
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {"muon": Muon, "soap": Soap}
    return kinds[options.optimiser](parameters, options.rate, options.weight_decay)


class _ByMatrix(torch.optim.Optimizer):  # type: ignore[misc, unused-ignore]
    """Adam for vectors, something better for matrices."""

    def __init__(self, parameters: list[Tensor], rate: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": rate, "weight_decay": weight_decay})

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def step(self, closure: Any = None) -> None:  # type: ignore[override, unused-ignore]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                state["step"] = state.get("step", 0) + 1
                gradient = parameter.grad
                if parameter.ndim < 2:
                    update = _adam(state, gradient)
                else:
                    update = self.matrix(state, gradient.flatten(1)).view_as(parameter)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(group["lr"] * update)

    def matrix(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        """The update for a gradient (rows, columns), of entries about 1."""
        raise NotImplementedError


def _adam(state: dict[str, Any], gradient: Tensor, betas: tuple[float, float] = (0.9, 0.99)) -> Tensor:
    for name, value, beta in (("mean", gradient, betas[0]), ("square", gradient.square(), betas[1])):
        state.setdefault(name, torch.zeros_like(gradient)).lerp_(value, 1 - beta)
    mean = state["mean"] / (1 - betas[0] ** state["step"])
    square = state["square"] / (1 - betas[1] ** state["step"])
    update: Tensor = mean / (square.sqrt() + _EPS)
    return update


class Muon(_ByMatrix):
    """Momentum, made orthogonal by five Newton-Schulz steps; scaled so that a rate for Adam fits."""

    def matrix(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        momentum = state.setdefault("mean", torch.zeros_like(gradient)).lerp_(gradient, 0.05)
        x = gradient.lerp(momentum, 0.95)
        rows, columns = x.shape
        x = x.T if rows > columns else x
        x = x / (x.norm() + _EPS)
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        update: Tensor = 0.2 * max(rows, columns) ** 0.5 * (x.T if rows > columns else x)
        return update


class Soap(_ByMatrix):
    """Adam in the eigenbasis of the gradients' row and column covariances, which is renewed every few steps."""

    betas = (0.95, 0.99)
    period = 10
    most = 1024
    """Rows (columns) above which there is no basis: its cost grows with their cube."""

    def matrix(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        step = state["step"]
        sides = {"rows": gradient, "columns": gradient.T}
        if step == 1:
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            for name, side in sides.items():
                if len(side) <= self.most:
                    state[f"{name}_covariance"] = side @ side.T
                    vectors = torch.linalg.eigh(state[f"{name}_covariance"].double())[1]
                    state[f"{name}_basis"] = vectors.flip(1).to(gradient.dtype).contiguous()
        state["mean"].lerp_(gradient, 1 - self.betas[0])
        state["square"].lerp_(self._turned(state, gradient).square(), 1 - self.betas[1])
        mean = self._turned(state, state["mean"]) / (1 - self.betas[0] ** step)
        square = state["square"] / (1 - self.betas[1] ** step)
        update = self._turned(state, mean / (square.sqrt() + _EPS), back=True)
        for axis, (name, side) in enumerate(sides.items()):
            if f"{name}_basis" in state:
                state[f"{name}_covariance"].lerp_(side @ side.T, 1 - self.betas[1])
                if step % self.period == 0:
                    self._renew(state, name, axis)
        return update

    def _turned(self, state: dict[str, Any], x: Tensor, back: bool = False) -> Tensor:
        """`x` in the eigenbasis, or back from it."""
        rows, columns = state.get("rows_basis"), state.get("columns_basis")
        if rows is not None:
            x = (rows if back else rows.T) @ x
        if columns is not None:
            x = x @ (columns.T if back else columns)
        return x

    def _renew(self, state: dict[str, Any], name: str, axis: int) -> None:
        """One step of the power iteration, with `square` kept in step with the basis' order."""
        covariance, basis = state[f"{name}_covariance"], state[f"{name}_basis"]
        order = torch.argsort((basis * (covariance @ basis)).sum(0), descending=True)
        state["square"] = state["square"].index_select(axis, order)
        state[f"{name}_basis"] = torch.linalg.qr(covariance @ basis[:, order])[0].contiguous()
