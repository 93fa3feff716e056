"""Two layers on tensor cores as one hook pass, for the GPUs' compilers to judge: see bench/tensor.py --pair.

    python bench/tensor_pair.py [half]

Prints the file; `half` has sums of 16 bits. Both layers are convolutions of 3x3 between 32 and 32 channels with Relu
behind them, by Winograd's F(2,3) along x. A workgroup has 6x30 pixels: the first layer's results at 8x32 pixels get
their bias, Relu and the second layer's transform as matrices, and go to shared memory as its factors.
"""

from __future__ import annotations

import sys

import numpy as np

BEFORE = """//!HOOK LUMA
//!BIND HOOKED
//!SAVE SOURCE
//!DESC pair a before it
//!WIDTH HOOKED.w 1 + 4 *
//!HEIGHT HOOKED.h 1 + 2 *
//!COMPONENTS 4
vec4 hook() { return HOOKED_tex(HOOKED_pos); }

"""
HEAD = """//!HOOK LUMA
//!BIND HOOKED
//!BIND SOURCE
//!BIND W1_buffer
//!BIND W2_buffer
//!BIND B1_buffer
//!BIND B2_buffer
//!SAVE RESULT
//!DESC pair c of 32 to 32
//!WIDTH HOOKED.w 1 + 4 *
//!HEIGHT HOOKED.h 1 + 2 *
//!COMPONENTS 4
//!COMPUTE 24 60 128 1
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
"""
BODY = r"""
#define SUMS coopmat<SUM, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define HALVES coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define FACTORS coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define WEIGHTS coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB>
shared uvec4 tile[1666];
const int ROUNDS = 2;  // blocks of 16 channels of a subgroup at most; the other half of the subgroups has other rows
f16vec4 four_halves(uvec2 words) { return f16vec4(unpackFloat2x16(words.x), unpackFloat2x16(words.y)); }
uvec2 two_words(f16vec4 halves) { return uvec2(packFloat2x16(halves.xy), packFloat2x16(halves.zw)); }
void hook() {
    uvec2 edge = uvec2(HOOKED_size);
    ivec2 first_pixel = ivec2(gl_WorkGroupID.xy) * ivec2(6, 30);
    ivec2 corner = first_pixel - 2;
    int step = int(gl_NumSubgroups) / 2;
    int own = int(gl_SubgroupID) % step;
    int own_row = int(gl_SubgroupID) / step * 16;
    int id = int(gl_LocalInvocationIndex);
    int word = id % 2;
    int column = id / 2 % 4;
    int x0 = int(min(uint(corner.x + column * 2), edge.x));
    int x1 = int(min(uint(corner.x + column * 2 + 1), edge.x));
    int x2 = int(min(uint(corner.x + column * 2 + 2), edge.x));
    int x3 = int(min(uint(corner.x + column * 2 + 3), edge.x));
    SUMS sums[ROUNDS * 16];
    [[unroll]] for (int i = 0; i < ROUNDS * 16; i++) sums[i] = SUMS(0.0);
    [[dont_unroll]] for (int first = 0; first < 2; first++) {
        barrier();
        int pack = first * 4 + word * 2;
        ivec2 cell0 = ivec2(pack % 4, pack / 4);
        int at0 = x0 * 4 + cell0.x;
        int at1 = x1 * 4 + cell0.x;
        int at2 = x2 * 4 + cell0.x;
        int at3 = x3 * 4 + cell0.x;
        int place = id / 8 * 33 + column * 8 + word;
        [[dont_unroll]] for (int row = id / 8; row < 34; row += 16, place += 528) {
            int y = int(min(uint(corner.y + row), edge.y)) * 2 + cell0.y;
            f16vec4 s00 = f16vec4(texelFetch(SOURCE_raw, ivec2(at0, y), 0));
            f16vec4 s01 = f16vec4(texelFetch(SOURCE_raw, ivec2(at1, y), 0));
            f16vec4 s02 = f16vec4(texelFetch(SOURCE_raw, ivec2(at2, y), 0));
            f16vec4 s03 = f16vec4(texelFetch(SOURCE_raw, ivec2(at3, y), 0));
            f16vec4 s10 = f16vec4(texelFetch(SOURCE_raw, ivec2(at0 + 1, y), 0));
            f16vec4 s11 = f16vec4(texelFetch(SOURCE_raw, ivec2(at1 + 1, y), 0));
            f16vec4 s12 = f16vec4(texelFetch(SOURCE_raw, ivec2(at2 + 1, y), 0));
            f16vec4 s13 = f16vec4(texelFetch(SOURCE_raw, ivec2(at3 + 1, y), 0));
            tile[place] = uvec4(two_words(s00 - s02), two_words(s10 - s12));
            tile[place + 2] = uvec4(two_words(s01 + s02), two_words(s11 + s12));
            tile[place + 4] = uvec4(two_words(s02 - s01), two_words(s12 - s11));
            tile[place + 6] = uvec4(two_words(s01 - s03), two_words(s11 - s13));
        }
        barrier();
        [[dont_unroll]] for (int ky = 0; ky < 3; ky++) {
            int row = (ky + own_row) * 33 & 2047;
            [[unroll]] for (int t = 0; t < 4; t++) {
                FACTORS a[4];
                [[unroll]] for (int p = 0; p < 4; p++)
                    coopMatLoad(a[p], tile, row + (p * 4 + t) * 2, 33, gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (int r = 0; r < ROUNDS; r++) {
                    if (r * step < 2) {
                        WEIGHTS b;
                        int place = (first * 3 + ky) * 256 + min(own + r * step, 1) * 128 & 2047;
                        coopMatLoad(b, W1, place + t * 32, 2, gl_CooperativeMatrixLayoutColumnMajor);
                        [[unroll]] for (int p = 0; p < 4; p++) {
                            int m = r * 16 + p * 4 + t;
                            sums[m] = coopMatMulAdd(a[p], b, sums[m]);
                        }
                    }
                }
            }
        }
    }
    barrier();
    // What lies outside of the picture is zero: rows by a matrix of ones and zeros, columns by a number.
    HALVES inside_rows = HALVES(1.0hf);
    if (first_pixel.y == 0 || first_pixel.y + 31 > int(edge.y)) {
        if (id < 32) {
            uint one = uint(first_pixel.y - 1 + id) < edge.y ? 0x3c003c00u : 0u;
            tile[1600 + id * 2] = uvec4(one);
            tile[1601 + id * 2] = uvec4(one);
        }
        barrier();
        coopMatLoad(inside_rows, tile, 1600 + own_row * 2, 2, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
    }
    [[unroll]] for (int r = 0; r < ROUNDS; r++) {
        if (r * step < 2) {
            int block = min(own + r * step, 1) * 2;
            HALVES bias;
            coopMatLoad(bias, B1, block, 0, gl_CooperativeMatrixLayoutRowMajor);
            HALVES d[4];
            [[unroll]] for (int p = 0; p < 4; p++) {
                int m = r * 16 + p * 4;
                d[0] = d[2];
                d[1] = d[3];
                d[2] = HALVES(sums[m] + sums[m + 1] + sums[m + 2]) + bias;
                d[3] = HALVES(sums[m + 1] - sums[m + 2] - sums[m + 3]) + bias;
                [[unroll]] for (int j = 2; j < 4; j++) {
                    bool inside = uint(first_pixel.x - 3 + p * 2 + j) < edge.x;
                    [[unroll]] for (int e = 0; e < d[j].length(); e++)
                        d[j][e] = inside ? max(d[j][e], 0.0hf) * inside_rows[e] : 0.0hf;
                }
                if (p > 0) {
                    int place = own_row * 49 + (p - 1) * 16 + block;
                    coopMatStore(d[0] - d[2], tile, place, 49, gl_CooperativeMatrixLayoutRowMajor);
                    coopMatStore(d[1] + d[2], tile, place + 4, 49, gl_CooperativeMatrixLayoutRowMajor);
                    coopMatStore(d[2] - d[1], tile, place + 8, 49, gl_CooperativeMatrixLayoutRowMajor);
                    coopMatStore(d[1] - d[3], tile, place + 12, 49, gl_CooperativeMatrixLayoutRowMajor);
                }
            }
        }
    }
    barrier();
    [[unroll]] for (int i = 0; i < ROUNDS * 12; i++) sums[i] = SUMS(0.0);
    [[dont_unroll]] for (int ky = 0; ky < 3; ky++) {
        [[unroll]] for (int k = 0; k < 2; k++) {
            int row = (ky + own_row) * 49 + k * 2 & 2047;
            [[unroll]] for (int t = 0; t < 4; t++) {
                FACTORS a[3];
                [[unroll]] for (int p = 0; p < 3; p++)
                    coopMatLoad(a[p], tile, row + (p * 4 + t) * 4, 49, gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (int r = 0; r < ROUNDS; r++) {
                    if (r * step < 2) {
                        WEIGHTS b;
                        int place = (k * 3 + ky) * 256 + min(own + r * step, 1) * 128 & 2047;
                        coopMatLoad(b, W2, place + t * 32, 2, gl_CooperativeMatrixLayoutColumnMajor);
                        [[unroll]] for (int p = 0; p < 3; p++) {
                            int m = r * 12 + p * 4 + t;
                            sums[m] = coopMatMulAdd(a[p], b, sums[m]);
                        }
                    }
                }
            }
        }
    }
    barrier();
    [[unroll]] for (int r = 0; r < ROUNDS; r++) {
        if (r * step < 2) {
            int place = own_row * 25 + min(own + r * step, 1) * 2;
            [[unroll]] for (int p = 0; p < 3; p++) {
                int m = r * 12 + p * 4;
                HALVES left = HALVES(sums[m] + sums[m + 1] + sums[m + 2]);
                HALVES right = HALVES(sums[m + 1] - sums[m + 2] - sums[m + 3]);
                coopMatStore(left, tile, place + p * 8, 25, gl_CooperativeMatrixLayoutRowMajor);
                coopMatStore(right, tile, place + p * 8 + 4, 25, gl_CooperativeMatrixLayoutRowMajor);
            }
        }
    }
    barrier();
    // Two packs of a pixel in each turn
    [[dont_unroll]] for (int n = id; n < 720; n += 128) {
        int pack = n % 4 * 2;
        ivec2 at = ivec2(n / 4 % 6, n / 24);
        uvec4 halves = tile[at.y * 25 + at.x * 4 + n % 4];
        at += first_pixel;
        bool inside = all(lessThan(uvec2(at), edge));
        vec4 low = max(vec4(four_halves(halves.xy)) + B2[pack], 0.0);
        vec4 high = max(vec4(four_halves(halves.zw)) + B2[pack + 1], 0.0);
        at = at * ivec2(4, 2) + ivec2(pack % 4, pack / 4);
        imageStore(out_image, at, inside ? low : vec4(0.0));
        imageStore(out_image, at + ivec2(1, 0), inside ? high : vec4(0.0));
    }
}
"""


def text(*, half_sums: bool) -> str:
    """The file; of the two passes the one that is called `pair c` counts."""
    rng = np.random.default_rng(0)
    weights = (_buffer(name, "uvec4", "<f2", rng.normal(0, 0.06, 2 * 3 * 2 * 4 * 16 * 16)) for name in ("W1", "W2"))
    bias = _buffer("B1", "uvec4", "<f2", rng.normal(0, 0.06, 32)), _buffer("B2", "vec4", "<f4", rng.normal(0, 0.06, 32))
    sums = f"#define SUM {'float16_t' if half_sums else 'float'}"
    return "".join((*weights, *bias, BEFORE, HEAD, sums, BODY))


def _buffer(name: str, type_: str, code: str, numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    data = numbers.astype(code).tobytes()
    storage = "//!STORAGE\n" if type_ == "uvec4" else ""
    return f"//!BUFFER {name}_buffer\n//!VAR {type_} {name}[{len(data) // 16}]\n{storage}{data.hex()}\n\n"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["half"]):
        sys.exit(f"tensor_pair.py: found {' '.join(sys.argv[1:])!r}, expected nothing or half")
    print(text(half_sums=bool(sys.argv[1:])))
