// A WebGPU device: its textures, its pipelines, and the canvas through which what it drew comes to WebGL.

import { DeviceError } from "./device.js";

/** Threads of a workgroup, (width, height), in every pass. */
export const WORKGROUP = [8, 8];

/** A device, or null where the browser has none but a software renderer's. `lost()` is called when it is lost. */
export async function openGpu(lost, { software = false } = {}) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter || (adapter.info?.isFallbackAdapter && !software)) return null;
  const { maxTextureDimension2D, maxStorageBufferBindingSize } = adapter.limits;
  const handle = await adapter.requestDevice({
    requiredFeatures: adapter.features.has("shader-f16") ? ["shader-f16"] : [],
    requiredLimits: { maxTextureDimension2D, maxStorageBufferBindingSize },
  });
  return new Gpu(handle, adapter.info, lost);
}

class Gpu {
  constructor(handle, info, lost) {
    Object.assign(this, { handle, isLost: false, pipelines: new Map() });
    this.half = handle.features.has("shader-f16");
    this.name = [info?.vendor, info?.architecture, info?.description].filter(word => word).join(" ");
    this.canvas = new OffscreenCanvas(1, 1);
    this.screen = this.canvas.getContext("webgpu");
    this.screen.configure({
      device: handle,
      format: "rgba8unorm",
      alphaMode: "opaque",
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_SRC | GPUTextureUsage.RENDER_ATTACHMENT,
    });
    handle.lost.then(({ reason }) => {
      this.isLost = true;
      if (reason !== "destroyed") lost();
    });
  }

  /** A texture of layers, whose texels are zero at first. */
  texture([width, height], layers, format) {
    const usage =
      GPUTextureUsage.TEXTURE_BINDING |
      GPUTextureUsage.COPY_SRC |
      (format === "rgba8unorm"
        ? GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT
        : GPUTextureUsage.STORAGE_BINDING);
    const { maxTextureDimension2D: most } = this.handle.limits;
    if (Math.max(width, height) > most)
      throw new DeviceError(`found a texture of ${width}x${height}, expected at most ${most} per side on this GPU`);
    return this.handle.createTexture({ size: [width, height, layers], format, usage });
  }

  /** A buffer with data for the passes to read. */
  buffer(data, usage = GPUBufferUsage.STORAGE) {
    const size = Math.max(16, 4 * Math.ceil(data.byteLength / 4)),
      made = this.handle.createBuffer({ size, usage, mappedAtCreation: true });
    new Uint8Array(made.getMappedRange()).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    made.unmap();
    return made;
  }

  /** A pipeline for a text of WGSL, compiled while the page goes on. `layout` null takes what the text says. */
  pipeline(code, layout = null) {
    const made = this.pipelines.get(code) ?? this.compiled(code, layout);
    this.pipelines.set(code, made);
    return made;
  }

  async compiled(code, layout) {
    const module = this.handle.createShaderModule({ code }),
      { messages } = await module.getCompilationInfo(),
      wrong = messages.find(({ type }) => type === "error");
    if (wrong) throw new DeviceError(`WebGPU: ${wrong.message} in ${code.split("\n")[wrong.lineNum - 1]}`);
    return this.handle.createComputePipelineAsync({
      layout: layout ? this.handle.createPipelineLayout({ bindGroupLayouts: [layout] }) : "auto",
      compute: { module, entryPoint: "main" },
    });
  }

  /** Wait until all is done that it was told. */
  idle() {
    return this.handle.queue.onSubmittedWorkDone();
  }
}
