// A video or the camera, frame by frame.

import { matrixOf } from "./colour.js";
import { Uploads } from "./sources.js";

export class Clip {
  /** `element` is a <video> that can play; `live` says that it is the camera. */
  constructor(device, element, name, live = false) {
    Object.assign(this, { device, element, name, live, uploads: new Uploads(device), prepared: null, cells: [] });
    this.size = [element.videoWidth, element.videoHeight];
    this.cell = { kept: [0, 0, ...this.size], before: null, after: null };
    this.shown = this.dropped = this.lastFrame = 0;
    this.times = new Float64Array(64);
  }

  /** Go on with another device, after the GPU was lost. */
  attach(device) {
    Object.assign(this, { device, uploads: new Uploads(device), prepared: null, cells: [] });
  }

  /** Prepare the player for the clip's frames. */
  async prepare(player, settings, factor) {
    this.prepared?.release();
    const space = this.colour(),
      frame = {
        ...space,
        size: this.size,
        rounded: true,
        halved: settings.halved ?? false,
        siting: [-0.5, 0],
        planes: null,
      };
    this.prepared = await player.prepare(
      frame,
      this.size.map(extent => Math.round(extent * factor)),
    );
    this.scale = this.prepared.size.map((extent, axis) => extent / this.size[axis]);
  }

  /** The matrix and range of the video, as the browser tells them. */
  colour() {
    if (this.live || typeof VideoFrame === "undefined" || this.element.readyState < 2)
      return matrixOf(null, this.size[1]);
    const frame = new VideoFrame(this.element, { timestamp: 0 }),
      { colorSpace } = frame;
    frame.close();
    return matrixOf(colorSpace, this.size[1]);
  }

  /** Play the frame that the element shows. */
  play() {
    const source = this.uploads.picture(this.element, this.size);
    this.prepared.play(source);
    if (!this.cells.length) {
      this.cell.before = { texture: source.picture, origin: [0, 0], scale: [1, 1] };
      this.cells.push(this.cell);
    }
    this.cell.after ??= { texture: null, origin: [0, 0], scale: this.scale };
    this.cell.after.texture = this.prepared.result;
    this.cell.after.scale = this.scale;
    this.times[this.shown++ % this.times.length] = performance.now();
  }

  /** Call `draw` for every frame that comes, until `release`. */
  run(draw) {
    const { element } = this,
      wait = () => {
        if (!this.element) return;
        if (element.requestVideoFrameCallback) element.requestVideoFrameCallback(tick);
        else requestAnimationFrame(() => tick(0, { presentedFrames: 0 }));
      };
    const tick = (now, { presentedFrames }) => {
      if (!this.element) return;
      // Frames that the browser showed to nobody: they came while the one before was played.
      if (this.lastFrame && presentedFrames > this.lastFrame) this.dropped += presentedFrames - this.lastFrame - 1;
      this.lastFrame = presentedFrames;
      if (this.prepared && !(presentedFrames === 0 && element.paused)) draw();
      wait();
    };
    wait();
  }

  /** Frames a second, of the last second or so. */
  get rate() {
    const count = Math.min(this.shown, this.times.length);
    if (count < 2) return 0;
    const last = this.times[(this.shown - 1) % this.times.length],
      first = this.times[(this.shown - count) % this.times.length];
    return (1000 * (count - 1)) / Math.max(1, last - first);
  }

  release() {
    const { element } = this;
    this.element = null;
    element.pause();
    for (const track of element.srcObject?.getTracks() ?? []) track.stop();
    if (element.src) URL.revokeObjectURL(element.src);
    element.removeAttribute("src");
    element.srcObject = null;
    this.prepared?.release();
    this.prepared = null;
    this.uploads.release();
    this.cells.length = 0;
  }
}

/** A muted, looping <video> of a file or a camera's stream, ready to play. Throws an Error in one line. */
export async function openVideo(element, blob, name) {
  element.muted = element.loop = element.playsInline = true;
  if (blob instanceof MediaStream) element.srcObject = blob;
  else element.src = URL.createObjectURL(blob);
  await new Promise((done, failed) => {
    element.onloadeddata = done;
    element.onerror = () =>
      failed(new Error(`${name}: found no video that this browser can decode, expected MP4 or WebM`));
  });
  if (!element.videoWidth) throw new Error(`${name}: found no pictures in it, expected a video`);
  return element;
}
