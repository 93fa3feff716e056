"""Is the lifted network the shader? Runs the shader's text and compares the picture with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shadergen import hookfile
from shadergen.ir import reference
from shadergen.ir.ops import Round
from shadergen.judge.stimuli import Size, Stimulus, stimuli
from shadergen.lift import Lifted
from shadergen.runtime.compare import Comparison, compare
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner

SIZES: tuple[Size, ...] = ((64, 48), (61, 47), (33, 57))
"""Frames on which every lifted network is proven, (width, height); two are odd."""

BOUND = 1e-4
"""How far the two pictures may be apart: both are computed in fp32, in another order. Clipped values are that far from
one another, too; an activation that GLSL computes with fewer digits is, where its value is large."""


ROUNDED = 0.005
"""The share of values that may be further apart where the network rounds to whole numbers: what is half-way but for the
last bits is rounded to one side here and to the other there. A wrong network differs nearly everywhere."""


@dataclass(frozen=True)
class Proof:
    """One frame on which the shader and the network were compared."""

    size: Size
    comparison: Comparison | None
    problem: str = ""
    """Why they could not be compared, or empty."""
    rounds: bool = False
    """Whether the network rounds to whole numbers."""
    apart: float = 0.0
    """The share of values that are further apart than BOUND."""

    @property
    def holds(self) -> bool:
        """Whether they are the same picture."""
        return self.comparison is not None and self.apart <= (ROUNDED if self.rounds else 0.0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"holds": self.holds}


def prove(
    lifted: Lifted,
    text: str,
    where: str,
    sizes: Sequence[Size] = SIZES,
    on_proof: Callable[[Proof], None] = lambda proof: None,
) -> tuple[Proof, ...]:
    """Run a shader's text and the network that was lifted from it on a picture of each size.

    Raises NoDeviceError without OpenGL, ShaderRunError for a shader that the device refuses.
    """
    proofs = []
    context = open_context()
    try:
        file = hookfile.parse(text, where)
        with Runner(context, file, storage="rgba32f", params=lifted.values, where=where) as runner:
            for frame in stimuli(lifted.graph.plane, sizes):
                proofs.append(_proof(lifted, runner, frame))
                on_proof(proofs[-1])
    finally:
        context.release()
    return tuple(proofs)


def _proof(lifted: Lifted, runner: Runner, frame: Stimulus) -> Proof:
    width, height = frame.size
    output = (round(width * lifted.factor), round(height * lifted.factor))
    result = runner.run(Frame(frame.planes, full_range=True), output, stop_after=lifted.stage, only=(lifted.stage,))
    if not any(run.ran for run in result.passes):
        return Proof(frame.size, None, "no pass of the shader runs at this size")
    expected = reference.evaluate(lifted.graph, frame.image)[lifted.graph.output]
    actual = result.planes[lifted.stage][: len(expected)]
    if actual.shape != expected.shape:
        sizes = "the shader gives {1}x{0}, the network {3}x{2}".format(*actual.shape[1:], *expected.shape[1:])
        return Proof(frame.size, None, sizes)
    apart = float((~(np.abs(actual - expected) <= BOUND)).mean())
    rounds = any(isinstance(node.op, Round) for node in lifted.graph.nodes)
    return Proof(frame.size, compare(actual, expected), rounds=rounds, apart=apart)
