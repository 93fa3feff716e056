// What is drawn for a frame of one size with a model's program: steps with the images that they read and make, as data,
// as plan.js has it for hook files. An image is {name, size, layers, format, edge}; `edge` says that a column and a row
// of zeros lie behind it.

import { decoding, encoding } from "./colour.js";
import * as drawings from "./gpudrawings.js";
import { sizeAt } from "./program.js";

/**
 * Plan a frame; `frame` is what makePlan takes, without planes. `format` is that of the values between the passes.
 * Steps are {drawing, given} or {pass}, each with `inputs`, `output` and a name. The last gives the picture for the
 * screen; `network` is the model's own result.
 */
export function makeGpuPlan(program, frame, format) {
  const size = inputSize(program, frame),
    values = new Map(program.values.map(value => [value.name, valueImage(value, program, size, format)]));
  const picture = image("picture", frame.size, "rgba8unorm"),
    input = values.get(program.input),
    network = values.get(program.output);
  const steps = [
    ...before(program.plane, frame, picture, input),
    ...program.passes.map(pass => ({
      pass,
      name: pass.writes,
      inputs: pass.reads.map(name => values.get(name)),
      output: values.get(pass.writes),
    })),
    behind(program.plane, frame, picture, input, network),
  ];
  return { steps, picture, network, size: steps.at(-1).output.size };
}

/** The size of the model's input: half of an odd size is rounded up, so one for chroma may be a pixel larger. */
export const inputSize = ({ plane }, { size }) =>
  plane === "chroma" ? size.map(extent => 2 * Math.ceil(extent / 2)) : size;

const image = (name, size, format, layers = 1, edge = false) => ({ name, size, format, layers, edge });

function valueImage({ name, packs, width, height }, { input, plane }, [columns, rows], format) {
  const size = [sizeAt(width, columns), sizeAt(height, rows)],
    full = plane === "luma" ? "r32float" : "rgba32float";
  return image(name, size, name === input ? full : format, packs, true);
}

const step = (drawing, inputs, output, given = []) => ({ drawing, name: drawing.name, inputs, output, given });

/** From the picture to the model's input. */
function before(plane, { size, matrix, fullRange, rounded, siting }, picture, input) {
  const { matrix: rows, offset } = encoding(matrix, fullRange),
    codes = [rounded ? 255 : 0, 0, 0, 0];
  const row = n => [...rows[n], offset[n]];
  if (plane === "rgb") return [step(drawings.RGB, [picture], input)];
  if (plane === "luma") return [step(drawings.LUMA, [picture], input, [row(0), codes])];
  const halved = image(
    "chroma",
    size.map(extent => Math.ceil(extent / 2)),
    "rg32float",
  );
  const where = [-siting[0] / 2, -siting[1] / 2, 0.5, 0.5];
  return [
    step(drawings.CHROMA, [picture], halved, [row(1), row(2), [...siting, 0, 0]]),
    step(drawings.YCBCR, [picture, halved], input, [row(0), where, codes]),
  ];
}

/** From the model's result to the screen. */
function behind(plane, { size, matrix, fullRange }, picture, input, network) {
  const shown = image("screen", plane === "chroma" ? size : network.size, "rgba8unorm");
  if (plane === "rgb") return step(drawings.SHOW, [network], shown);
  if (plane === "chroma") {
    const { matrix: rows, offset } = decoding(matrix, fullRange);
    const lifted = row => [...row, row.reduce((sum, value, n) => sum + value * offset[n], 0)];
    return step(drawings.DECODE, [network, input], shown, rows.map(lifted));
  }
  const {
    matrix: [weights],
    offset: [lift],
  } = encoding(matrix, fullRange);
  const gain = weights.reduce((sum, value) => sum + value),
    pace = size.map((extent, axis) => extent / network.size[axis]);
  const given = [
    [...weights.map(value => value / gain), lift],
    [gain, 0, 0, 0],
    [0, 0, ...pace],
  ];
  return step(drawings.MERGE, [network, picture], shown, given);
}

/** Give every image that a step makes a texture's number; those not needed at the same time share one. */
export function shareTextures({ steps, network }) {
  const last = new Map(),
    textures = [],
    free = [];
  steps.forEach(({ inputs }, at) => inputs.forEach(input => last.set(input, at)));
  last.set(network, steps.length);
  const form = ({ format, layers, edge, size }) => String([format, layers, edge, ...size]),
    alike = (a, b) => form(a) === form(b);
  const found = new Map();
  steps.slice(0, -1).forEach(({ output }, at) => {
    const number = free.findIndex(n => alike(textures[n], output));
    found.set(output, number < 0 ? textures.push(output) - 1 : free.splice(number, 1)[0]);
    for (const [ended, end] of last) if (end === at && found.has(ended)) free.push(found.get(ended));
  });
  return { textures, numbers: found };
}
