"""How a workgroup fills its tile of shared memory."""

from __future__ import annotations

from math import prod

from shadergen.emit.directives import workgroup
from shadergen.forms.form import Filling, TileStore
from shadergen.glsl.addressing import Addressing, SharedTile
from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import FP16, FP32
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.storage.layout import PACK


def filling_of(
    schedule: Schedule, scheduled: ScheduledPass, hook: Addressing, at: Addressing, steps: tuple[str, ...]
) -> Filling:
    """How the steps of the tile's source fill it. In fp16 where that is the precision: a texture holds no more."""
    types = FP16 if schedule.target.precision == "fp16" else FP32
    tile, array = scheduled.filled_tile, hook.tile
    assert tile, "the pass has a tile to fill"
    assert array, "and says where it is"
    area, own = tile.area, scheduled.pixels

    def store(pixel: Pixel) -> TileStore:
        texels = []
        for pack in range(tile.packs):
            register = at.register(tile.value, pack, pixel)
            value = register if tile.continued else f"padded({register}, inside)"
            number = Index.of("first").plus(array.number(pack, pixel.y, pixel.x))
            texels.append((str(number), value if types is FP32 else f"{types.vec(PACK)}({value})"))
        return TileStore(pixel.at, tuple(texels))

    return Filling(
        value=tile.value,
        type=types.vec(PACK),
        texels=tile.texels,
        width=tile.size[0],
        margin=tile.margin,
        moved=(area[0] * own[0], area[1] * own[1]),
        threads=prod(workgroup(schedule, scheduled)),
        blocks=tile.blocks,
        pixels=tile.source.pixels,
        steps=steps,
        stores=tuple(store(pixel) for pixel in at.pixels),
        image=at.sizes.of(tile.value),
        continued=tuple((_of_pack("n", pack, array), _of_pack("near", pack, array)) for pack in range(tile.packs))
        if tile.continued
        else (),
        height=tile.size[1],
    )


def _of_pack(pixel: str, pack: int, array: SharedTile) -> str:
    """The place in the tile of a pack of the pixel whose number in it is in a variable."""
    return str(Index.of(pixel).plus(array.number(pack, 0, 0)))
