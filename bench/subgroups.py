"""Whether lanes should hand texels to one another: what subgroups would bring to the page's WebGPU passes, statically.

    python bench/subgroups.py

One 3x3 convolution of 16 channels to 16 with 16-bit products, 2x2 pixels a lane and weights from a buffer, as
`shadergen/wgsl/conv.py` writes it, is spelled in GLSL twice: texels beside a lane's block come from the texture, or
from the lanes at its sides (subgroupShuffleUp and Down; the texture at the workgroup's sides). `shadergen cost` then
judges both; docs/cost.md tells how to get the compilers, and $SHADERGEN_VULKAN_ROOT names where they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shadergen.cost import gpus
from shadergen.cost.drivers import roots_of_environment
from shadergen.cost.report import Entry, on_gpu, prepare

WIDTH, HEIGHT = 2, 2
PACKS = 4
FRAME = (1920, 1080)
GPUS = ("rx7900xtx", "rx6900xt", "rx9070xt", "rtx3080", "a770")

HEAD = f"""#extension GL_KHR_shader_subgroup_shuffle_relative : enable
#extension GL_EXT_shader_subgroup_extended_types_float16 : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
void hook() {{
    ivec2 own = ivec2(gl_GlobalInvocationID.xy) * ivec2({WIDTH}, {HEIGHT}), edge = textureSize(t0_raw, 0) - 1;
    bool first = gl_LocalInvocationID.x == 0u, last = gl_LocalInvocationID.x == 7u;
"""


def row(pack: int, y: int, shuffled: bool) -> list[str]:
    """The texels of a row, t{y}_0 to t{y}_{WIDTH + 1}."""

    def texel(x: int) -> str:
        return f"f16vec4(texelFetch(t{pack}_raw, ivec2(clamp(own.x + {x}, 0, edge.x), y{y}), 0))"

    inner = range(WIDTH) if shuffled else range(-1, WIDTH + 1)
    lines = [f"int y{y} = clamp(own.y + ky + {y - 1}, 0, edge.y);"]
    lines += [f"f16vec4 t{y}_{x + 1} = {texel(x)};" for x in inner]
    if shuffled:
        lines += [f"f16vec4 t{y}_0 = subgroupShuffleUp(t{y}_{WIDTH}, 1u);", f"if (first) t{y}_0 = {texel(-1)};"]
        right = f"t{y}_{WIDTH + 1}"
        lines += [f"f16vec4 {right} = subgroupShuffleDown(t{y}_1, 1u);", f"if (last) {right} = {texel(WIDTH)};"]
    return lines


def layer(shuffled: bool) -> str:
    """The body of the pass."""
    pixels = [(y, x) for y in range(HEIGHT) for x in range(WIDTH)]
    lines = [f"f16vec4 s{out}_{y}_{x} = f16vec4(0);" for out in range(PACKS) for y, x in pixels]
    for pack in range(PACKS):
        lines.append("for (int ky = 0; ky < 3; ky++) {")
        for y in range(HEIGHT):
            lines += row(pack, y, shuffled)
        for out in range(PACKS):
            for kx in range(3):
                at = f"{(out * PACKS + pack) * 36 + 4 * kx} + 12 * ky"
                columns = ", ".join(f"f16vec4(weights[{at} + {column}])" for column in range(4))
                lines.append(f"f16mat4 w{out}_{kx} = f16mat4({columns});")
            for y, x in pixels:
                products = " + ".join(f"w{out}_{kx} * t{y}_{x + kx}" for kx in range(3))
                lines.append(f"s{out}_{y}_{x} += {products};")
        lines.append("}")
    for y, x in pixels:  # a pass has one image: what it gets depends on every sum
        sums = f"s0_{y}_{x} * s1_{y}_{x} + s2_{y}_{x} * s3_{y}_{x}"
        lines.append(f"imageStore(out_image, own + ivec2({x}, {y}), vec4({sums}));")
    return HEAD + "".join(f"    {line}\n" for line in lines) + "}\n"


def file(shuffled: bool) -> str:
    """A hook file with the layer, and what makes its texels."""
    parts = [f"//!BUFFER weights_of\n//!VAR vec4 weights[{PACKS**2 * 36}]\n//!STORAGE\n{'00' * 16 * PACKS**2 * 36}\n"]
    for pack in range(PACKS):
        body = f"vec4 hook() {{ return {pack + 1}.0 * HOOKED_texOff(vec2({pack}, 0)).xxxx; }}"
        parts.append(f"//!HOOK LUMA\n//!BIND HOOKED\n//!SAVE t{pack}\n//!COMPONENTS 4\n//!DESC texels\n{body}\n")
    binds = "".join(f"//!BIND t{pack}\n" for pack in range(PACKS))
    compute = f"//!COMPUTE {8 * WIDTH} {8 * HEIGHT} 8 8"
    head = f"//!HOOK LUMA\n{binds}//!BIND weights_of\n//!SAVE sums\n//!COMPONENTS 4\n{compute}\n//!DESC layer\n"
    parts.append(head + layer(shuffled))
    parts.append("//!HOOK LUMA\n//!BIND HOOKED\n//!BIND sums\n//!DESC last\nvec4 hook() { return sums_texOff(0); }\n")
    return "\n".join(parts)


def main() -> None:
    """Print a line for each GPU that can be judged here."""
    roots = roots_of_environment()
    entries = [Entry(name, file(shuffled)) for name, shuffled in (("texture", False), ("lanes", True))]
    for name in GPUS:
        gpu = gpus.find(name)
        assert gpu is not None, f"{name} is one of the GPUs that `shadergen cost --gpu list` prints"
        report = on_gpu(prepare(entries, FRAME), gpu, roots)
        for entry in report.files:
            costs = [item.cost for item in entry.passes if item.desc == "layer" and item.cost]
            for cost in costs:
                parts = ", ".join(f"{term} {milliseconds:.3f}" for term, milliseconds in cost.parts.items())
                print(f"{gpu.name}, {entry.name}: {cost.milliseconds:.3f} ms ({parts})", flush=True)
            if not costs:
                print(f"{gpu.name}, {entry.name}: {entry.problem or 'not judged'}", flush=True)


if __name__ == "__main__":
    main()
