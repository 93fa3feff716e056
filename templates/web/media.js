// The picture, video or camera that is open.

import { Clip, openVideo } from "./clip.js";
import { DeviceError } from "./device.js";
import { $ } from "./dom.js";
import { Picture } from "./picture.js";
import { decodePicture } from "./sources.js";
import { showFrame, showPlaying, showTransport } from "./transport.js";

export class Media {
  /** `display` shows what is open. `play(clip)` plays the frame of a clip, if there is a shader for it. */
  constructor(display, play) {
    Object.assign(this, { display, play, device: null, current: null });
  }

  /** Begin on a device, and again on another after the GPU was lost. */
  attach(device) {
    this.device = device;
    const { current } = this;
    if (current instanceof Picture) this.current = new Picture(device, current.bitmap, current.name);
    else current?.attach(device);
  }

  /** Open a picture. Throws an Error in one line for what is none, or is too large to be enlarged by `factor` here. */
  async openPicture(blob, name, factor) {
    const picture = new Picture(this.device, await decodePicture(blob, name), name);
    picture.check(factor);
    this.show(picture);
  }

  /** Open a video, or a camera's stream. Throws an Error in one line for what is none. */
  async openVideo(source, name, live = false) {
    if (this.device.isSoftware) throw new DeviceError(`${name}: found no GPU, expected one for video; pictures work`);
    // The element is one, so what it shows now ends first.
    if (this.current instanceof Clip) this.close();
    const clip = new Clip(this.device, await openVideo($("video"), source, name), name, live);
    this.show(clip);
    clip.run(async () => {
      if (document.hidden || this.current !== clip || !(await this.play(clip))) return;
      this.display.drawNow();
      showFrame(clip);
    });
    // Browsers refuse to begin by themselves, to save power for one: then it is open, and waits to be played.
    await $("video")
      .play()
      .catch(() => {});
    showPlaying();
  }

  async openCamera() {
    if (!navigator.mediaDevices)
      throw new Error("camera: found none that this page may use; open it from https or as a file");
    const stream = await navigator.mediaDevices.getUserMedia({ video: true }).catch(error => {
      throw new Error(`camera: ${error.message}`);
    });
    await this.openVideo(stream, "camera", true);
  }

  /** A picture that has the size of the result, and so is what that should be; null for any other. */
  async truth(file) {
    const { current } = this;
    if (!(current instanceof Picture) || !current.cells.length || current.scale[0] === 1) return null;
    const bitmap = await decodePicture(file, file.name),
      result = current.size.map((extent, n) => Math.round(extent * current.scale[n]));
    if (bitmap.width === result[0] && bitmap.height === result[1]) return bitmap;
    bitmap.close();
    return null;
  }

  show(media) {
    this.current?.release();
    this.device.trim();
    this.current = media;
    this.display.begin(media);
    showTransport(media instanceof Clip ? media : null);
  }

  /** Show nothing. */
  close() {
    this.current?.release();
    this.current = null;
    showTransport(null);
    this.display.draw();
  }
}
