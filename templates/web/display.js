// The view on the page's canvas, with what lies over it: the divider and the numbers.

import { $ } from "./dom.js";
import { View } from "./view.js";

export class Display {
  /** `opened()` gives the picture or clip to show, or null. */
  constructor(opened) {
    Object.assign(this, { opened, view: null, due: false, fitted: true });
  }

  /** Begin on a device, and again on another after the GPU was lost: the view stays. */
  async attach(device) {
    const before = this.view;
    this.view = new View(device);
    if (before) {
      const { zoom, pan, split, mode, square, size } = before;
      Object.assign(this.view, { zoom, pan, split, mode, square, size });
    }
    await this.view.ready();
    this.resize();
  }

  /** Draw, once before the browser shows the next picture. */
  draw() {
    if (this.due || !this.view) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      if (this.view.device.gl.isContextLost()) return;
      const colour = getComputedStyle($("stage")).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0];
      this.view.background = colour.slice(0, 3).map(value => Number(value) / 255);
      this.drawNow();
      this.place();
    });
  }

  drawNow() {
    this.view.draw(this.opened()?.cells ?? []);
  }

  /** Put the divider and the numbers where the view is. */
  place() {
    const { split, mode, zoom, square } = this.view,
      share = Math.round(100 * split);
    $("divider").hidden = mode !== "divider";
    $("divider").style.left = `${100 * split}%`;
    $("divider").setAttribute("aria-valuenow", share);
    $("divider").setAttribute("aria-valuetext", `${share} percent from the left`);
    $("before").hidden = mode === "difference";
    $("before").textContent = square ? "Original" : "Bicubic";
    $("zoom").textContent = `${Math.round((100 * zoom) / this.scale)} %`;
    $("zoom").title = "of the result's size";
  }

  /** Texels of the result for one of the picture. */
  get scale() {
    return this.opened()?.scale?.[0] ?? 1;
  }

  resize() {
    const canvas = $("canvas"),
      ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map(extent =>
      Math.max(1, Math.round(extent * ratio)),
    );
    if (canvas.width === width && canvas.height === height) return;
    Object.assign(canvas, { width, height });
    if (this.fitted) this.view.fit();
    this.draw();
  }

  /** Show a picture of another size. */
  begin(media) {
    this.view.size = media.size;
    this.fit();
    $("canvas").setAttribute("aria-label", `${media.name}, before and after`);
  }

  /** Change the view, if there is one by now. */
  change(act) {
    if (!this.view) return;
    act(this.view);
    this.fitted = false;
    this.draw();
  }

  fit() {
    this.view.fit();
    this.fitted = true;
    this.draw();
  }

  /** One texel of the result is a pixel. */
  one() {
    this.change(view => {
      view.zoom = this.scale;
    });
  }

  square(on) {
    this.change(view => {
      view.square = on;
    });
  }

  compareBy(mode) {
    this.view.mode = mode;
    document.querySelector(`[name="mode"][value="${mode}"]`).checked = true;
    if (this.fitted) this.view.fit();
    this.draw();
  }
}
