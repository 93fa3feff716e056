// A model's program at work on WebGPU. It has a Player's methods, and its result is a texture of WebGL as a Player's
// is, so that nothing else of the page need know of it.

import { READ } from "./gpudrawings.js";
import { WORKGROUP } from "./gpu.js";
import { inputSize, makeGpuPlan, shareTextures } from "./gpuplan.js";
import { halves, headOf, sizeAt } from "./program.js";

const FORMATS = { true: "rgba32float", false: "rgba16float" };
/** Bindings of a pass in front of the textures that it reads: numbers in two precisions, sizes, and what it writes. */
const BUFFERS = 3;

export class GpuPlayer {
  /** `floats` asks for 32-bit textures, for tests; `half` for products in 16 bits, where the GPU can. */
  constructor(gpu, device, program, { floats = false, half = gpu.half } = {}) {
    Object.assign(this, { gpu, device, program, half, format: FORMATS[floats], takesPlanes: false });
    const { numbers } = program;
    this.numbers = [gpu.buffer(numbers), gpu.buffer(half ? halves(numbers) : numbers)];
  }

  /** A plan for frames of this kind, with its pipelines and textures. */
  async prepare(frame) {
    const plan = makeGpuPlan(this.program, frame, this.format);
    const pipelines = await Promise.all(plan.steps.map(step => this.pipeline(step)));
    return new GpuPrepared(this, plan, pipelines, frame);
  }

  pipeline({ drawing, pass }) {
    if (drawing) return this.gpu.pipeline(drawing.code);
    const code = `${headOf(this.program, this.half, this.format)}\n${pass.code}`;
    return this.gpu.pipeline(code, this.layout(pass.reads.length));
  }

  /** What a pass binds. */
  layout(count) {
    const visibility = GPUShaderStage.COMPUTE,
      viewDimension = "2d-array";
    const buffers = Array.from({ length: BUFFERS }, (_, binding) => ({
      binding,
      visibility,
      buffer: { type: "read-only-storage" },
    }));
    const stored = {
      binding: BUFFERS,
      visibility,
      storageTexture: { access: "write-only", format: this.format, viewDimension },
    };
    const read = Array.from({ length: count }, (_, n) => ({
      binding: BUFFERS + 1 + n,
      visibility,
      texture: { sampleType: "unfilterable-float", viewDimension },
    }));
    return this.gpu.handle.createBindGroupLayout({ entries: [...buffers, stored, ...read] });
  }

  release() {
    for (const buffer of this.numbers) buffer.destroy();
  }
}

/** A plan on a device. */
class GpuPrepared {
  constructor(player, plan, pipelines, frame) {
    const { gpu, device, program } = player;
    Object.assign(this, { player, gpu, device, size: plan.size, uploaded: null });
    // What a Prepared tells of itself: the page shows it.
    this.plan = { ...plan, runs: program.passes.map(() => ({ ran: true })) };
    const { textures, numbers } = shareTextures(plan);
    const made = textures.map(({ size, layers, format, edge }) =>
      gpu.texture(edge ? size.map(extent => extent + 1) : size, layers, format),
    );
    this.picture = gpu.texture(plan.picture.size, 1, "rgba8unorm");
    this.textures = [...made, this.picture];
    this.network = made[numbers.get(plan.network)];
    this.buffers = [];
    const given = inputSize(program, frame);
    const sizes = program.sizes.flatMap(pair => pair.map((size, axis) => sizeAt(size, given[axis])));
    const pairs = this.keep(gpu.buffer(Int32Array.from(sizes)));
    const of = image => (image === plan.picture ? this.picture : made[numbers.get(image)]);
    this.draws = plan.steps.map((step, n) => ({
      name: step.name,
      size: step.output.size,
      ...(step.pass ? this.computing(step, pipelines[n], of, pairs) : this.drawing(step, pipelines[n], of)),
    }));
    this.result = device.texture(plan.size, "rgba8");
  }

  keep(buffer) {
    this.buffers.push(buffer);
    return buffer;
  }

  /** A pass of the model: its pipeline, what it binds, and its workgroups. */
  computing({ pass, inputs, output }, pipeline, of, pairs) {
    const views = [output, ...inputs].map(image => of(image).createView({ dimension: "2d-array" }));
    const buffers = [...this.player.numbers, pairs].map(buffer => ({ buffer }));
    const entries = [...buffers, ...views].map((resource, binding) => ({ binding, resource }));
    const group = this.gpu.handle.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const groups = output.size.map((extent, axis) => Math.ceil(extent / (pass.block[axis] * WORKGROUP[axis])));
    return { pipeline, group, groups: [...groups, pass.layers] };
  }

