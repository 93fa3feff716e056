// What the player itself draws between the stages: bilinear, without clamping, as shadergen/runtime/canvas.py does.
// `samplers` are in the order of texture units.

const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
out vec4 color;
vec4 texel(sampler2D image, ivec2 at) { return texelFetch(image, clamp(at, ivec2(0), textureSize(image, 0) - 1), 0); }
`;
// By hand, because GPUs' bilinear filters weigh with 8 bits.
const BILINEAR = `vec4 bilinear(sampler2D image, vec2 at) {
  ivec2 p = ivec2(floor(at - 0.5));
  vec2 w = fract(at - 0.5);
  return mix(mix(texel(image, p), texel(image, p + ivec2(1, 0)), w.x),
    mix(texel(image, p + ivec2(0, 1)), texel(image, p + ivec2(1, 1)), w.x), w.y);
}
`;

const drawing = (name, samplers, body) => ({ name, samplers, fragment: HEAD + body });

/** Luma of RGB; of video, rounded to the codes that it had before the browser made RGB of it. */
export const LUMA = drawing(
  "luma",
  ["image"],
  `uniform sampler2D image;
uniform vec4 row;
uniform float levels;  // 0: not rounded
void main() {
  float y = dot(row.rgb, texel(image, ivec2(gl_FragCoord.xy)).rgb) + row.a;
  color = vec4(levels > 0.0 ? floor(y * levels + 0.5) / levels : y, 0.0, 0.0, 1.0);
}
`,
);

/** Cb and Cr of RGB; halved where ratio is 2: the mean of two texels, or 1 2 1 where the sample is on one. */
export const CHROMA = drawing(
  "chroma",
  ["image"],
  `${BILINEAR}uniform sampler2D image;
uniform vec4 row_b, row_r;
uniform vec2 ratio, origin;
void main() {
  vec2 at = ratio * gl_FragCoord.xy + origin, far = 0.5 * (ratio - 1.0);
  vec4 seen = 0.25 * (bilinear(image, at - far) + bilinear(image, at + far)
    + bilinear(image, at + vec2(far.x, -far.y)) + bilinear(image, at + vec2(-far.x, far.y)));
  color = vec4(dot(row_b.rgb, seen.rgb) + row_b.a, dot(row_r.rgb, seen.rgb) + row_r.a, 0.0, 1.0);
}
`,
);

/** Two planes of one component as one of two. */
export const INTERLEAVE = drawing(
  "interleave",
  ["first", "second"],
  `uniform sampler2D first, second;
void main() {
  ivec2 p = ivec2(gl_FragCoord.xy);
  color = vec4(texel(first, p).r, texel(second, p).r, 0.0, 1.0);
}
`,
);

/** A picture at another size: texel n of the result is the picture's at origin + step * (n + 0.5). */
export const RESAMPLE = drawing(
  "resample",
  ["image"],
  `${BILINEAR}uniform sampler2D image;
uniform vec2 origin, pace;
void main() { color = bilinear(image, origin + pace * gl_FragCoord.xy); }
`,
);

const CHROMA_AT = `${BILINEAR}uniform sampler2D luma, chroma;
uniform ivec2 shift;
uniform vec2 origin, pace;
`;

/** Luma and chroma as one picture. */
export const MERGE = drawing(
  "merge",
  ["luma", "chroma"],
  `${CHROMA_AT}
void main() {
  float y = texel(luma, ivec2(gl_FragCoord.xy) + shift).r;
  color = vec4(y, bilinear(chroma, origin + pace * gl_FragCoord.xy).rg, 1.0);
}
`,
);

/** The same, and RGB of it. */
export const MERGE_RGB = drawing(
  "merge to RGB",
  ["luma", "chroma"],
  `${CHROMA_AT}uniform mat3 decode;
uniform vec3 offset;
void main() {
  float y = texel(luma, ivec2(gl_FragCoord.xy) + shift).r;
  color = vec4(decode * (vec3(y, bilinear(chroma, origin + pace * gl_FragCoord.xy).rg) + offset), 1.0);
}
`,
);

/** The same with chroma taken from the RGB picture, where no pass needs it as a texture: how far RGB is from its luma
 *  depends on chroma alone. */
export const MERGE_PICTURE = drawing(
  "merge with the picture",
  ["luma", "chroma"],
  `${CHROMA_AT}uniform vec3 weights;
uniform vec2 range;  // of luma: gain and lift
void main() {
  float y = (texel(luma, ivec2(gl_FragCoord.xy) + shift).r - range.y) / range.x;
  vec3 rgb = bilinear(chroma, origin + pace * gl_FragCoord.xy).rgb;
  color = vec4(rgb + (y - dot(weights, rgb)), 1.0);
}
`,
);

/** Every texel as decode * (texel + offset). */
export const DECODE = drawing(
  "decode",
  ["image"],
  `uniform sampler2D image;
uniform mat3 decode;
uniform vec3 offset;
void main() { color = vec4(decode * (texel(image, ivec2(gl_FragCoord.xy)).rgb + offset), 1.0); }
`,
);

export const COPY = drawing(
  "copy",
  ["image"],
  `uniform sampler2D image;
void main() { color = vec4(texel(image, ivec2(gl_FragCoord.xy)).rgb, 1.0); }
`,
);
