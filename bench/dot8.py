"""A layer of bytes as a hook pass, for the GPUs' compilers to judge and not to be played: see bench/tensor.py --dot8.

    python bench/dot8.py code|buffer

Prints the file. 32 to 32 channels of 3x3 by `dotPacked4x8EXT`, with all that such a layer needs: texels are scaled and
rounded to bytes on their way into shared memory, each invocation sums up one pixel in integers, and scales, adds the
bias, cuts off and stores. The weights are numbers in the code, or in a buffer that all invocations read alike. All
bytes have signs: a Radeon of RDNA2 has no product of some with and some without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

Where = Literal["code", "buffer"]
WHERE: tuple[Where, ...] = get_args(Where)
PACKS = 8
"""Of four channels, on both sides."""
AREA = (16, 8)
TILE = (AREA[0] + 2, AREA[1] + 2)
TAPS = 9

BEFORE = """//!HOOK LUMA
//!BIND HOOKED
//!SAVE SOURCE
//!DESC bytes a before it
//!WIDTH HOOKED.w 4 *
//!HEIGHT HOOKED.h 2 *
//!COMPONENTS 4
vec4 hook() { return HOOKED_tex(HOOKED_pos); }

"""
HEAD = """//!HOOK LUMA
//!BIND HOOKED
//!BIND SOURCE
{bind}//!SAVE RESULT
//!DESC bytes c of 32 to 32
//!WIDTH HOOKED.w 4 *
//!HEIGHT HOOKED.h 2 *
//!COMPONENTS 4
//!COMPUTE 64 16 16 8
#extension GL_EXT_integer_dot_product : require
#extension GL_EXT_control_flow_attributes : require
shared uvec4 tile[{words}];
void hook() {{
    ivec2 corner = ivec2(gl_WorkGroupID.xy) * ivec2({area}) - 1;
    ivec2 edge = ivec2(HOOKED_size);
    [[dont_unroll]] for (int n = int(gl_LocalInvocationIndex); n < {texels}; n += 128) {{
        ivec2 at = corner + ivec2(n % {width}, n / {width});
        bool inside = all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, edge));
        uint bytes[{packs}];
        [[unroll]] for (int pack = 0; pack < {packs}; pack++) {{
            vec4 texel = texelFetch(SOURCE_raw, at * ivec2(4, 2) + ivec2(pack % 4, pack / 4), 0);
            uvec4 steps = uvec4(clamp(roundEven(texel * 20.0), 0.0, 127.0));
            bytes[pack] = inside ? steps.x | steps.y << 8 | steps.z << 16 | steps.w << 24 : 0u;
        }}
        tile[2 * n] = uvec4(bytes[0], bytes[1], bytes[2], bytes[3]);
        tile[2 * n + 1] = uvec4(bytes[4], bytes[5], bytes[6], bytes[7]);
    }}
    barrier();
    int place = 2 * int(gl_LocalInvocationID.y * {width}u + gl_LocalInvocationID.x);
"""


def text(weights: Where) -> str:
    """The file; of the two passes the one that is called `bytes c` counts."""
    numbers = np.random.default_rng(0).integers(0, 1 << 32, TAPS * PACKS * PACKS * 4, np.uint32)
    block = bind = ""
    if weights == "buffer":
        words = "".join(f"{byte:02x}" for byte in numbers.tobytes())
        block = f"//!BUFFER WEIGHTS\n//!VAR uvec4 weights[{len(numbers) // 4}]\n//!STORAGE\n{words}\n\n"
        bind = "//!BIND WEIGHTS\n"
    head = HEAD.format(
        bind=bind,
        words=2 * TILE[0] * TILE[1],
        area=", ".join(map(str, AREA)),
        texels=TILE[0] * TILE[1],
        width=TILE[0],
        packs=PACKS,
    )
    return block + BEFORE + head + "\n".join(_body(numbers, weights)) + "\n}\n"


def _body(numbers: np.ndarray[tuple[int], np.dtype[np.uint32]], weights: Where) -> Iterator[str]:
    for pack in range(PACKS):
        yield f"    ivec4 sum_{pack} = ivec4(0);"
    for tap in range(TAPS):
        at = 2 * (tap // 3 * TILE[0] + tap % 3)
        yield f"    uvec4 low_{tap} = tile[place + {at}], high_{tap} = tile[place + {at + 1}];"
        for source in range(PACKS):
            texel = f"{'low' if source < 4 else 'high'}_{tap}.{'xyzw'[source % 4]}"
            for pack in range(PACKS):
                first = (tap * PACKS + source) * PACKS + pack
                four = numbers[4 * first : 4 * first + 4]
                values = (
                    [f"weights[{first}].{lane}" for lane in "xyzw"] if weights == "buffer" else list(map(_hex, four))
                )
                dots = ", ".join(f"dotPacked4x8EXT(int({value}), int({texel}))" for value in values)
                yield f"    sum_{pack} += ivec4({dots});"
    yield "    ivec2 cell = ivec2(gl_GlobalInvocationID.xy) * ivec2(4, 2);"
    for pack in range(PACKS):
        value = f"max(vec4(sum_{pack}) * 2.5e-4 + 0.01, vec4(0.0))"
        yield f"    imageStore(out_image, cell + ivec2({pack % 4}, {pack // 4}), {value});"


def _hex(number: np.uint32) -> str:
    return f"0x{int(number):08x}u"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WHERE:
        sys.exit(f"dot8.py: found {' '.join(sys.argv[1:])!r}, expected {' or '.join(WHERE)}")
    print(text(sys.argv[1]))