  /** A drawing; the last draws onto the screen, whose texture is another one in every frame. */
  drawing({ given, inputs, output }, pipeline, of) {
    const numbers = new Float32Array(20);
    numbers.set([...output.size, 0, 0, ...given.flat()]);
    const buffer = this.keep(this.gpu.buffer(numbers, GPUBufferUsage.UNIFORM));
    const views = inputs.map(image => of(image).createView({ dimension: "2d", arrayLayerCount: 1 }));
    const entries = [{ binding: 0, resource: { buffer } }];
    views.forEach((resource, n) => entries.push({ binding: n + 2, resource }));
    const bound = texture => {
      const resource = texture.createView({ dimension: "2d", arrayLayerCount: 1 });
      return this.gpu.handle.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [...entries, { binding: 1, resource }],
      });
    };
    const groups = output.size.map((extent, axis) => Math.ceil(extent / WORKGROUP[axis]));
    const own = of(output);
    return { pipeline, group: own ? bound(own) : null, bound, groups: [...groups, 1] };
  }

  get bytes() {
    const texel = { rgba32float: 16, rgba16float: 8, rgba8unorm: 4, r32float: 4, rg32float: 8 };
    return this.textures.reduce(
      (sum, { width, height, depthOrArrayLayers, format }) => sum + width * height * depthOrArrayLayers * texel[format],
      0,
    );
  }

  /** Draw a frame. `source.picture` is the texture that was uploaded; it knows of what. */
  play({ picture }) {
    this.upload(picture.content);
    this.submit(this.draws);
    this.show();
  }

  upload(content) {
    const { queue } = this.gpu.handle,
      [width, height] = [this.picture.width, this.picture.height];
    if (!content) return;
    if (content.bytes) {
      const layout = { bytesPerRow: 4 * width };
      queue.writeTexture({ texture: this.picture }, content.bytes, layout, [width, height]);
    } else {
      const to = { texture: this.picture, premultipliedAlpha: true };
      queue.copyExternalImageToTexture({ source: content.image }, to, [width, height]);
    }
  }

  /** Draw some of the draws; the last one of all onto the screen. */
  submit(draws) {
    const { gpu } = this,
      { canvas, screen } = gpu,
      encoder = gpu.handle.createCommandEncoder();
    const [width, height] = this.size;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    for (const { pipeline, group, bound, groups } of draws) {
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group ?? bound(screen.getCurrentTexture()));
      pass.dispatchWorkgroups(...groups);
      pass.end();
    }
    gpu.handle.queue.submit([encoder.finish()]);
  }

  /** Bring what is on WebGPU's canvas to WebGL's texture. */
  show() {
    const { gl } = this.device;
    gl.bindTexture(gl.TEXTURE_2D, this.result.handle);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.gpu.canvas);
  }

  /** Milliseconds of each draw of a frame, waited for one by one. */
  async time() {
    const times = [];
    for (const draw of this.draws) {
      await this.gpu.idle();
      const start = performance.now();
      this.submit([draw]);
      await this.gpu.idle();
      times.push(performance.now() - start);
    }
    return times;
  }

  /** The numbers of the model's own result, four of each texel, row by row. */
  async read() {
    const { gpu } = this,
      { size } = this.plan.network,
      [width, height] = size,
      row = 256 * Math.ceil((16 * width) / 256);
    const texture = gpu.texture(size, 1, "rgba32float"),
      given = gpu.buffer(
        Float32Array.from({ length: 20 }, (_, n) => size[n] ?? 0),
        GPUBufferUsage.UNIFORM,
      ),
      buffer = gpu.handle.createBuffer({
        size: row * height,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
    const pipeline = await gpu.pipeline(READ.code),
      view = { dimension: "2d", arrayLayerCount: 1 };
    const entries = [{ buffer: given }, texture.createView(view), this.network.createView(view)];
    const encoder = gpu.handle.createCommandEncoder(),
      pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.handle.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: entries.map((resource, binding) => ({ binding, resource })),
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(width / WORKGROUP[0]), Math.ceil(height / WORKGROUP[1]));
    pass.end();
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: row }, [width, height]);
    gpu.handle.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const rows = new Float32Array(buffer.getMappedRange().slice(0)),
      values = new Float32Array(4 * width * height);
    for (let y = 0; y < height; y++) values.set(rows.subarray((y * row) / 4, (y * row) / 4 + 4 * width), 4 * y * width);
    for (const thing of [texture, given, buffer]) thing.destroy();
    return values;
  }

  /** Give the textures back. */
  release() {
    for (const thing of [...this.textures, ...this.buffers]) thing.destroy();
    this.device.recycle([this.result]);
    this.textures = this.buffers = this.draws = [];
  }
}
