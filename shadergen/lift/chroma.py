"""Passes at CHROMA of a file that hooks NATIVE: they may bring chroma to luma's size, as players do, and no more.

Which filter a player takes for that is the user's choice; such a pass takes the bilinear one of the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping

from shadergen.hookfile import HookFile, HookPass
from shadergen.hookfile.stages import Scope, resources, result_name, result_size, skip_reason, variables
from shadergen.lift.affine import LiftError
from shadergen.lift.compare import Comparison
from shadergen.lift.compiled import compiled
from shadergen.lift.hookpass import Evaluation, Situation, Size
from shadergen.lift.machine import Budget
from shadergen.lift.textures import Symbols


def enlarges_chroma(
    file: HookFile,
    item: HookPass,
    luma: Size,
    output: tuple[float, float],
    values: Mapping[str, float],
    budget: Budget,
) -> bool:
    """Whether a pass at CHROMA runs for 4:2:0 video whose luma has so many texels.

    Raises LiftError for one that does not just enlarge chroma to luma's size.
    """
    chroma = Symbols(0, (luma[0] // 2, luma[1] // 2), 2)
    textures = {"CHROMA": chroma, "LUMA": Symbols(1, luma, 1)}
    native = (float(luma[0]), float(luma[1]))

    def size_of(name: str) -> tuple[float, float] | None:
        texture = textures.get(name)
        return None if texture is None else (float(texture.size[0]), float(texture.size[1]))

    scope = Scope(chroma.size, native, output, size_of, variables(file, values))
    if skip_reason(item, "CHROMA", scope, lambda name: name in textures or name in resources(file)):
        return False
    if result_name(item, "CHROMA") != "CHROMA" or result_size(item, scope) != luma:
        raise LiftError("does something else with CHROMA than to enlarge it to luma's size")
    situation = Situation(file, "CHROMA", textures, luma, native, output, values, budget)
    run = Evaluation(item, situation, compiled(file, item, "CHROMA", values))
    middle = (luma[0] // 2, luma[1] // 2)
    same = Comparison(run.arena, {0: 0, 1: 0}).same
    for x, y in ((0, 0), middle, (middle[0] + 1, middle[1]), (middle[0], middle[1] + 1), (luma[0] - 1, luma[1] - 1)):
        sampled = chroma.sample(((x + 0.5) / luma[0], (y + 0.5) / luma[1]), (0, 0))
        if not all(map(same, sampled[:2], run.at(x, y)[:2])):
            raise LiftError("changes CHROMA in another way than to interpolate it at luma's pixels")
    return True
