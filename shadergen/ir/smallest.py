"""The smallest picture that a network takes: a kernel without padding needs as many texels as it has."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from shadergen.errors import ShadergenError
from shadergen.ir.types import TensorType

Size = tuple[int, int]
"""Width and height."""


def smallest(types: Mapping[str, TensorType]) -> Size:
    """The smallest width and height of the input at which each of a network's values has a texel; `types` are those of
    `ir.graph.verify`."""
    areas = [type_.area for type_ in types.values()]
    height, width = (next(n for n in count(1) if all(area[axis].value(n) > 0 for area in areas)) for axis in (0, 1))
    return width, height


def check_size(name: str, types: Mapping[str, TensorType], size: Size) -> None:
    """Raise ShadergenError, which begins with the network's `name`, for a picture that is too small for it."""
    least = smallest(types)
    if size[0] < least[0] or size[1] < least[1]:
        problem = f"found a frame that is too small for a kernel, expected {least[0]}x{least[1]} or more"
        raise ShadergenError(f"{name} at {size[0]}x{size[1]}", problem)
