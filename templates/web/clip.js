// A video or the camera, frame by frame. Where the browser gives the planes of a frame as they were decoded, and fast,
// those are played, bit by bit; else the RGB that the browser makes of it, whose luma is rounded to the codes it had.

import { matrixOf } from "./colour.js";
import { Uploads } from "./sources.js";

/** How long copying a frame's planes may take, in milliseconds: more means that they are fetched from the GPU. */
const FAST = 5;
/** How long a frame is waited for, and how often it is looked for, in milliseconds. */
const LONGEST = 10000,
  PAUSE = 10;
/** The formats of frames whose planes can be played, and what a plan calls them. */
const PLANES = { I420: "three", NV12: "two" };

/** The element's frame. While it seeks it has none, which browsers say by `readyState`, by an error, or by both. */
async function frameOf(element) {
  for (const start = performance.now(); ; await new Promise(done => setTimeout(done, PAUSE))) {
    const late = performance.now() - start > LONGEST;
    if (element.readyState < element.HAVE_CURRENT_DATA && !late) continue;
    try {
      return new VideoFrame(element, { timestamp: 0 });
    } catch (error) {
      if (late) throw error;
    }
  }
}

export class Clip {
  /** `element` is a <video> that can play; `live` says that it is the camera. */
  constructor(device, element, name, live = false) {
    Object.assign(this, { element, name, live, fitting: null, size: [element.videoWidth, element.videoHeight] });
    this.half = this.size.map(extent => Math.ceil(extent / 2));
    this.shown = this.dropped = this.lastFrame = 0;
    this.times = new Float64Array(64);
    this.attach(device);
  }

  /** Begin on a device, and again on another after the GPU was lost. */
  attach(device) {
    Object.assign(this, { device, uploads: new Uploads(device), prepared: null, playing: null, cells: [] });
    this.cell = { kept: [0, 0, ...this.size], before: null, after: null };
  }

  /** Prepare the player for the clip's frames, and play the one that is there. */
  async prepare(player, settings, factor) {
    this.fitting ??= await this.examine();
    const { matrix, fullRange } = this.fitting,
      planes = player.takesPlanes ? this.fitting.planes : null;
    const frame = {
      size: this.size,
      matrix,
      fullRange,
      planes,
      rounded: true,
      halved: settings.halved ?? false,
      siting: [-0.5, 0],
    };
    const prepared = await player.prepare(
      frame,
      this.size.map(extent => Math.round(extent * factor)),
    );
    // A frame that is being played by now was fetched for the player before.
    while (this.playing) await this.playing.catch(() => {});
    this.prepared?.release();
    Object.assign(this, { prepared, planes });
    this.scale = prepared.size.map((extent, axis) => extent / this.size[axis]);
    await this.play();
  }

  /** The matrix and range of the video, as the browser tells them, and whether its planes can be had. */
  async examine() {
    if (typeof VideoFrame === "undefined") return { ...matrixOf(null, this.size[1]), planes: null };
    const frame = await frameOf(this.element);
    try {
      const known = matrixOf(frame.colorSpace, this.size[1]),
        planes = PLANES[frame.format] ?? null;
      const fits = frame.displayWidth === this.size[0] && frame.displayHeight === this.size[1];
      if (!planes || !fits || frame.visibleRect.width !== this.size[0]) return { ...known, planes: null };
      this.bytes = new Uint8Array(this.size[0] * this.size[1] + 2 * this.half[0] * this.half[1]);
      this.parts = this.layout(planes);
      await frame.copyTo(this.bytes, { layout: this.parts });
      const start = performance.now();
      await frame.copyTo(this.bytes, { layout: this.parts });
      return { ...known, planes: performance.now() - start < FAST ? planes : null };
    } catch {
      return { ...matrixOf(null, this.size[1]), planes: null };
    } finally {
      frame.close();
    }
  }

  /** Where the planes of a frame go in `bytes`. */
  layout(planes) {
    const luma = this.size[0] * this.size[1],
      chroma = this.half[0] * this.half[1];
    if (planes === "two")
      return [
        { offset: 0, stride: this.size[0] },
        { offset: luma, stride: 2 * this.half[0] },
      ];
    const stride = this.half[0];
    return [
      { offset: 0, stride: this.size[0] },
      { offset: luma, stride },
      { offset: luma + chroma, stride },
    ];
  }

