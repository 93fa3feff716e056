// A WebGL2 context: what it can draw into, its textures and its programs.

import { GLUE_LINE, vertexShader } from "./preamble.js";

/** What this browser or GPU cannot do, in one line. */
export class DeviceError extends Error {}

const ATTRIBUTES = {
  alpha: false,
  antialias: false,
  depth: false,
  stencil: false,
  powerPreference: "high-performance",
};

export class Device {
  /** `floats` asks for 32-bit targets, for tests; 16-bit ones are what players use. */
  constructor(canvas, { floats = false } = {}) {
    const gl = canvas.getContext("webgl2", ATTRIBUTES);
    if (!gl)
      throw new DeviceError("found no WebGL2, expected it; Chrome, Edge, Firefox and Safari 15 or later have it");
    this.gl = gl;
    this.canvas = canvas;
    const full = gl.getExtension("EXT_color_buffer_float"),
      half = full ?? gl.getExtension("EXT_color_buffer_half_float");
    if (!half)
      throw new DeviceError(
        "found no 16-bit float targets on this GPU, expected EXT_color_buffer_float or _half_float",
      );
    const filters = gl.getExtension("OES_texture_float_linear");
    this.timer = gl.getExtension("EXT_disjoint_timer_query_webgl2");
    this.parallel = gl.getExtension("KHR_parallel_shader_compile");
    this.loser = gl.getExtension("WEBGL_lose_context");
    this.formats = formats(gl, floats && full, full && filters);
    this.filters = filters;
    this.largest = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    this.renderer = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
    this.isSoftware = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(this.renderer);
    this.programs = new Map();
    this.pool = [];
    this.framebuffers = [];
    this.bytes = 0;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.disable(gl.DITHER);
    gl.bindVertexArray(gl.createVertexArray());
  }

  // Textures ----------------------------------------------------------------------------------------------------------

  /** A texture of a format of `formats`, from the pool where it has one. Give it back with `recycle`. */
  texture(size, format) {
    const found = this.pool.findIndex(
      texture => texture.format === format && texture.size[0] === size[0] && texture.size[1] === size[1],
    );
    return found < 0 ? this.newTexture(size, format) : this.pool.splice(found, 1)[0];
  }

  newTexture(size, format) {
    if (Math.max(...size) > this.largest) {
      throw new DeviceError(
        `found a texture of ${size.join("x")}, expected at most ${this.largest} per side on this GPU`,
      );
    }
    const { gl } = this,
      { internal, bytes, linear } = this.formats[format],
      handle = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, handle);
    gl.texStorage2D(gl.TEXTURE_2D, 1, internal, ...size);
    this.sampling(gl.TEXTURE_2D, linear, gl.CLAMP_TO_EDGE);
    this.bytes += bytes * size[0] * size[1];
    return { handle, size: [...size], format, target: gl.TEXTURE_2D };
  }

  sampling(target, linear, wrap) {
    const { gl } = this,
      filter = linear ? gl.LINEAR : gl.NEAREST;
    gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, filter);
    gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, filter);
    for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(target, axis, wrap);
  }

  recycle(textures) {
    this.pool.push(...textures);
  }

  /** Free the textures that nobody uses. */
  trim() {
    for (const { handle, size, format } of this.pool) {
      this.gl.deleteTexture(handle);
      this.bytes -= this.formats[format].bytes * size[0] * size[1];
    }
    this.pool = [];
  }

  framebuffer(textures) {
    const { gl } = this,
      handle = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, handle);
    textures.forEach((texture, n) =>
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + n, gl.TEXTURE_2D, texture.handle, 0),
    );
    gl.drawBuffers(textures.map((texture, n) => gl.COLOR_ATTACHMENT0 + n));
    return handle;
  }

  /** The values of a texture, four of each texel, row by row from its first: floats, or bytes of rgba8. */
  read(texture, [x, y, width, height] = [0, 0, ...texture.size]) {
    const { gl } = this,
      handle = this.framebuffer([texture]),
      bytes = texture.format === "rgba8";
    const values = new (bytes ? Uint8Array : Float32Array)(4 * width * height);
    gl.readPixels(x, y, width, height, gl.RGBA, bytes ? gl.UNSIGNED_BYTE : gl.FLOAT, values);
    gl.deleteFramebuffer(handle);
    return values;
  }

  /** Copy a rectangle [x, y, width, height] of an rgba8 texture to another of that size. */
  copy(from, [x, y, width, height], to) {
    const { gl } = this,
      handle = this.framebuffer([from]);
    gl.bindTexture(gl.TEXTURE_2D, to.handle);
    gl.copyTexSubImage2D(gl.TEXTURE_2D, 0, 0, 0, x, y, width, height);
    gl.deleteFramebuffer(handle);
  }

  // Programs ----------------------------------------------------------------------------------------------------------

  /** Begin to compile a program; `ready` waits for it. Programs with the same text are one. */
  program(fragment, name) {
    let program = this.programs.get(fragment);
    if (!program) {
      program = new Program(this.gl, fragment, name);
      this.programs.set(fragment, program);
    }
    return program;
  }

  /** Wait until programs are compiled, without a halt of the page where the browser can. Throws CompileError. */
  async ready(programs) {
    const { gl, parallel } = this;
    const pending = program =>
      !program.linked && parallel && !gl.getProgramParameter(program.handle, parallel.COMPLETION_STATUS_KHR);
    while (!gl.isContextLost() && programs.some(pending)) await new Promise(done => setTimeout(done, 4));
    if (gl.isContextLost()) throw new DeviceError("found the GPU lost, expected it to come back");
    for (const program of programs) program.link();
  }

  /** Wait until the GPU has done all that it was told, without a halt of the page. */
  async idle() {
    const { gl } = this,
      fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    const done = () => gl.isContextLost() || gl.clientWaitSync(fence, 0, 0) !== gl.TIMEOUT_EXPIRED;
    while (!done()) await new Promise(next => setTimeout(next, 1));
    gl.deleteSync(fence);
  }

  /** Wait until the GPU has done all that it was told; the page halts. */
  finish() {
    const { gl } = this;
    // Some browsers take finish() for flush(); what is read must be there.
    gl.finish();
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
}

