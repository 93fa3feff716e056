// What is drawn before and behind a model's passes, in WGSL: the same as in drawings.js. Each writes `made` from what
// `first`, `second` and `third` show; `given` has the size of the result, and its other numbers behind that.

const HEAD = `@group(0) @binding(0) var<uniform> given: array<vec4f, 5>;
fn texel(image: texture_2d<f32>, at: vec2i) -> vec4f {
  return textureLoad(image, clamp(at, vec2i(0), vec2i(textureDimensions(image)) - 1), 0);
}
`;
const BILINEAR = `fn bilinear(image: texture_2d<f32>, at: vec2f) -> vec4f {
  let p = vec2i(floor(at - 0.5));
  let w = fract(at - 0.5);
  return mix(mix(texel(image, p), texel(image, p + vec2i(1, 0)), w.x),
    mix(texel(image, p + vec2i(0, 1)), texel(image, p + vec2i(1, 1)), w.x), w.y);
}
`;
const MAIN = `@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = vec2i(id.xy);
  if (any(at >= vec2i(given[0].xy))) { return; }
  textureStore(made, at, value(at));
}
`;
const NAMES = ["first", "second", "third"];

/** `count` images are read, the result has a `format`. */
function drawing(name, count, format, body) {
  const images = NAMES.slice(0, count).map(
    (image, n) => `@group(0) @binding(${n + 2}) var ${image}: texture_2d<f32>;\n`,
  );
  const made = `@group(0) @binding(1) var made: texture_storage_2d<${format}, write>;\n`;
  return {
    name,
    format,
    code: HEAD + made + images.join("") + (body.includes("bilinear") ? BILINEAR : "") + body + MAIN,
  };
}

/** Luma of RGB; of video, rounded to the codes that it had: given[1] is the matrix' row, given[2].x the codes or 0. */
export const LUMA = drawing(
  "luma",
  1,
  "r32float",
  `fn value(at: vec2i) -> vec4f {
  let y = dot(given[1].rgb, texel(first, at).rgb) + given[1].a;
  let codes = max(given[2].x, 1.0);
  return vec4f(select(y, floor(y * codes + 0.5) / codes, given[2].x > 0.0), 0.0, 0.0, 1.0);
}
`,
);

export const RGB = drawing(
  "picture",
  1,
  "rgba32float",
  `fn value(at: vec2i) -> vec4f { return vec4f(texel(first, at).rgb, 1.0); }
`,
);

/** Cb and Cr of RGB, halved: given[1] and given[2] are the matrix' rows, given[3].xy where samples lie. */
export const CHROMA = drawing(
  "chroma",
  1,
  "rg32float",
  `fn value(at: vec2i) -> vec4f {
  let middle = 2.0 * (vec2f(at) + 0.5) + given[3].xy;
  let seen = 0.25 * (bilinear(first, middle - 0.5) + bilinear(first, middle + 0.5)
    + bilinear(first, middle + vec2f(0.5, -0.5)) + bilinear(first, middle + vec2f(-0.5, 0.5)));
  return vec4f(dot(given[1].rgb, seen.rgb) + given[1].a, dot(given[2].rgb, seen.rgb) + given[2].a, 0.0, 1.0);
}
`,
);

/** Luma of the first image and chroma of the second, at luma's size: given[1] as LUMA's, given[2] where chroma lies. */
export const YCBCR = drawing(
  "luma and chroma",
  2,
  "rgba32float",
  `fn value(at: vec2i) -> vec4f {
  let y = dot(given[1].rgb, texel(first, at).rgb) + given[1].a;
  let codes = max(given[3].x, 1.0);
  let chroma = bilinear(second, given[2].xy + given[2].zw * (vec2f(at) + 0.5)).rg;
  return vec4f(select(y, floor(y * codes + 0.5) / codes, given[3].x > 0.0), chroma, 1.0);
}
`,
);

/** Luma with the colour of the RGB picture: given[1].rgb are luma's weights, .a its lift, given[2].x its gain, given[3]
 *  where the picture lies. */
export const MERGE = drawing(
  "merge with the picture",
  2,
  "rgba8unorm",
  `fn value(at: vec2i) -> vec4f {
  let y = (texel(first, at).r - given[1].a) / given[2].x;
  let rgb = bilinear(second, given[3].xy + given[3].zw * (vec2f(at) + 0.5)).rgb;
  return vec4f(rgb + (y - dot(given[1].rgb, rgb)), 1.0);
}
`,
);

/** RGB of chroma in the first image and luma in the second: given[1] to given[3] are the rows of a matrix. */
export const DECODE = drawing(
  "decode",
  2,
  "rgba8unorm",
  `fn value(at: vec2i) -> vec4f {
  let seen = vec4f(texel(second, at).r, texel(first, at).rg, 1.0);
  return vec4f(dot(given[1], seen), dot(given[2], seen), dot(given[3], seen), 1.0);
}
`,
);

export const SHOW = drawing(
  "show",
  1,
  "rgba8unorm",
  `fn value(at: vec2i) -> vec4f { return vec4f(texel(first, at).rgb, 1.0); }
`,
);

/** Every number of the first image, for tests. */
export const READ = drawing(
  "read",
  1,
  "rgba32float",
  `fn value(at: vec2i) -> vec4f { return texel(first, at); }
`,
);