  /** Play the frame that the element shows, or wait for the one that is being played. */
  play() {
    return (this.playing ??= this.playFrame().finally(() => {
      this.playing = null;
    }));
  }

  async playFrame() {
    if (this.planes) await this.fetch();
    if (!this.prepared) return;
    const source = this.uploads.picture(this.element, this.size);
    this.prepared.play(source);
    if (!this.cells.length) {
      this.cell.before = { texture: source.picture, origin: [0, 0], scale: [1, 1] };
      this.cell.after = { texture: null, origin: [0, 0], scale: this.scale };
      this.cells.push(this.cell);
    }
    this.cell.after.texture = this.prepared.result;
    this.cell.after.scale = this.scale;
    this.times[this.shown++ % this.times.length] = performance.now();
  }

  /** Upload the planes of the frame. */
  async fetch() {
    const frame = await frameOf(this.element);
    try {
      await frame.copyTo(this.bytes, { layout: this.parts });
    } finally {
      frame.close();
    }
    const [luma, ...chroma] = this.parts.map(({ offset }) => this.bytes.subarray(offset));
    this.uploads.bytes("luma", luma, this.size, "r8");
    if (chroma.length === 1) this.uploads.bytes("chroma", chroma[0], this.half, "rg8");
    else ["blue", "red"].forEach((name, n) => this.uploads.bytes(name, chroma[n], this.half, "r8"));
  }

  /** Call `draw` for every frame that comes, until `release`. */
  run(draw) {
    const wait = () => {
      if (!this.element) return;
      if (this.element.requestVideoFrameCallback) this.element.requestVideoFrameCallback(tick);
      else requestAnimationFrame(tick);
    };
    const tick = (now, frame) => {
      if (!this.element) return;
      // Frames that the browser showed to nobody: they came while the one before was played.
      if (frame && this.lastFrame) this.dropped += Math.max(0, frame.presentedFrames - this.lastFrame - 1);
      this.lastFrame = frame?.presentedFrames ?? 0;
      if (this.prepared && (frame || !this.element.paused)) draw();
      wait();
    };
    wait();
  }

  /** Frames a second, of the last second or so. */
  get rate() {
    const count = Math.min(this.shown, this.times.length);
    if (count < 2) return 0;
    const last = this.times[(this.shown - 1) % this.times.length];
    const first = this.times[(this.shown - count) % this.times.length];
    return (1000 * (count - 1)) / Math.max(1, last - first);
  }

  /** The result of the frame as bytes, RGBA, with its size; null where there is none yet. */
  read() {
    if (!this.prepared) return null;
    const bytes = new Uint8ClampedArray(this.device.read(this.prepared.result));
    for (let at = 3; at < bytes.length; at += 4) bytes[at] = 255;
    return { bytes, size: this.prepared.size };
  }

  release() {
    const { element } = this;
    this.element = null;
    closeVideo(element);
    this.prepared?.release();
    this.prepared = null;
    this.uploads.release();
    this.cells.length = 0;
  }
}

/** A muted, looping <video> of a file or a camera's stream, ready to play. Throws an Error in one line. */
export async function openVideo(element, source, name) {
  Object.assign(element, { muted: true, loop: true, playsInline: true });
  if (source instanceof MediaStream) element.srcObject = source;
  else element.src = URL.createObjectURL(source);
  try {
    await new Promise((done, failed) => Object.assign(element, { onloadeddata: done, onerror: failed }));
    if (element.videoWidth) return element;
  } catch {
    // Said below.
  }
  closeVideo(element);
  throw new Error(`${name}: found no video that this browser can decode, expected MP4 or WebM`);
}

function closeVideo(element) {
  Object.assign(element, { onloadeddata: null, onerror: null });
  element.pause();
  for (const track of element.srcObject?.getTracks() ?? []) track.stop();
  if (element.src) URL.revokeObjectURL(element.src);
  element.removeAttribute("src");
  element.srcObject = null;
}
