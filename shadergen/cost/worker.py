"""Compiles pipelines in this machine's Vulkan driver and says what came of them; a program of its own.

It is run by `driver` as `python3 -c`, perhaps within another root, so it imports the standard library alone and takes
any Python from 3.10. The standard input has one JSON object a line, a pipeline each; the standard output answers each
with a line: `{"executables": [...]}` or `{"error": "..."}`. The first line is about the device: `{"device": NAME}`.
What VK_KHR_pipeline_executable_properties gives is handed on as it is; a driver that crashes takes this process only.

Structures are those of the Vulkan specification, version 1.3.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import sys
from ctypes import POINTER, addressof, byref, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_void_p
from ctypes import c_uint32 as u32
from ctypes import c_uint64 as u64
from itertools import pairwise
from typing import Any


def _structure(name: str, /, **fields: Any) -> Any:
    """A structure that begins with sType and pNext, as almost all do."""
    head = [("sType", u32), ("pNext", c_void_p)]
    return type(name, (ctypes.Structure,), {"_fields_": head + list(fields.items())})


ApplicationInfo = _structure(
    "ApplicationInfo", application=c_char_p, version=u32, engine=c_char_p, engine_version=u32, api=u32
)
InstanceInfo = _structure(
    "InstanceInfo", flags=u32, application=c_void_p, layers=u32, layer_names=c_void_p, extensions=u32, names=c_void_p
)
DriverProperties = _structure("DriverProperties", id=u32, name=c_char * 256, info=c_char * 256, conformance=u32)
DeviceProperties = _structure("DeviceProperties", properties=ctypes.c_ubyte * 4096)
QueueInfo = _structure("QueueInfo", flags=u32, family=u32, count=u32, priorities=c_void_p)
DeviceInfo = _structure(
    "DeviceInfo",
    flags=u32,
    queues=u32,
    queue_infos=c_void_p,
    layers=u32,
    layer_names=c_void_p,
    extensions=u32,
    names=c_void_p,
    features=c_void_p,
)
ModuleInfo = _structure("ModuleInfo", flags=u32, size=c_size_t, code=c_void_p)
SetLayoutInfo = _structure("SetLayoutInfo", flags=u32, count=u32, bindings=c_void_p)
LayoutInfo = _structure("LayoutInfo", flags=u32, sets=u32, layouts=c_void_p, ranges=u32, range_infos=c_void_p)
StageInfo = _structure("StageInfo", flags=u32, stage=u32, module=u64, name=c_char_p, constants=c_void_p)
ComputeInfo = _structure("ComputeInfo", flags=u32, stage=StageInfo, layout=u64, base=u64, base_index=c_int32)
GraphicsInfo = _structure(
    "GraphicsInfo",
    flags=u32,
    count=u32,
    stages=c_void_p,
    vertex=c_void_p,
    assembly=c_void_p,
    tess=c_void_p,
    viewport=c_void_p,
    raster=c_void_p,
    samples=c_void_p,
    depth=c_void_p,
    blend=c_void_p,
    dynamic=c_void_p,
    layout=u64,
    render_pass=u64,
    subpass=u32,
    base=u64,
    base_index=c_int32,
)
VertexInput = _structure("VertexInput", flags=u32, bindings=u32, b=c_void_p, attributes=u32, a=c_void_p)
Assembly = _structure("Assembly", flags=u32, topology=u32, restart=u32)
Viewport = _structure("Viewport", flags=u32, viewports=u32, v=c_void_p, scissors=u32, s=c_void_p)
Raster = _structure(
    "Raster",
    flags=u32,
    clamp=u32,
    discard=u32,
    mode=u32,
    cull=u32,
    front=u32,
    bias=u32,
    bias_constant=c_float,
    bias_clamp=c_float,
    bias_slope=c_float,
    line_width=c_float,
)
Multisample = _structure(
    "Multisample", flags=u32, samples=u32, shading=u32, least=c_float, mask=c_void_p, to_coverage=u32, to_one=u32
)
Blend = _structure("Blend", flags=u32, logic=u32, op=u32, count=u32, attachments=c_void_p, constants=c_float * 4)
Dynamic = _structure("Dynamic", flags=u32, count=u32, states=c_void_p)
Rendering = _structure("Rendering", mask=u32, count=u32, formats=c_void_p, depth=u32, stencil=u32)
PipelineReference = _structure("PipelineReference", pipeline=u64)
ExecutableReference = _structure("ExecutableReference", pipeline=u64, index=u32)
_NAMES = {"name": c_char * 256, "description": c_char * 256}
ExecutableProperties = _structure("ExecutableProperties", stages=u32, **_NAMES, subgroup=u32)
Representation = _structure("Representation", **_NAMES, is_text=u32, size=c_size_t, data=c_void_p)


class Binding(ctypes.Structure):
    """VkDescriptorSetLayoutBinding."""

    _fields_ = [("binding", u32), ("type", u32), ("count", u32), ("stages", u32), ("samplers", c_void_p)]


class BlendAttachment(ctypes.Structure):
    """VkPipelineColorBlendAttachmentState."""

    _fields_ = [("enable", u32), ("factors", u32 * 6), ("mask", u32)]


class Value(ctypes.Union):
    """VkPipelineExecutableStatisticValueKHR."""

    _fields_ = [("b32", u32), ("i64", c_int64), ("u64", u64), ("f64", c_double)]


Statistic = _structure("Statistic", **_NAMES, format=u32, value=Value)

_KEEP_STATISTICS, _KEEP_TEXTS = 0x40, 0x80
_EXTENSION = b"VK_KHR_pipeline_executable_properties"
_RGBA16F = 97
_NO_BASE = -1


class Refused(Exception):  # noqa: N818 - told as one line
    """What the loader or a driver does not do."""


class Device:
    """The first device of the driver, with every feature that it has but for robust access, as libplacebo opens it."""

    def __init__(self) -> None:
        try:
            self._vulkan = ctypes.CDLL("libvulkan.so.1")
        except OSError:
            raise Refused("found no Vulkan loader (libvulkan.so.1)") from None
        self._vulkan.vkGetDeviceProcAddr.restype = c_void_p
        application = ApplicationInfo(sType=0, api=(1 << 22) | (3 << 12))
        self._instance = c_void_p()
        info = InstanceInfo(sType=1, application=addressof(application))
        self._call("vkCreateInstance", byref(info), None, byref(self._instance))
        self._physical = self._first_device()
        self.name = self._name()
        if _EXTENSION not in self._extensions():
            raise Refused(f"the driver of {self.name} gives no statistics ({_EXTENSION.decode()})")
        self._device = self._open()

    def _call(self, name: str, *arguments: Any) -> None:
        result = getattr(self._vulkan, name)(*arguments)
        if result not in (0, 5):  # VK_SUCCESS, VK_INCOMPLETE
            raise Refused(f"{name} failed with {result}")

    def _first_device(self) -> c_void_p:
        count = u32(0)
        self._call("vkEnumeratePhysicalDevices", self._instance, byref(count), None)
        if not count.value:
            raise Refused("the driver found no device")
        devices = (c_void_p * count.value)()
        self._call("vkEnumeratePhysicalDevices", self._instance, byref(count), devices)
        return c_void_p(devices[0])

    def _name(self) -> str:
        """What the driver calls the device and itself, with its version."""
        driver = DriverProperties(sType=1000196000)
        properties = DeviceProperties(sType=1000059001, pNext=addressof(driver))
        self._vulkan.vkGetPhysicalDeviceProperties2(self._physical, byref(properties))
        # A VkPhysicalDeviceProperties begins with five numbers and the name.
        device = bytes(properties.properties)[20:276].split(b"\0")[0].decode("utf-8", "replace")
        return f"{device.strip()}, {driver.info.decode('utf-8', 'replace')}"

    def _extensions(self) -> list[bytes]:
        count = u32(0)
        self._call("vkEnumerateDeviceExtensionProperties", self._physical, None, byref(count), None)
        buffer = ctypes.create_string_buffer(260 * count.value)
        self._call("vkEnumerateDeviceExtensionProperties", self._physical, None, byref(count), buffer)
        return [buffer.raw[260 * k : 260 * k + 256].split(b"\0")[0] for k in range(count.value)]

    def _open(self) -> c_void_p:
        # Features: of Vulkan 1.0 (57 of them), 1.1, 1.2, 1.3 and of the extension, queried and then all switched on.
        kinds = ((1000059000, 57), (49, 14), (51, 49), (53, 17), (1000269000, 3))
        chain = [(u32 * (4 + count))(kind) for kind, count in kinds]
        for block, following in pairwise(chain):
            ctypes.cast(addressof(block) + 8, POINTER(u64))[0] = addressof(following)
        self._vulkan.vkGetPhysicalDeviceFeatures2(self._physical, chain[0])
        chain[0][4] = 0  # robustBufferAccess
        priority = c_float(1)
        queue = QueueInfo(sType=2, count=1, priorities=addressof(priority))
        names = (c_char_p * 1)(_EXTENSION)
        info = DeviceInfo(sType=3, pNext=addressof(chain[0]), queues=1, queue_infos=addressof(queue))
        info.extensions, info.names = 1, addressof(names)
        device = c_void_p()
        self._call("vkCreateDevice", self._physical, byref(info), None, byref(device))
        return device

    def _make(self, name: str, info: Any) -> int:
        handle = u64()
        self._call(name, self._device, byref(info), None, byref(handle))
        return handle.value

    def _module(self, spirv: bytes) -> int:
        code = ctypes.create_string_buffer(spirv, len(spirv))
        return self._make("vkCreateShaderModule", ModuleInfo(sType=16, size=len(spirv), code=addressof(code)))

    def _layout(self, bindings: list[tuple[int, int]]) -> int:
        entries = (Binding * max(1, len(bindings)))(*[Binding(number, kind, 1, 0x3F) for number, kind in bindings])
        info = SetLayoutInfo(sType=32, count=len(bindings), bindings=addressof(entries))
        sets = (u64 * 1)(self._make("vkCreateDescriptorSetLayout", info))
        return self._make("vkCreatePipelineLayout", LayoutInfo(sType=30, sets=1, layouts=addressof(sets)))

    def compile(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The executables of a pipeline: what the driver says of each of its shaders."""
        spirv, layout = base64.b64decode(job["spirv"]), self._layout(job["bindings"])
        pipeline = u64()
        if "vertex" in job:
            info = self._graphics(base64.b64decode(job["vertex"]), spirv, layout)
            create = "vkCreateGraphicsPipelines"
        else:
            stage = StageInfo(sType=18, stage=0x20, module=self._module(spirv), name=b"main")
            info = ComputeInfo(
                sType=29, flags=_KEEP_STATISTICS | _KEEP_TEXTS, stage=stage, layout=layout, base_index=_NO_BASE
            )
            create = "vkCreateComputePipelines"
        self._call(create, self._device, u64(0), 1, byref(info), None, byref(pipeline))
        try:
            return self._executables(pipeline.value, job["texts"])
        finally:
            self._vulkan.vkDestroyPipeline(self._device, pipeline, None)

    def _graphics(self, vertex: bytes, fragment: bytes, layout: int) -> Any:
        """A pipeline that draws triangles into one rgba16f texture."""
        modules = [(1, self._module(vertex)), (0x10, self._module(fragment))]
        stages = (StageInfo * 2)(*[StageInfo(sType=18, stage=s, module=m, name=b"main") for s, m in modules])
        attachment, states = BlendAttachment(mask=15), (u32 * 2)(0, 1)  # viewport and scissors are dynamic
        formats = (u32 * 1)(_RGBA16F)
        parts = {
            "vertex": VertexInput(sType=19),
            "assembly": Assembly(sType=20, topology=4),
            "viewport": Viewport(sType=22, viewports=1, scissors=1),
            "raster": Raster(sType=23, line_width=1),
            "samples": Multisample(sType=24, samples=1),
            "blend": Blend(sType=26, count=1, attachments=addressof(attachment)),
            "dynamic": Dynamic(sType=27, count=2, states=addressof(states)),
        }
        rendering = Rendering(sType=1000044002, count=1, formats=addressof(formats))
        info = GraphicsInfo(sType=28, pNext=addressof(rendering), flags=_KEEP_STATISTICS | _KEEP_TEXTS, count=2)
        info.stages, info.layout, info.base_index = addressof(stages), layout, _NO_BASE
        for name, part in parts.items():
            setattr(info, name, addressof(part))
        info.keep = (stages, attachment, states, formats, parts, rendering)  # alive as long as what points to them
        return info

    def _executables(self, pipeline: int, wanted: list[str]) -> list[dict[str, Any]]:
        reference = PipelineReference(sType=1000269001, pipeline=pipeline)
        found = []
        for index, item in enumerate(self._list("Properties", reference, ExecutableProperties, 1000269002)):
            which = ExecutableReference(sType=1000269003, pipeline=pipeline, index=index)
            statistics = self._list("Statistics", which, Statistic, 1000269004)
            found.append(
                {
                    "name": item.name.decode("utf-8", "replace"),
                    "subgroup": item.subgroup,
                    "statistics": {entry.name.decode("utf-8", "replace"): _number(entry) for entry in statistics},
                    "texts": self._texts(which, wanted),
                }
            )
        return found

    def _function(self, what: str) -> Any:
        address = self._vulkan.vkGetDeviceProcAddr(self._device, f"vkGetPipelineExecutable{what}KHR".encode())
        return ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_void_p)(address)

    def _list(self, what: str, reference: Any, kind: Any, type_number: int) -> list[Any]:
        function, count = self._function(what), u32(0)
        function(self._device, byref(reference), byref(count), None)
        entries = (kind * max(1, count.value))(*[kind(sType=type_number) for _ in range(count.value)])
        function(self._device, byref(reference), byref(count), entries)
        return list(entries[: count.value])

    def _texts(self, which: Any, wanted: list[str]) -> dict[str, str]:
        """The internal representations whose names begin as `wanted` says."""
        function, count = self._function("InternalRepresentations"), u32(0)
        function(self._device, byref(which), byref(count), None)
        kind = Representation * max(1, count.value)
        entries = kind(*[Representation(sType=1000269005) for _ in range(count.value)])
        function(self._device, byref(which), byref(count), entries)
        buffers = [ctypes.create_string_buffer(entry.size + 1) for entry in entries]
        for entry, buffer in zip(entries, buffers, strict=True):
            entry.data = addressof(buffer)
        function(self._device, byref(which), byref(count), entries)
        names = [entry.name.decode("utf-8", "replace") for entry in entries[: count.value]]
        return {
            name: buffer.value.decode("utf-8", "replace")
            for name, buffer in zip(names, buffers, strict=False)
            if any(name.startswith(prefix) for prefix in wanted)
        }


def _number(entry: Any) -> Any:
    return (bool(entry.value.b32), entry.value.i64, entry.value.u64, entry.value.f64)[entry.format]


def main() -> None:
    """Answer the standard input's lines until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # drivers print where they like; the answers go elsewhere

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        device = Device()
    except Refused as error:
        answer(error=str(error))
        return
    answer(device=device.name)
    for line in sys.stdin:
        try:
            answer(executables=device.compile(json.loads(line)))
        except Refused as error:
            answer(error=str(error))


with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
    main()
