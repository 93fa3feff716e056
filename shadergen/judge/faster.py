"""A shader's network written anew, for whoever wants the shader to be fast and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shadergen import compiler, hookfile
from shadergen.errors import ShaderRunError
from shadergen.hookfile import Block, HookFile, HookPass, Rpn
from shadergen.hookfile.stages import EXPRESSION_NAMES, STAGE_ORDER, canonical, passes_at, result_name
from shadergen.judge.lifted import BOUND, SIZES
from shadergen.judge.stimuli import Size, siting_of, stimuli
from shadergen.lift import Lifted
from shadergen.measure.bench import Entry, Options, measure
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target


@dataclass(frozen=True)
class Faster:
    """The new file, and how it compares with the original on this device."""

    text: str
    """The new file's text, or the original's where that is as fast."""
    original_seconds: float
    """The median of a frame's times."""
    seconds: float
    """That of the network written anew."""
    ratio: float
    """New over old: the median of those of frames that followed one another."""
    difference: float
    """The largest between the two pictures, in fp32 textures."""

    @property
    def is_faster(self) -> bool:
        """Whether the new file is the faster one."""
        return self.ratio < 1


def faster(
    lifted: Lifted,
    text: str,
    where: str,
    target: Target,
    size: Size | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Faster:
    """Write a lifted network anew, with the original's hooks, conditions and header, and time both.

    Where the target may, it is written with and without layers that share passes: the faster one counts.

    Raises ShaderRunError where one of the two does not run here or the pictures are not the same, NoDeviceError without
    OpenGL, TargetError where the target cannot express the network.
    """
    original = hookfile.parse(text, where)
    written = dict.fromkeys(
        hookfile.format(dressed(compiler.compile(lifted.graph, way), original, lifted)) for way in _ways(target)
    )
    differences = {}
    for new in written:
        progress("comparing both")
        differences[new] = _difference(lifted, text, new, where)
        if not differences[new] <= BOUND:
            problem = f"found a picture that is {differences[new]:.1e} from the original's, expected at most {BOUND:g}"
            raise ShaderRunError(where, problem)
    entries = [Entry("original", text), *(Entry("new", new) for new in written)]
    report = measure(entries, Options(size), progress=progress)
    seconds = []
    for found in report.files:
        if found.seconds is None:
            raise ShaderRunError(where, f"found that the {found.name} file does not run here: {found.problem}")
        seconds.append(found.seconds.median)
    ratios = [found.ratio or math.inf for found in report.files[1:]]
    ratio, new, own = min(zip(ratios, written, seconds[1:], strict=True), key=lambda way: way[0])
    return Faster(new if ratio < 1 else text, seconds[0], own, ratio, differences[new])


def _ways(target: Target) -> tuple[Target, ...]:
    """The target, and the same with layers that share passes, which suits GPUs, where nothing is said of that."""
    if target.fuse or target.stage != "compute" or target.weights != "code" or target.kernel:
        return (target,)
    return target, replace(target, fuse=True)


def dressed(file: HookFile, original: HookFile, lifted: Lifted) -> HookFile:
    """A file that hooks what the original hooks, when it does, below the original's header.

    A pass at a stage at which the original has none, such as that in front of a network of Y, Cb and Cr, is left out.
    """
    network = file.passes[-1].hooks
    blocks: list[Block] = []
    for block in file.blocks:
        if isinstance(block, HookPass):
            stage = lifted.stage if block.hooks == network else canonical(block.hooks[0])
            replaced = [item for _, item in passes_at(original, stage) if result_name(item, stage) == stage]
            blocks += [_dressed(block, replaced[-1])] if replaced else []
        else:
            blocks.append(block)
    above = original.header.rstrip()
    header = f"{above}\n\n{file.header}" if above else file.header
    return replace(file, header=header, blocks=tuple(blocks))


def _dressed(item: HookPass, original: HookPass) -> HookPass:
    """A pass that hooks what another hooks, when it does."""
    condition = original.when if original.when is not None and _is_plain(original.when) else None
    return replace(item, hooks=original.hooks, when=item.when if condition is None and original.when else condition)


def _is_plain(condition: Rpn) -> bool:
    """Whether a condition asks for what every file can: sizes of the player's own pictures."""
    known = {*EXPRESSION_NAMES, *map(canonical, STAGE_ORDER), "MAIN"}
    return condition.names() <= known and all(token.kind != "variable" for token in condition.tokens)


def _difference(lifted: Lifted, old: str, new: str, where: str) -> float:
    """The largest difference of the two files' pictures on the frames on which networks are proven."""
    worst = 0.0
    context = open_context()
    try:
        for frame in stimuli(lifted.graph.plane, SIZES):
            output = tuple(round(extent * lifted.factor) for extent in frame.size)
            planes = []
            for text, params in ((old, lifted.values), (new, {})):
                with Runner(
                    context, hookfile.parse(text, where), storage="rgba32f", params=params, where=where
                ) as runner:
                    shown = Frame(frame.planes, siting=siting_of(frame), full_range=True)
                    result = runner.run(shown, (output[0], output[1]), stop_after=lifted.stage, only=(lifted.stage,))
                    planes.append(result.planes[lifted.stage])
            if planes[0].shape != planes[1].shape:
                return float("inf")
            worst = max(worst, float(np.abs(planes[0] - planes[1]).max()))
    finally:
        context.release()
    return worst