/** A pass that the browser refuses; `line` is that of the hook file, or 0 where the message names none. */
export class CompileError extends Error {
  constructor(name, log, first) {
    const found = /ERROR:\s*\d+:(\d+):\s*(.*)/.exec(log);
    const line = found && Number(found[1]) < GLUE_LINE ? Number(found[1]) : 0;
    const message = found?.[2] ?? (log.trim().split("\n")[0] || "the driver refuses it");
    super(`${line ? `line ${line}: ` : ""}${name}: ${message.slice(0, 200)}`);
    this.line = line || first;
  }
}

class Program {
  constructor(gl, fragment, name) {
    Object.assign(this, { gl, name, linked: false, owner: null, locations: new Map() });
    this.handle = gl.createProgram();
    this.shaders = [
      [gl.VERTEX_SHADER, vertexShader(fragment)],
      [gl.FRAGMENT_SHADER, fragment],
    ].map(([type, text]) => {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.handle, shader);
      return shader;
    });
    gl.linkProgram(this.handle);
  }

  link() {
    if (this.linked) return;
    const { gl } = this;
    if (!gl.getProgramParameter(this.handle, gl.LINK_STATUS)) {
      const logs = [...this.shaders.map(shader => gl.getShaderInfoLog(shader)), gl.getProgramInfoLog(this.handle)];
      throw new CompileError(
        this.name,
        logs.reverse().find(log => /ERROR/.test(log ?? "")) ?? logs.find(log => log) ?? "",
        0,
      );
    }
    for (const shader of this.shaders) gl.deleteShader(shader);
    this.linked = true;
  }

  location(name) {
    if (!this.locations.has(name)) this.locations.set(name, this.gl.getUniformLocation(this.handle, name));
    return this.locations.get(name);
  }
}

/** The GL format of every kind of image, with its bytes per texel and whether it can be filtered. */
function formats(gl, floats, precise) {
  const half = { internal: gl.RGBA16F, bytes: 8, linear: true },
    half1 = { internal: gl.R16F, bytes: 2, linear: true };
  const full = { internal: gl.RGBA32F, bytes: 16, linear: Boolean(precise) };
  const full1 = { internal: gl.R32F, bytes: 4, linear: true },
    full2 = { internal: gl.RG32F, bytes: 8, linear: true };
  return {
    work: floats ? full : half,
    work1: floats ? full1 : half1,
    exact1: precise ? full1 : half1,
    exact2: precise ? full2 : { internal: gl.RG16F, bytes: 4, linear: true },
    rgba8: { internal: gl.RGBA8, bytes: 4, linear: true },
    r8: { internal: gl.R8, bytes: 1, linear: true },
    rg8: { internal: gl.RG8, bytes: 2, linear: true },
  };
}
