// What is drawn for a frame of one size: every draw with the images it reads and makes, as data, without a GPU. The
// stages are those of shadergen/runtime/playback.py; what nobody reads is left out, and images share textures.
//
// An image is {size, rect, format, source}: `source` names what the page uploads ("picture", "luma", "chroma"), or is
// null. Formats: `work` is a pass's result, `work1` one of a single component, `exact1` and `exact2` hold planes in
// more bits where the device can, `rgba8` is for the screen.

import { columns, decoding, encoding } from "./colour.js";
import * as drawings from "./drawings.js";
import { unitsOf } from "./preamble.js";
import {
  DisabledError,
  OUTPUT_SIZED,
  Scope,
  canonical,
  hooksStage,
  mayResize,
  misalignment,
  namesUsed,
  resultName,
  resultRect,
  roundf,
  whole,
  whyUnfired,
} from "./stages.js";

/** Whether the files need the planes of video: a picture then is split into luma and chroma. */
export function needsPlanes(files) {
  const planes = ["LUMA", "CHROMA", "CHROMA_SCALED", "NATIVE"];
  return files.some(({ file }) => planes.some(name => namesUsed(file).has(name)));
}

/**
 * Plan a frame. `files` are loaded ones (see loadFile), in the player's order. `frame` is {size, matrix, fullRange} and
 *
 *   rounded: whether luma made of RGB is rounded to codes, as for video
 *   halved: whether chroma made of RGB is halved in both directions
 *   siting: where chroma samples lie, in luma texels from the centre of those they cover
 *   planes: whether the page uploads luma and chroma instead of a picture
 *
 * `output` is the size it is shown at. `until` names a stage whose picture is wanted as it is, for tests.
 */
export function makePlan(files, frame, output, until = null) {
  const planner = new Planner(files, frame, output);
  const image = planner.play(until);
  const result = until ? image : planner.shown(image);
  const draws = used(planner.draws, result);
  return { draws, result, runs: planner.runs, textures: share(draws, result), inputs: inputsOf(draws) };
}

class Planner {
  constructor(files, frame, output) {
    Object.assign(this, {
      frame,
      output,
      draws: [],
      runs: [],
      split: needsPlanes(files) || frame.planes || frame.halved,
    });
    this.sourceRect = whole(frame.size);
    this.states = files.map(loaded => ({ ...loaded, saved: new Map(), disabled: "" }));
    this.stages = new Map();
  }

  play(until) {
    const sequence = this.sequence();
    let step = sequence.next();
    while (!step.done) {
      const [stage, image] = step.value,
        fired = this.fire(stage, image);
      if (until === stage) return fired;
      step = sequence.next(fired);
    }
    this.noteUnfired();
    return step.value;
  }

  /** Yields each stage with its picture, is given what the passes made of it, and returns the last. */
  *sequence() {
    const main = this.split ? yield* this.planes() : yield* this.rgb();
    let picture = yield ["PREKERNEL", yield ["MAINPRESUB", main]];
    if (!this.uses(OUTPUT_SIZED)) return picture;
    const [x0, y0, x1, y1] = picture.rect;
    if ([(x1 - x0) / this.output[0], (y1 - y0) / this.output[1]].some(ratio => Math.abs(1 / ratio - 1) > 1e-6)) {
      picture = this.resample(picture, picture.rect, this.output);
    }
    for (const stage of OUTPUT_SIZED) picture = yield [stage, picture];
    return picture;
  }

  *rgb() {
    return yield ["NATIVE", yield ["RGB", source("picture", this.frame.size)]];
  }

  *planes() {
    const luma = yield ["LUMA", this.luma()];
    const asTexture = this.frame.planes || this.frame.halved || this.uses(["CHROMA", "CHROMA_SCALED", "NATIVE"]);
    const chroma = asTexture ? yield ["CHROMA", this.chroma()] : source("picture", this.frame.size);
    return yield* this.merged(luma, chroma, asTexture);
  }

  uses(names) {
    return this.states.some(({ file }) => names.some(name => namesUsed(file).has(name)));
  }

  luma() {
    const { size, planes, rounded, matrix, fullRange } = this.frame;
    if (planes) return source("luma", size);
    const { matrix: rows, offset } = encoding(matrix, fullRange);
    return this.draw(drawings.LUMA, [source("picture", size)], size, "exact1", {
      row: [...rows[0], offset[0]],
      levels: [rounded ? 255 : 0],
    });
  }

  chroma() {
    const { size, planes, halved, siting, matrix, fullRange } = this.frame;
    const ratio = planes || halved ? 2 : 1;
    const rect = [0, 1, 2, 3].map(n => ((n < 2 ? 0 : size[n - 2]) - (ratio > 1 ? siting[n % 2] : 0)) / ratio);
    const extent = size.map(n => Math.ceil(n / ratio));
    if (planes === "three") {
      const both = [source("blue", extent), source("red", extent)];
      return this.draw(drawings.INTERLEAVE, both, extent, "exact2", {}, rect);
    }
    if (planes) return { ...source("chroma", extent), rect };
    const { matrix: rows, offset } = encoding(matrix, fullRange);
    const uniforms = {
      row_b: [...rows[1], offset[1]],
      row_r: [...rows[2], offset[2]],
      ratio: [ratio, ratio],
      origin: ratio > 1 ? siting : [0, 0],
    };
    return this.draw(drawings.CHROMA, [source("picture", size)], extent, "exact2", uniforms, rect);
  }

