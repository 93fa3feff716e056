// What a player does with a hook file: which pass runs when, on what, at which size. After
// shadergen/hookfile/stages.py, which has the sources. Sizes are [width, height], a rect is [x0, y0, x1, y1] in texels
// of its texture.

import { ExpressionError, evaluate } from "./rpn.js";

/** Stages of a frame in their order, by canonical name; RGB and LUMA exclude one another. */
export const STAGES = [
  "RGB",
  "LUMA",
  "CHROMA",
  "CHROMA_SCALED",
  "NATIVE",
  "MAINPRESUB",
  "PREKERNEL",
  "POSTKERNEL",
  "SCALED",
  "PREOUTPUT",
  "OUTPUT",
];
/** Stages after the picture has been scaled to the size it is shown at. */
export const OUTPUT_SIZED = ["POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT"];
/** Stages whose picture may come out of its passes with another size. */
const RESIZABLE = ["RGB", "LUMA", "CHROMA", "NATIVE", "MAINPRESUB"];
/** Why passes of these never run here. */
const NEVER = {
  LINEAR: "scaling in linear light is not done here",
  SIGMOID: "scaling in sigmoidized light is not done here",
  ALPHA: "alpha is not played",
  ALPHA_SCALED: "alpha is not played",
  XYZ: "there is no XYZ video here",
};

/** The file asks for something that has no answer; libplacebo runs no pass of it for the rest of the frame. */
export class DisabledError extends Error {}

export const mayResize = stage => RESIZABLE.includes(stage);
export const canonical = name => (name === "MAIN" ? "MAINPRESUB" : name);
export const namesOf = stage => (stage === "MAINPRESUB" ? ["MAINPRESUB", "MAIN"] : [stage]);
/** A number rounded to the nearest integer, halves away from zero, as C's roundf does. */
export const roundf = value => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
export const whole = size => [0, 0, size[0], size[1]];
export const hooksStage = (pass, stage) => pass.hooks.some(hook => canonical(hook) === stage);

/** Why a stage that a pass hooks does not fire in a page. */
export function whyUnfired(stage) {
  return NEVER[stage] ?? (STAGES.includes(stage) ? `this picture has no stage ${stage}` : `there is no stage ${stage}`);
}

/** Every name that a pass binds at a stage, canonical, and whether it is to be called HOOKED too. */
export function bindings(pass, stage) {
  const names = new Map();
  for (const bind of pass.binds) {
    const name = bind === "HOOKED" ? stage : canonical(bind);
    names.set(name, names.get(name) || bind === "HOOKED");
  }
  return names;
}

/** The canonical name of what a pass makes at a stage: the stage's own where it replaces the picture. */
export const resultName = (pass, stage) => (pass.save === null ? stage : canonical(pass.save));

/** Every canonical name of a stage or texture that a file's passes hook, bind or ask the size of. */
export function namesUsed(file) {
  const names = new Set();
  for (const pass of file.passes) {
    for (const name of [...pass.hooks, ...pass.binds]) names.add(canonical(name));
    for (const words of [pass.width, pass.height, pass.when]) {
      for (const word of words ?? []) if (word.kind === "size") names.add(canonical(word.name));
    }
  }
  return names;
}

/** The value of every PARAM that nobody has changed, and the number of every name of an ENUM. */
export function initialValues(file) {
  const values = {};
  for (const param of file.params) {
    param.names.forEach((name, number) => {
      values[name] = number;
    });
    values[param.name] = param.type === "float" ? param.initial : Math.trunc(param.initial);
  }
  return values;
}

/**
 * What the names in a pass's expressions stand for when it is fired: `hooked`, `native` and `output` are sizes,
 * `texture(name)` gives the size of another, `variables` are the PARAMs.
 */
export class Scope {
  constructor(hooked, native, output, texture, variables) {
    Object.assign(this, { hooked, native, output, texture, variables });
  }

  size(name) {
    if (name === "HOOKED") return this.hooked;
    if (name === "NATIVE_CROPPED") return this.native;
    if (name === "OUTPUT") return this.output;
    return this.texture(canonical(name));
  }

  /** The value of an expression. Throws DisabledError where it has none. */
  evaluate(words) {
    try {
      return evaluate(
        words,
        name => this.size(name),
        name => this.variables[name],
      );
    } catch (error) {
      if (error instanceof ExpressionError) throw new DisabledError(error.message);
      throw error;
    }
  }

  /** The size of what a pass makes, in whole texels. Throws DisabledError where it has none. */
  resultSize(pass) {
    const size = [pass.width, pass.height].map((words, axis) =>
      roundf(words ? this.evaluate(words) : this.hooked[axis]),
    );
    if (Math.min(...size) < 1) throw new DisabledError(`its size is ${size.join("x")}`);
    return size;
  }
}

/** How far a content's origin is from where the frame's would be, in texels of its own texture. */
export function misalignment(rect, source) {
  return [0, 1].map(axis => {
    const scale = (rect[2 + axis] - rect[axis]) / (source[2 + axis] - source[axis]);
    return rect[axis] - scale * source[axis];
  });
}

/** Where the content lies in the result of a pass: where it was in the hooked picture, scaled and moved by OFFSET. */
export function resultRect(pass, size, hooked, rect, source) {
  const scaled = rect.map((edge, n) => (edge * size[n % 2]) / hooked[n % 2]);
  const shift = pass.offset === "ALIGN" ? misalignment(scaled, source).map(value => -value) : (pass.offset ?? [0, 0]);
  return scaled.map((edge, n) => edge + shift[n % 2]);
}
