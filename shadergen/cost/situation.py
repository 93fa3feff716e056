"""What a workgroup in the middle of a pass's result finds around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shadergen.cost.frame import Frame, Run
from shadergen.cost.trace import Situation
from shadergen.hookfile import HookFile, UserTexture
from shadergen.hookfile.stages import bindings, initial_values, resources

_FRAGMENT_GROUP = (8, 8)
"""The texels of a fragment shader that are followed together."""


def situation(file: HookFile, frame: Frame, run: Run, wave: int) -> Situation:
    """The situation of a run of a pass, by the names that `hookfile.preamble` gives its variables."""
    uniforms: dict[str, Sequence[float] | float | int | bool] = {
        "sg_video": True,
        "sg_out_size": run.size,
        "sg_frame": 1,
        "sg_random": 0.5,
        "sg_input_size": frame.size,
        "sg_target_size": frame.output,
        "sg_tex_offset": (0.0, 0.0),
    }
    values = initial_values(file)
    uniforms |= {
        f"sg_param_{param.name}": values[param.name] if param.type == "float" else int(values[param.name])
        for param in file.params
    }
    sizes: dict[str, tuple[int, ...]] = {"sg_out_image": run.size}
    own = resources(file)
    for unit, name in enumerate(bindings(run.item, run.stage)):
        block = own.get(name)
        if isinstance(block, UserTexture):
            sizes[f"sg_tex{unit}"] = block.size
        elif name in run.sizes:
            width, height = sizes[f"sg_tex{unit}"] = run.sizes[name]
            uniforms |= {f"sg_rect{unit}": (0.0, 0.0, 1.0, 1.0), f"sg_off{unit}": (0.0, 0.0)}
            uniforms[f"sg_pt{unit}"] = (1 / width, 1 / height)
    if run.item.compute is None:
        threads = _FRAGMENT_GROUP
        position = (run.size[0] // 2 + 0.5, run.size[1] // 2 + 0.5)
        varyings = frozenset(name.replace("tex", "pos") for name in _textures(sizes))
        return Situation(threads, (0, 0), (1, 1), wave, uniforms, sizes, run.size, position, varyings)
    block_size = run.item.compute.block
    groups = (-(-run.size[0] // block_size[0]), -(-run.size[1] // block_size[1]))
    middle = (groups[0] // 2, groups[1] // 2)
    return Situation(run.item.compute.threads, middle, groups, wave, uniforms, sizes, run.size)


def _textures(sizes: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    return (name for name in sizes if name.startswith("sg_tex"))
