"""Is the lifted network the shader? Runs the shader's text and compares the picture with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen import hookfile
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import Affine, Round
from shadergen.judge.stimuli import Size, Stimulus, siting_of, stimuli
from shadergen.lift import Lifted
from shadergen.runtime.compare import Comparison, compare
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner

SIZES: tuple[Size, ...] = ((64, 48), (61, 47), (33, 57))
"""Frames on which every lifted network is proven, (width, height); two are odd."""

BOUND = 1e-4
"""How far the two pictures may be apart: both are computed in fp32, in another order. Clipped values are that far from
one another, too; an activation that GLSL computes with fewer digits is, where its value is large."""

UNDECIDED = 1e-4
"""How far from half-way a value is on which two ways of adding in fp32 agree before it is rounded to a whole number.
Values are up to 127 there; those of CuNNy-2x8-B and CuNNy-3x8-B differ by up to 3e-5. Textures are read exactly for
that: llvmpipe, which interpolates in floats, otherwise adds so much of a texel's neighbours that they differ by 1.7e-3.
"""

DECIDED = 0.25
"""The share of a picture that must not depend on how values near half-way are rounded, for a proof."""


@dataclass(frozen=True)
class Proof:
    """One frame on which the shader and the network were compared."""

    size: Size
    comparison: Comparison | None
    problem: str = ""
    """Why they could not be compared, or empty."""
    decided: float = 1.0
    """The share of the picture that was compared. It is below 1 where the network rounds to whole numbers: what is
    half-way but for the last bits is rounded to one side here and to the other there, and all that is computed from it
    is another."""

    @property
    def holds(self) -> bool:
        """Whether they are the same picture."""
        return self.comparison is not None and self.comparison.max_abs <= BOUND and self.decided >= DECIDED

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

    Textures are read by the device's sampler, and exactly from the picture on where that is too far off, since it takes
    twice as long to compile. llvmpipe, which interpolates in floats, adds 1e-5 of a texel's neighbours to it, and a
    deep network makes more of that: ARNet's of 24 blocks is off by 1.2e-4, by 7e-7 with textures that are read exactly.

    Of a network that rounds to whole numbers only those pixels are compared that do not depend on how what is half-way
    is rounded, and all textures are read exactly. Raises NoDeviceError without OpenGL, ShaderRunError for a shader that
    the device refuses.
    """
    frames = list(stimuli(lifted.graph.plane, sizes))
    proofs: list[Proof] = []
    context = open_context()
    try:
        file = hookfile.parse(text, where)
        for exact in (True,) if _rounds(lifted.graph) else (False, True):
            if len(proofs) == len(frames):
                break
            with Runner(context, file, storage="rgba32f", params=lifted.values, where=where, exact=exact) as runner:
                for frame in frames[len(proofs) :]:
                    proof = _proof(lifted, runner, frame)
                    if not proof.holds and not exact:
                        break
                    proofs.append(proof)
                    on_proof(proof)
    finally:
        context.release()
    return tuple(proofs)


def _proof(lifted: Lifted, runner: Runner, frame: Stimulus) -> Proof:
    width, height = frame.size
    output = (round(width * lifted.factor), round(height * lifted.factor))
    shown = Frame(frame.planes, siting=siting_of(frame), full_range=True)
    result = runner.run(shown, output, stop_after=lifted.stage, only=(lifted.stage,))
    if not any(run.ran for run in result.passes):
        return Proof(frame.size, None, "no pass of the shader runs at this size")
    expected = reference.evaluate(lifted.graph, frame.image)[lifted.graph.output]
    actual = result.planes[lifted.stage][: len(expected)]
    if actual.shape != expected.shape:
        sizes = "the shader gives {1}x{0}, the network {3}x{2}".format(*actual.shape[1:], *expected.shape[1:])
        return Proof(frame.size, None, sizes)
    decided = _decided(lifted.graph, frame.image, expected)
    comparison = compare(np.where(decided, actual, expected), expected)
    return Proof(frame.size, comparison, decided=float(decided.mean()))


def _decided(graph: Graph, image: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which pixels stay what they are when everything near half-way is rounded up, and when it is rounded down."""
    decided = np.ones(expected.shape, bool)
    if _rounds(graph):
        for by in (UNDECIDED, -UNDECIDED):
            shifted = _shifted(graph, by)
            decided &= np.abs(reference.evaluate(shifted, image)[shifted.output] - expected) <= BOUND / 10
    return decided


def _rounds(graph: Graph) -> bool:
    return any(isinstance(node.op, Round) for node in graph.nodes)


def _shifted(graph: Graph, by: float) -> Graph:
    """The graph with a number added to all that is rounded."""
    types = verify(graph)
    nodes = []
    for node in graph.nodes:
        if isinstance(node.op, Round):
            ones = np.ones(types[node.name].channels, np.float32)
            nodes.append(Node(f"{node.name}_shifted", Affine(ones, ones * np.float32(by)), node.inputs))
            node = replace(node, inputs=(nodes[-1].name,))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
