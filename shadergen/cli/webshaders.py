"""What `shadergen web` shows: shaders and models, with all that their page says about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from shadergen.cli.base import Load, is_shader, read_text
from shadergen.errors import ImageError, ShadergenError
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph
    from shadergen.runtime.colour import Array
    from shadergen.web.page import Check, PageShader, Sample

_TYPES = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg", ".avif": "avif", ".gif": "gif"}
"""Pictures that every browser with WebGL2 of today can decode, by suffix."""


@dataclass(frozen=True)
class Entry:
    """A shader with what is known of it."""

    shader: PageShader
    pictures: tuple[Sample, ...] = ()
    """Before and after, for browsers that cannot run it; models only."""
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Costs:
    """Estimated milliseconds of files on GPUs."""

    frame: tuple[int, int] | None = None
    """The size of the frames, (width, height)."""
    gpus: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By the GPU's title, then by the file's stem."""

    def of(self, name: str) -> dict[str, float]:
        """A file's by GPU."""
        return {gpu: files[name] for gpu, files in self.gpus.items() if name in files}


def read_costs(path: Path) -> Costs:
    """What bench/costs.py wrote. Raises ShadergenError."""
    import json

    try:
        found = json.loads(read_text(path))
        width, height = found["size"]
        gpus = {
            gpu["title"]: {name: float(file["ms"]) for name, file in gpu["files"].items()}
            for gpu in found["gpus"].values()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ShadergenError(path, "found something else than costs, expected what bench/costs.py writes") from None
    return Costs((width, height), gpus)


def read_sample(path: Path) -> Sample:
    """A picture that browsers can decode. Raises ImageError."""
    from shadergen.upscale.pictures import load
    from shadergen.web.page import Sample

    if path.suffix.lower() not in _TYPES:
        raise ImageError(path, f"found suffix {path.suffix!r}, expected one of {', '.join(_TYPES)}")
    load(path)
    return Sample(path.stem, f"image/{_TYPES[path.suffix.lower()]}", path.read_bytes())


def read_entry(path: Path, load: Load, factor: float | None, picture: Sample | None) -> Entry:
    """A shader file, or a model built for pages. Raises ShadergenError."""
    if is_shader(path):
        return Entry(_from_text(path, factor or 2.0))
    graph = load(path)
    scores = {name.removesuffix(", dB"): float(value) for name, value in graph.record.scores.items()}
    return Entry(_from_model(graph, factor), _before_and_after(graph, picture) if picture else (), scores)


def _from_text(path: Path, factor: float) -> PageShader:
    """Raises HookFileError, and ShadergenError for what no browser can run."""
    from shadergen.hookfile import parse
    from shadergen.hookfile.stages import hooked_stages
    from shadergen.web.packing import MARKS
    from shadergen.web.page import PageShader
    from shadergen.web.translate import translate

    text = read_text(path)
    if not set(MARKS).isdisjoint(text):
        raise ShadergenError(path, "found a control character, expected a text file")
    file = parse(text, str(path))
    refused = {item.source[0].line: "COMPUTE" for item in file.passes if item.compute}
    refused |= {block.source[0].line: "a BUFFER" for block in file.buffers}
    for line, found in refused.items():
        problem = f"found {found}, which no browser's WebGL has, expected fragment passes and textures"
        raise ShadergenError(f"{path}:{line}", problem, "give its model, or that which `shadergen lift` finds in it")
    stages = hooked_stages(file)
    passes = f"{len(file.passes)} pass{'es' if len(file.passes) > 1 else ''}"
    about = f"{passes} on {', '.join(sorted(stages)).replace('MAINPRESUB', 'MAIN')}"
    halved = bool(stages) and stages <= {"CHROMA", "CHROMA_SCALED"}
    return PageShader(
        path.stem, about, _comment(file.header), ((text,),), factor, halved, translations=(translate(file),)
    )


def _comment(header: str) -> str:
    """What a file's header says, without the signs of comments: authors put their licence there."""
    lines = (line.strip().removeprefix("/*").removesuffix("*/").lstrip("/*").strip() for line in header.splitlines())
    return "\n".join(lines).strip()


def _from_model(graph: Graph, factor: float | None) -> PageShader:
    """A model with its weights in textures, which starts at once, in the code, and for WebGPU: one may be faster."""
    from shadergen import api
    from shadergen.ir.graph import require_plane, verify
    from shadergen.passes.compose import macs
    from shadergen.web.page import PageShader

    require_plane(graph, "luma", "chroma", "rgb")
    scale = 2.0 if graph.plane == "chroma" else float(verify(graph)[graph.output].width.scale)
    forms = dict.fromkeys(
        api.compile(graph, Target(weights=weights, tables="rgba32f")) for weights in ("texture", "code")
    )
    enlarges = f", enlarges {scale:g} times" if graph.plane != "chroma" and scale != 1 else ""
    about = f"{graph.plane}{enlarges}, {float(macs(graph)):,.0f} multiply-adds per pixel"
    return PageShader(
        graph.name,
        about,
        graph.record.licence or "Licence of the weights: not stated",
        tuple((text,) for text in forms),
        factor or scale,
        graph.plane == "chroma",
        _check(graph),
        _program(graph),
    )


def _program(graph: Graph) -> str:
    """The model for WebGPU; empty where its passes cannot express it, and WebGL's have to do."""
    from shadergen import api
    from shadergen.errors import TargetError

    try:
        return api.webgpu(graph)
    except TargetError:
        return ""


def chained(entries: Sequence[Entry], factor: float | None) -> Entry:
    """Several that are played one after the other."""
    from shadergen.web.page import PageShader

    shaders = [entry.shader for entry in entries]
    scale = prod(shader.factor for shader in shaders if not shader.halved)
    return Entry(
        PageShader(
            " + ".join(shader.title for shader in shaders),
            "; then ".join(shader.about for shader in shaders),
            "\n\n".join(dict.fromkeys(shader.licence for shader in shaders)),
            # The second form of a chain has the second form of each shader that has one.
            tuple(
                tuple(shader.forms[min(form, len(shader.forms) - 1)][0] for shader in shaders)
                for form in range(max(len(shader.forms) for shader in shaders))
            ),
            factor or min(float(scale), 8.0),
            any(shader.halved for shader in shaders),
            translations=tuple(next(iter(shader.translations), ()) for shader in shaders),
        )
    )


# ---------------------------------------------------------------------------------------------------------------------
# What the network makes of pictures


def _check(graph: Graph) -> Check:
    """Of the test picture: the page plays it as any other picture, and compares."""
    import numpy as np

    from shadergen.web.page import Check, test_picture

    values = _output(graph, test_picture().astype(np.float32) / np.float32(255)).astype("<f4")
    stage = {"luma": "LUMA", "chroma": "CHROMA", "rgb": "MAINPRESUB"}[graph.plane]
    return Check(stage, np.moveaxis(values, 0, -1).tobytes(), len(values))


def _output(graph: Graph, picture: Array) -> Array:
    """The network's output for RGB (3, height, width) in 0..1; colour is halved first for a chroma model."""
    import numpy as np

    from shadergen.ir import reference
    from shadergen.runtime.colour import SITINGS, chroma_420, rgb_to_ycbcr, upsample_chroma

    ycbcr, size = rgb_to_ycbcr(picture), (picture.shape[2], picture.shape[1])
    image = picture if graph.plane == "rgb" else ycbcr[:1]
    if graph.plane == "chroma":
        halved = chroma_420(ycbcr[1:], SITINGS["center"])
        image = np.concatenate([ycbcr[:1], upsample_chroma(halved, SITINGS["center"], size)])
    return np.asarray(reference.evaluate(graph, image)[graph.output], np.float32)


_PART = (120, 90)
"""How much of the sample the pictures before and after show, in texels."""


def _before_and_after(graph: Graph, sample: Sample) -> tuple[Sample, ...]:
    """The middle of the sample, enlarged bicubically and by the network."""
    import io

    import numpy as np
    from PIL import Image

    from shadergen.runtime.colour import rgb_to_ycbcr, ycbcr_to_rgb
    from shadergen.upscale.upscale import enlarge
    from shadergen.web.page import Sample

    with Image.open(io.BytesIO(sample.data)) as picture:
        colours = picture.convert("RGB")
    left, top = (max(0, (extent - part) // 2) for extent, part in zip(colours.size, _PART, strict=True))
    part = colours.crop((left, top, min(colours.width, left + _PART[0]), min(colours.height, top + _PART[1])))
    pixels = np.moveaxis(np.asarray(part, np.float32) / np.float32(255), -1, 0)
    output = _output(graph, pixels)
    size = (output.shape[2], output.shape[1])
    if graph.plane == "luma":
        output = ycbcr_to_rgb(np.concatenate([output, rgb_to_ycbcr(enlarge(pixels, size))[1:]]))
    elif graph.plane == "chroma":
        output = ycbcr_to_rgb(np.concatenate([rgb_to_ycbcr(pixels)[:1], output]))
    shown = {"bicubic": enlarge(pixels, size), graph.name: output}
    return tuple(Sample(name, "image/webp", _webp(values)) for name, values in shown.items())


def _webp(values: Array) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    from shadergen.upscale.pictures import to_codes

    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.moveaxis(to_codes(values), 0, -1))).save(encoded, "WEBP", quality=85)
    return encoded.getvalue()
