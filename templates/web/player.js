// Hook files at work: a plan with its programs and textures on a device, and the drawing of a frame.

import { DeviceError } from "./device.js";
import { parseHookFile } from "./hookfile.js";
import { makePlan } from "./plan.js";
import { fragmentShader } from "./preamble.js";
import { uploadTexture } from "./resources.js";
import { siblings } from "./siblings.js";
import { initialValues } from "./stages.js";

/**
 * A hook file's text, read and checked for what WebGL2 cannot do. `translations` has a fragment shader for each pass, by
 * stage, of a file that is no GLSL ES. Throws HookFileError and DeviceError.
 */
export function loadFile(text, translations = []) {
  const file = parseHookFile(text);
  const compute = file.passes.find(pass => pass.compute),
    [buffer] = file.buffers;
  const away = "expected fragment passes and textures; build its model with --fragment, or `shadergen lift` it";
  if (compute) throw new DeviceError(`line ${compute.line}: found COMPUTE, which no browser's WebGL has, ${away}`);
  if (buffer) throw new DeviceError(`line ${buffer.line}: found a BUFFER, which no browser's WebGL has, ${away}`);
  const own = new Map();
  for (const block of file.textures) if (!own.has(block.name)) own.set(block.name, block);
  const translated = translations.length > 0,
    groups = translated ? file.passes.map((_, number) => [number]) : siblings(file);
  return { text, file, own, values: initialValues(file), groups, translations, translated };
}

/** Files on a device, in the player's order. */
export class Player {
  constructor(device, files) {
    this.device = device;
    this.files = files;
    this.takesPlanes = true;
    this.textures = new Map();
    this.passes = 0;
    for (const { own } of files)
      for (const block of own.values()) this.textures.set(block, uploadTexture(device, block));
  }

  /** A plan for frames of this kind, with its programs and textures. Throws CompileError and DeviceError. */
  async prepare(frame, output, until = null) {
    const plan = makePlan(this.files, frame, output, until);
    const programs = plan.draws.map(draw => this.program(draw));
    await this.device.ready(programs);
    return new Prepared(this, plan, programs);
  }

  program({ drawing, state, group, stage }) {
    if (drawing) return this.device.program(drawing.fragment, drawing.name);
    const { file, own, values, translations } = state,
      passes = group.map(number => file.passes[number]);
    const text = translations[group[0]]?.[stage] ?? fragmentShader(passes, stage, own, file.params, values);
    return this.device.program(text, passes[0].desc || `pass ${group[0]}`);
  }

  release() {
    for (const { handle } of this.textures.values()) this.device.gl.deleteTexture(handle);
    this.textures.clear();
  }
}

const SETTERS = new Map([
  [Float32Array, ["uniform1fv", "uniform2fv", "uniform3fv", "uniform4fv"]],
  [Int32Array, ["uniform1iv", "uniform2iv", "uniform3iv", "uniform4iv"]],
  [Uint32Array, ["uniform1uiv"]],
]);

/** A plan on a device. A frame is drawn without making anything new. */
class Prepared {
  constructor(player, plan, programs) {
    const { device } = player;
    Object.assign(this, { player, device, plan, source: {} });
    this.textures = plan.textures.map(({ size, format }) => device.texture(size, format));
    this.draws = plan.draws.map((draw, n) => new Draw(player, draw, programs[n], this.textures));
    this.size = plan.result.size;
  }

  /** The texture with the result. */
  get result() {
    const { texture, source } = this.plan.result;
    return source ? this.source[source] : this.textures[texture];
  }

  get bytes() {
    return this.textures.reduce(
      (sum, { size, format }) => sum + size[0] * size[1] * this.device.formats[format].bytes,
      0,
    );
  }

  /** Draw a frame. `source` has the textures that the plan asks for in `inputs`. */
  play(source) {
    this.source = source;
    const { gl } = this.device;
    gl.disable(gl.BLEND);
    gl.disable(gl.SCISSOR_TEST);
    for (let n = 0; n < this.draws.length; n++) this.draws[n].run(source, ++this.player.passes);
  }

