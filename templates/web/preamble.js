// The GLSL before the body of a pass, in the dialect of WebGL2. What there is comes from
// shadergen/hookfile/preamble.py; what GLSL ES 3.00 lacks and hook files use is added: textureGather, fma, offsets.

import FMA from "./shims/fma.glsl";
import GATHER from "./shims/gather.glsl";
import OFFSET from "./shims/offset.glsl";
import { bindings, namesOf } from "./stages.js";

const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler3D;
`;

const INPUTS = { frame: "int", random: "float", input_size: "vec2", target_size: "vec2", tex_offset: "vec2" };

// Functions come before any macro of the file: a PARAM may well be called `a` or `low`.
const CURVES = `uniform bool sg_video;
const float sg_lift = 0.0595848, sg_gain = 0.8703105;
vec4 sg_linearize(vec4 c) {
  vec3 v = max(c.rgb, vec3(0.0));
  vec3 srgb = mix(pow((v + 0.055) / 1.055, vec3(2.4)), v / 12.92, lessThanEqual(v, vec3(0.04045)));
  return vec4(sg_video ? sg_gain * pow(v + sg_lift, vec3(2.4)) : srgb, c.a);
}
vec4 sg_delinearize(vec4 c) {
  vec3 v = max(c.rgb, vec3(0.0));
  vec3 srgb = mix(1.055 * pow(v, vec3(1.0 / 2.4)) - 0.055, v * 12.92, lessThanEqual(v, vec3(0.0031308)));
  return vec4(sg_video ? pow(v / sg_gain, vec3(1.0 / 2.4)) - sg_lift : srgb, c.a);
}
`;
const SHIMS = [
  [/gather/i, GATHER],
  [/\bfma\b/, FMA],
  [/\b(?:textureOffset|texelFetchOffset)\b/, OFFSET],
];

const EXTENSION = /^[ \t]*#[ \t]*extension\b.*$/gm;
/** Lines of the program that are not the file's own have numbers from here on. */
export const GLUE_LINE = 1000000;

/**
 * The fragment shader of sibling passes (mostly one) hooked at a stage, with a target for each.
 * `own` are the file's TEXTUREs by name, `values` the PARAMs.
 */
export function fragmentShader(passes, stage, own, params, values) {
  const parts = [
    HEAD,
    CURVES,
    ...SHIMS.filter(([used]) => passes.some(pass => used.test(pass.body))).map(([, code]) => code),
  ];
  parts.push("uniform vec2 sg_out_size;\n", ...textures(passes, stage, own));
  for (const [name, type] of Object.entries(INPUTS))
    parts.push(`uniform ${type} sg_${name};\n#define ${name} sg_${name}\n`);
  parts.push(
    "#define linearize sg_linearize\n#define delinearize sg_delinearize\n",
    ...params.flatMap(param => declared(param, values)),
  );
  parts.push(...passes.map((pass, n) => bodyOf(pass, n, passes.length)), `#line ${GLUE_LINE}\n`);
  const outputs = passes.map((pass, n) => `layout(location = ${n}) out vec4 sg_color${n};\n`);
  const calls = passes.map((pass, n) => `sg_color${n} = ${entry(n, passes.length)}();`);
  return [...parts, ...outputs, `void main() { ${calls.join(" ")} }\n`].join("");
}

const entry = (number, count) => (count > 1 ? `sg_hook${number}` : "hook");

/** A body; of several the first has the functions that they share, and each hook() has its own name. */
function bodyOf(pass, number, count) {
  const text = pass.body.replace(EXTENSION, "");
  if (count === 1) return `#line ${pass.bodyLine}\n${text}\n`;
  const { shared, hook } = partsOfBody(text),
    before = shared.split("\n").length - 1;
  const line = number ? pass.bodyLine + before : pass.bodyLine;
  return `#line ${line}\n${number ? "" : shared}${hook.replace("hook", entry(number, count))}\n`;
}