  /** The planes at luma's size, as RGB. Stages in between are drawn where a file has to do with them. */
  *merged(luma, chroma, asTexture) {
    const [x0, y0, x1, y1] = luma.rect,
      extent = [x1 - x0, y1 - y0],
      size = extent.map(roundf);
    // What OFFSET left of a texel is left to whoever scales next; whole texels are shifted here.
    const shift = [Math.trunc(x0), Math.trunc(y0)],
      rest = [x0 - shift[0], y0 - shift[1]];
    let at = aligned(chroma.rect, extent, rest, size);
    if (asTexture && this.uses(["CHROMA_SCALED"])) {
      chroma = yield ["CHROMA_SCALED", this.resample(chroma, at, size)];
      at = whole(size);
    }
    this.sourceRect = [...rest, rest[0] + extent[0], rest[1] + extent[1]];
    const { matrix, fullRange } = this.frame,
      { matrix: rows, offset } = decoding(matrix, fullRange);
    const decode = { decode: columns(rows), offset };
    const images = [luma, chroma],
      uniforms = { shift: Int32Array.from(shift), ...mapping(at, size) };
    if (this.uses(["NATIVE"])) {
      const native = yield ["NATIVE", this.draw(drawings.MERGE, images, size, "work", uniforms, this.sourceRect)];
      return this.draw(drawings.DECODE, [native], native.size, "work", decode, native.rect);
    }
    if (asTexture)
      return this.draw(drawings.MERGE_RGB, images, size, "work", { ...uniforms, ...decode }, this.sourceRect);
    const {
      matrix: [weights],
      offset: [lift],
    } = encoding(matrix, fullRange);
    const gain = weights.reduce((sum, value) => sum + value);
    const colour = { weights: weights.map(value => value / gain), range: [gain, lift] };
    return this.draw(drawings.MERGE_PICTURE, images, size, "work", { ...uniforms, ...colour }, this.sourceRect);
  }

  // Drawings of the player's own --------------------------------------------------------------------------------------

  resample(image, rect, size) {
    return this.draw(drawings.RESAMPLE, [image], size, "work", mapping(rect, size));
  }

  draw(drawing, inputs, size, format, uniforms, rect = whole(size)) {
    const image = { size, rect, format, source: null };
    this.draws.push({ drawing, inputs, outputs: [image], uniforms: floats(uniforms) });
    return image;
  }

  /** The picture for the screen: where the last draw may write it as such it does. */
  shown(image) {
    const maker = this.draws.find(draw => draw.outputs.includes(image));
    if (!maker) return image;
    if (maker.outputs.length > 1 || this.draws.some(draw => draw.inputs.includes(image))) {
      return this.draw(drawings.COPY, [image], image.size, "rgba8", {}, image.rect);
    }
    image.format = "rgba8";
    return image;
  }

  // The files' passes -------------------------------------------------------------------------------------------------

  fire(stage, image) {
    for (const state of this.states) image = this.fireFile(state, stage, image);
    this.stages.set(stage, image);
    return image;
  }

  fireFile(state, stage, image) {
    state.saved.set(stage, image);
    let current = image;
    for (const group of state.groups.filter(([first]) => hooksStage(state.file.passes[first], stage))) {
      try {
        current = this.firePasses(state, group, stage, current);
      } catch (error) {
        if (!(error instanceof DisabledError)) throw error;
        this.disable(state, stage, `the file is disabled since pass ${group[0]}: ${error.message}`);
        this.note(state, group, stage, state.disabled);
        current = image;
      }
    }
    if (!mayResize(stage) && String([current.size, current.rect]) !== String([image.size, image.rect])) {
      this.disable(state, stage, `the file is disabled since it resized stage ${stage}`);
      current = image;
    }
    return current;
  }

  /** The stage's picture after sibling passes: what they made, or `hooked` where they save elsewhere or do not run. */
  firePasses(state, group, stage, hooked) {
    const { file, own, values } = state,
      passes = group.map(number => file.passes[number]),
      [pass] = passes;
    const [x0, y0, x1, y1] = this.sourceRect;
    const scope = new Scope(hooked.size, [x1 - x0, y1 - y0], this.output, name => state.saved.get(name)?.size, values);
    const units = [...unitsOf(passes, stage).keys()];
    const missing = units.find(name => !own.has(name) && !state.saved.has(name));
    const off =
      state.disabled ||
      (pass.when && scope.evaluate(pass.when) === 0 && "WHEN is 0") ||
      (missing && `there is no texture named ${missing}`);
    if (off) {
      this.note(state, group, stage, off);
      return hooked;
    }
    const size = scope.resultSize(pass);
    const rect = resultRect(pass, size, hooked.size, hooked.rect, this.sourceRect);
    this.note(state, group, stage, "");
    const outputs = passes.map(sibling => {
      // What replaces luma is luma: one component, where the file says no more.
      const single = stage === "LUMA" && resultName(sibling, stage) === stage && (sibling.components ?? 1) === 1;
      return { size, rect, format: single ? "work1" : "work", source: null };
    });
    const images = units.map(name => (own.has(name) ? null : state.saved.get(name)));
    const uniforms = this.passUniforms(state, pass, stage, units, images, size);
    const named = { state, group, stage, own: units.map(name => own.get(name)) };
    this.draws.push({ ...named, inputs: images, outputs, uniforms });
    passes.forEach((sibling, n) => state.saved.set(resultName(sibling, stage), outputs[n]));
    return resultName(pass, stage) === stage ? outputs[0] : hooked;
  }