  /** The numbers of the result, four of each texel, row by row. */
  read() {
    return this.device.read(this.result);
  }

  /** Milliseconds of each draw of a frame, waited for one by one: by the GPU's clock where it has one. */
  async time(source) {
    const times = [];
    for (const draw of this.draws) times.push(await timed(this.device, () => draw.run(source, ++this.player.passes)));
    return times;
  }

  /** Give the textures back. */
  release() {
    this.device.recycle(this.textures);
    for (const draw of this.draws) draw.release();
    this.textures = this.draws = [];
  }
}

/** How long the GPU may take for what is timed, in milliseconds. */
const PATIENCE = 10000;

/**
 * How many milliseconds of the GPU some drawing takes; by the clock on the wall where the browser does not say.
 * Infinity where it lasts too long, or the GPU did something else in between.
 */
export async function timed(device, draw) {
  const { gl, timer } = device;
  if (!timer || device.isSoftware) {
    device.finish();
    const start = performance.now();
    draw();
    device.finish();
    return performance.now() - start;
  }
  const query = gl.createQuery(),
    start = performance.now();
  gl.beginQuery(timer.TIME_ELAPSED_EXT, query);
  draw();
  gl.endQuery(timer.TIME_ELAPSED_EXT);
  gl.flush();
  const there = () => gl.getQueryParameter(query, gl.QUERY_RESULT_AVAILABLE);
  while (!there() && performance.now() - start < PATIENCE) await new Promise(done => setTimeout(done, 1));
  const sound = there() && !gl.getParameter(timer.GPU_DISJOINT_EXT);
  const ms = sound ? gl.getQueryParameter(query, gl.QUERY_RESULT) / 1e6 : Infinity;
  gl.deleteQuery(query);
  return ms;
}

/** One draw with all that it binds and sets. */
class Draw {
  constructor(player, draw, program, textures) {
    const { device } = player,
      { gl } = device;
    const names = draw.drawing?.samplers ?? draw.inputs.map((input, unit) => `sg_tex${unit}`);
    Object.assign(this, { gl, program, size: draw.outputs[0].size, name: draw.drawing?.name ?? program.name });
    this.outputs = draw.outputs.map(({ texture }) => textures[texture]);
    this.framebuffer = device.framebuffer(this.outputs);
    // What is bound to each unit: a texture, or the name of one that comes with the frame.
    this.units = draw.inputs.map((input, unit) => {
      if (!input) return player.textures.get(draw.own[unit]);
      return input.source ?? textures[input.texture];
    });
    this.uniforms = [];
    names.forEach((name, unit) => this.set(name, Int32Array.of(unit)));
    for (const [name, value] of draw.uniforms) this.set(name, value);
    this.frame = program.location("sg_frame");
    this.random = program.location("sg_random");
  }

  /** Keep a uniform, if the program has it: where it is, which function sets it, and its value. */
  set(name, value) {
    const location = this.program.location(name);
    if (!location) return;
    const setter = value.length === 9 ? "uniformMatrix3fv" : SETTERS.get(value.constructor)[value.length - 1];
    this.uniforms.push({ location, setter, value });
  }

  run(source, number) {
    const { gl, program } = this;
    gl.useProgram(program.handle);
    if (program.owner !== this) {
      for (const { location, setter, value } of this.uniforms) {
        if (setter === "uniformMatrix3fv") gl.uniformMatrix3fv(location, false, value);
        else gl[setter](location, value);
      }
      program.owner = this;
    }
    if (this.frame) gl.uniform1i(this.frame, number);
    if (this.random) gl.uniform1f(this.random, Math.random());
    for (let unit = 0; unit < this.units.length; unit++) {
      const bound = this.units[unit],
        texture = typeof bound === "string" ? source[bound] : bound;
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(texture.target, texture.handle);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.viewport(0, 0, this.size[0], this.size[1]);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  release() {
    this.gl.deleteFramebuffer(this.framebuffer);
    if (this.program.owner === this) this.program.owner = null;
  }
}