/** What stands before `vec4 hook()` in a body, and the rest. */
export function partsOfBody(text) {
  const found = /vec4\s+hook\s*\(\s*(?:void)?\s*\)/.exec(text),
    at = found ? found.index : text.length;
  return { shared: text.slice(0, at), hook: text.slice(at) };
}

/** Everything that sibling passes bind at a stage, once each, in the order of texture units. */
export function unitsOf(passes, stage) {
  const names = new Map();
  for (const pass of passes)
    for (const [name, hooked] of bindings(pass, stage)) names.set(name, names.get(name) || hooked);
  return names;
}

function textures(passes, stage, own) {
  return [...unitsOf(passes, stage)].map(([name, hooked], unit) =>
    own.has(name) ? ownTexture(own.get(name), unit) : picture(name, hooked, unit),
  );
}

function ownTexture(block, unit) {
  const flat = block.size.length === 1,
    name = `sg_tex${unit}`;
  return `uniform ${block.size.length === 3 ? "sampler3D" : "sampler2D"} ${name};
#define ${block.name} ${name}
#define ${block.name}_tex(pos) (textureLod(${name}, ${flat ? "vec2(pos, 0.5)" : "pos"}, 0.0))
`;
}

function picture(name, hooked, unit) {
  const sampler = `sg_tex${unit}`,
    pos = `sg_pos${unit}`,
    pt = `sg_pt${unit}`;
  const macros = {
    raw: sampler,
    pos,
    size: `vec2(textureSize(${sampler}, 0))`,
    pt,
    off: `sg_off${unit}`,
    mul: "1.0",
    rot: "mat2(1.0, 0.0, 0.0, 1.0)",
    "tex(pos)": `(textureLod(${sampler}, pos, 0.0))`,
    "texOff(off)": `(textureLod(${sampler}, ${pos} + ${pt} * vec2(off), 0.0))`,
    "gather(pos, c)": `(sg_gather(${sampler}, pos, c))`,
  };
  const lines = [`uniform sampler2D ${sampler};\nuniform vec2 ${pt}, sg_off${unit};\nin vec2 ${pos};\n`];
  for (const prefix of [...namesOf(name), ...(hooked ? ["HOOKED"] : [])]) {
    for (const [suffix, text] of Object.entries(macros)) lines.push(`#define ${prefix}_${suffix} ${text}\n`);
  }
  return lines.join("");
}

function declared(param, values) {
  const value = values[param.name],
    name = `sg_param_${param.name}`,
    words = param.names.map((word, n) => `#define ${word} ${n}\n`);
  const literal = param.type === "float" ? spelled(value) : `${Math.trunc(value)}${param.type === "uint" ? "u" : ""}`;
  if (param.mode === "DEFINE") return [`#define ${param.name} ${Math.trunc(value)}\n`, ...words];
  const first =
    param.mode === "CONSTANT" ? `const ${param.type} ${name} = ${literal};\n` : `uniform ${param.type} ${name};\n`;
  return [first, `#define ${param.name} ${name}\n`, ...words];
}

const spelled = value => (/[.e]/.test(String(value)) ? String(value) : `${value}.0`);

/** Four vertices that cover the target of a fragment shader, which may be one that SPIRV-Cross wrote; NAME_pos is interpolated between them, as in libplacebo. */
export function vertexShader(fragment) {
  const units = [...fragment.matchAll(/^in (?:highp )?vec2 sg_pos(\d+);$/gm)].map(match => match[1]);
  const declarations = units.map(unit => `uniform vec4 sg_rect${unit};\nout vec2 sg_pos${unit};\n`);
  const assignments = units.map(unit => `  sg_pos${unit} = sg_rect${unit}.xy + sg_rect${unit}.zw * corner;\n`);
  return `#version 300 es
${declarations.join("")}void main() {
  vec2 corner = vec2(gl_VertexID % 2, gl_VertexID / 2);
${assignments.join("")}  gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}
`;
}