  passUniforms({ file, values }, pass, stage, units, images, size) {
    const [x0, y0, x1, y1] = this.sourceRect;
    const uniforms = {
      sg_out_size: size,
      sg_input_size: [x1 - x0, y1 - y0],
      sg_target_size: this.output,
      sg_tex_offset: [x0, y0],
      sg_video: Int32Array.of(this.split ? 1 : 0),
    };
    images.forEach((image, unit) => {
      if (!image) return;
      const aligned =
        pass.offset === "ALIGN" && units[unit] === stage ? misalignment(image.rect, this.sourceRect) : [0, 0];
      uniforms[`sg_rect${unit}`] = [aligned[0] / image.size[0], aligned[1] / image.size[1], 1, 1];
      uniforms[`sg_pt${unit}`] = image.size.map(extent => 1 / extent);
      uniforms[`sg_off${unit}`] = image.rect.slice(0, 2);
    });
    for (const param of file.params) {
      if (param.mode === "DEFINE" || param.mode === "CONSTANT") continue;
      const array = { float: Float32Array, int: Int32Array, uint: Uint32Array }[param.type];
      uniforms[`sg_param_${param.name}`] = array.of(values[param.name]);
    }
    return floats(uniforms);
  }

  note(state, group, stage, reason) {
    for (const number of group) this.runs.push({ file: state, number, stage, ran: !reason, reason });
  }

  /** Stop the file here; what it did to the current stage is dropped, so those passes count as not run. */
  disable(state, stage, reason) {
    state.disabled = reason;
    for (const run of this.runs)
      if (run.file === state && run.stage === stage && run.ran) Object.assign(run, { ran: false, reason });
  }

  noteUnfired() {
    for (const state of this.states) {
      state.file.passes.forEach((pass, number) => {
        for (const stage of pass.hooks.map(canonical)) {
          if (!this.stages.has(stage)) this.note(state, [number], stage, whyUnfired(stage));
        }
      });
    }
  }
}

const source = (name, size) => ({ size, rect: whole(size), format: name, source: name });

const floats = uniforms =>
  Object.entries(uniforms).map(([name, value]) => [name, Array.isArray(value) ? Float32Array.from(value) : value]);

/** Where a plane's content lies so that it meets luma's, whose rect is rounded to whole texels. */
function aligned(rect, extent, rest, size) {
  const scale = [0, 1].map(axis => (rect[2 + axis] - rect[axis]) / extent[axis]);
  const start = [0, 1].map(axis => rect[axis] - scale[axis] * rest[axis]);
  return [...start, ...start.map((edge, axis) => edge + scale[axis] * size[axis])];
}

const mapping = (rect, size) => ({
  origin: [rect[0], rect[1]],
  pace: [(rect[2] - rect[0]) / size[0], (rect[3] - rect[1]) / size[1]],
});

// ---------------------------------------------------------------------------------------------------------------------
// What is needed, and where it is kept

/** The draws that the result depends on, in their order. */
function used(draws, result) {
  const wanted = new Set([result]),
    kept = [];
  for (const draw of [...draws].reverse()) {
    if (!draw.outputs.some(image => wanted.has(image))) continue;
    for (const image of draw.inputs) wanted.add(image);
    kept.push(draw);
  }
  return kept.reverse();
}

const inputsOf = draws => [
  ...new Set(
    draws
      .flatMap(draw => draw.inputs)
      .map(image => image?.source)
      .filter(name => name),
  ),
];

/**
 * Give every image that is drawn the number of a texture, `image.texture`; those that are not needed at the same time
 * share one. Returns the textures as {size, format}.
 */
function share(draws, result) {
  const last = new Map([[result, draws.length]]),
    textures = [],
    free = [];
  draws.forEach((draw, at) => {
    for (const image of draw.inputs) if (image && image !== result) last.set(image, at);
  });
  draws.forEach((draw, at) => {
    for (const image of draw.outputs) {
      const fits = n => textures[n].format === image.format && String(textures[n].size) === String(image.size);
      const found = free.findIndex(fits);
      image.texture =
        found < 0 ? textures.push({ size: image.size, format: image.format }) - 1 : free.splice(found, 1)[0];
      if (!last.has(image)) last.set(image, at);
    }
    for (const [image, end] of last) {
      if (end === at && image.texture !== undefined) free.push(image.texture);
    }
  });
  return textures;
}
