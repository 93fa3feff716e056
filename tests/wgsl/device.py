"""Programs for WebGPU, run by wgpu-native on this machine's Vulkan, as a page runs them in a browser."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shadergen.wgsl import Program
from shadergen.wgsl.program import WORKGROUP, Size

Array = npt.NDArray[np.float32]


@cache
def device() -> Any:
    """A device with 16-bit arithmetic where there is any; skips the test where wgpu or an adapter is missing."""
    wgpu = pytest.importorskip("wgpu", reason="found no wgpu, expected it to run WGSL")
    adapters = [item for item in wgpu.gpu.enumerate_adapters_sync() if item.info["backend_type"] == "Vulkan"]
    if not adapters:
        pytest.skip("found no adapter for WebGPU, expected one on Vulkan")
    features = [name for name in ("shader-f16",) if name in adapters[0].features]
    return adapters[0].request_device_sync(required_features=features)


def prelude(half: bool) -> str:
    """What the page puts in front of a program: the precision of products."""
    scalar = "f16" if half else "f32"
    matrices = "".join(f"alias half{n}x4 = mat{n}x4<{scalar}>;\n" for n in (2, 3, 4))
    return f"{'enable f16;' if half else ''}\nalias half4 = vec4<{scalar}>;\n{matrices}"


def extent(size: Size, n: int) -> int:
    """A size in pixels for a picture of n pixels."""
    total, rest = divmod(size.times * n + size.plus[n % len(size.plus)], size.over)
    assert rest == 0
    return total


def run(program: Program, image: Array, storage: str = "rgba32float", half: bool = False) -> Array:
    """The program's output, (channels of whole packs, height, width), for an image (channels, height, width)."""
    import wgpu

    gpu, (_, height, width) = device(), image.shape
    if half and "shader-f16" not in gpu.features:
        pytest.skip("found no 16-bit arithmetic on this adapter, expected shader-f16")
    sizes = {v.name: (extent(v.width, width), extent(v.height, height), v.packs) for v in program.values}
    usage = wgpu.TextureUsage
    textures = {
        name: gpu.create_texture(
            size=(w + 1, h + 1, packs),
            format="rgba32float" if name == program.input else storage,
            usage=usage.STORAGE_BINDING | usage.TEXTURE_BINDING | usage.COPY_DST | usage.COPY_SRC,
        )
        for name, (w, h, packs) in sizes.items()
    }
    texels = np.zeros((height, width, 4), np.float32)
    texels[..., : len(image)] = np.moveaxis(image, 0, -1)
    gpu.queue.write_texture(
        {"texture": textures[program.input]}, texels, {"bytes_per_row": 16 * width}, (width, height, 1)
    )
    numbers = np.concatenate([table.reshape(-1, 4) for table in program.tables] or [np.zeros((1, 4), np.float32)])
    pairs = [[extent(w, width), extent(h, height)] for w, h in program.sizes] or [[0, 0]]
    buffers = [
        gpu.create_buffer_with_data(data=data, usage=wgpu.BufferUsage.STORAGE)
        for data in (numbers, numbers.astype(np.float16 if half else np.float32), np.array(pairs, np.int32))
    ]
    encoder = gpu.create_command_encoder()
    for item in program.passes:
        code = prelude(half) + program.head.replace("rgba16float", storage) + item.code
        layout, pipeline = _pipeline(code, len(item.reads), storage)
        views = [textures[name].create_view(dimension="2d-array") for name in (item.writes, *item.reads)]
        resources = [*({"buffer": buffer, "offset": 0, "size": buffer.size} for buffer in buffers), *views]
        entries = [{"binding": number, "resource": resource} for number, resource in enumerate(resources)]
        compute = encoder.begin_compute_pass()
        compute.set_pipeline(pipeline)
        compute.set_bind_group(0, gpu.create_bind_group(layout=layout, entries=entries))
        reach = [side * block for side, block in zip(WORKGROUP, item.block, strict=True)]
        groups = [-(-size // step) for size, step in zip(sizes[item.writes][:2], reach, strict=True)]
        compute.dispatch_workgroups(*groups, item.layers)
        compute.end()
    gpu.queue.submit([encoder.finish()])
    return _read(gpu, textures[program.output], sizes[program.output], storage)


@cache
def _pipeline(code: str, textures: int, storage: str) -> tuple[Any, Any]:
    import wgpu

    gpu = device()
    layout = _layout(wgpu, gpu, textures, storage)
    pipeline = gpu.create_compute_pipeline(
        layout=gpu.create_pipeline_layout(bind_group_layouts=[layout]),
        compute={"module": gpu.create_shader_module(code=code), "entry_point": "main"},
    )
    return layout, pipeline


def _layout(wgpu: Any, gpu: Any, textures: int, storage: str) -> Any:
    def entry(binding: int, **what: Any) -> dict[str, Any]:
        return {"binding": binding, "visibility": wgpu.ShaderStage.COMPUTE, **what}

    entries = [entry(number, buffer={"type": "read-only-storage"}) for number in range(3)]
    entries.append(entry(3, storage_texture={"access": "write-only", "format": storage, "view_dimension": "2d-array"}))
    sampled = {"sample_type": "unfilterable-float", "view_dimension": "2d-array"}
    entries += [entry(4 + number, texture=sampled) for number in range(textures)]
    return gpu.create_bind_group_layout(entries=entries)


def _read(gpu: Any, texture: Any, size: tuple[int, int, int], storage: str) -> Array:
    width, height, packs = size
    kind = np.float32 if storage == "rgba32float" else np.float16
    row = 4 * np.dtype(kind).itemsize * width
    padded = -(-row // 256) * 256
    data = gpu.queue.read_texture(
        {"texture": texture}, {"bytes_per_row": padded, "rows_per_image": height}, (width, height, packs)
    )
    texels = np.frombuffer(data, np.uint8).reshape(packs, height, padded)[:, :, :row]
    values = np.ascontiguousarray(texels).view(kind).reshape(packs, height, width, 4)
    return values.transpose(0, 3, 1, 2).reshape(-1, height, width).astype(np.float32)
