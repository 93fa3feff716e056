// A picture and what the files make of it, in one cell or many: {kept, before, after}, where `kept` is the part of the
// picture that the cell shows, `before` and `after` are {texture, origin, scale}: texel (at - origin) * scale of the
// texture shows place `at` of the picture.

import { DeviceError } from "./device.js";
import { OPTIONS, Uploads } from "./sources.js";
import { cut, measureOverlap } from "./tiles.js";

/** A picture with more result texels is refused: as bytes they are half a gigabyte. */
const MOST_TEXELS = 128e6;
const MOST_TEXELS_IN_SOFTWARE = 1.5e6;
/** How many texels a part has beyond what is kept of it, for filters that look at neighbours. */
const APRON = 2;

export class Picture {
  constructor(device, bitmap, name) {
    Object.assign(this, { device, bitmap, name, cells: [], size: [bitmap.width, bitmap.height], scale: [1, 1] });
    this.owned = [];
  }

  /** Raises an error in one line for a picture that is too large to be enlarged by `factor` here. */
  check(factor) {
    const [width, height] = this.size,
      texels = width * height * factor ** 2;
    const most = this.device.isSoftware ? MOST_TEXELS_IN_SOFTWARE : MOST_TEXELS;
    if (texels <= most) return;
    const limit = Math.floor(most / factor ** 2 / 1e5) / 10,
      found = (texels / factor ** 2 / 1e6).toFixed(1);
    const why = this.device.isSoftware ? ", since this browser draws without a GPU" : "";
    const problem = `found ${found} megapixels, expected at most ${limit} to enlarge them by ${factor}${why}`;
    throw new DeviceError(`${this.name}: ${problem}`);
  }

  /**
   * Play the picture. `side` is how much of a part is kept, `shown` is called whenever there is more to see, and
   * `wanted()` tells whether to go on. Returns what was prepared for the (last) part, which holds the result of a
   * picture in one piece.
   */
  async play(player, settings, factor, { side = 512, shown = () => {}, wanted = () => true } = {}) {
    this.check(factor);
    this.release();
    const most = 2 * side;
    if (Math.max(...this.size) <= most && this.size[0] * this.size[1] <= most * side)
      return this.playWhole(player, settings, factor, wanted);
    return this.playParts(player, settings, factor, side, shown, wanted);
  }

  async playWhole(player, settings, factor, wanted) {
    const uploads = this.uploads();
    const source = uploads.picture(this.bitmap, this.size);
    const before = { texture: source.picture, origin: [0, 0], scale: [1, 1] };
    this.cells = [{ kept: [0, 0, ...this.size], before, after: null }];
    const prepared = await player.prepare(frameOf(this.size, settings), enlarged(this.size, factor));
    if (!wanted()) {
      prepared.release();
      return null;
    }
    this.owned.push(prepared);
    prepared.play(source);
    this.source = source;
    this.scale = scaleOf(prepared.size, this.size);
    this.cells[0].after = { texture: prepared.result, origin: [0, 0], scale: this.scale };
    return prepared;
  }

  async playParts(player, settings, factor, side, shown, wanted) {
    const known = new Map(),
      prepare = async size => {
        if (!known.has(String(size)))
          known.set(String(size), await player.prepare(frameOf(size, settings), enlarged(size, factor)));
        return known.get(String(size));
      };
    const overlap = await this.overlap(player, settings, factor, prepare);
    this.cells = [];
    let last = null;
    for (const { kept, played } of cut(this.size, side, overlap)) {
      if (!wanted()) break;
      last = await prepare(played.slice(2));
      await this.playPart(last, kept, played);
      shown();
      await new Promise(done => requestAnimationFrame(done));
    }
    for (const prepared of known.values()) prepared.release();
    return last;
  }

  async playPart(prepared, kept, played) {
    const { device } = this,
      [x, y, width, height] = played;
    const bitmap = await createImageBitmap(this.bitmap, x, y, width, height, OPTIONS);
    const source = this.uploads().picture(bitmap, [width, height]);
    prepared.play(source);
    bitmap.close();
    this.scale = scaleOf(prepared.size, [width, height]);
    const start = [0, 1].map(axis => Math.max(played[axis], kept[axis] - APRON));
    const stop = [0, 1].map(axis => Math.min(played[axis] + played[2 + axis], kept[axis] + kept[2 + axis] + APRON));
    const rect = [
      ...start.map((at, axis) => (at - played[axis]) * this.scale[axis]),
      ...stop.map((at, axis) => (at - start[axis]) * this.scale[axis]),
    ];
    const texture = device.texture(rect.slice(2), "rgba8");
    device.copy(prepared.result, rect, texture);
    this.owned.push({ release: () => device.recycle([texture]) });
    const before = { texture: source.picture, origin: [x, y], scale: [1, 1] };
    this.cells.push({ kept, before, after: { texture, origin: start, scale: this.scale } });
  }

  /** How far parts must overlap. Throws DeviceError for files whose result depends on more than a neighbourhood. */
  async overlap(player, settings, factor, prepare) {
    const uploads = new Uploads(this.device);
    const play = async (bytes, size) => {
      const prepared = await prepare(size);
      prepared.play(uploads.bytes("picture", bytes, size, "rgba8"));
      return { bytes: this.device.read(prepared.result), size: prepared.size };
    };
    const probe = await play(new Uint8Array(4 * 64 * 64), [64, 64]),
      scale = scaleOf(probe.size, [64, 64]);
    player.overlap ??= new Map();
    const key = JSON.stringify([settings, factor]);
    if (!player.overlap.has(key)) player.overlap.set(key, await measureOverlap(play, scale));
    uploads.release();
    const overlap = player.overlap.get(key);
    if (overlap && scale.every(value => Number.isInteger(32 * value))) return overlap;
    const found = `found ${this.size.join("x")} texels, expected fewer`;
    const reason = "this shader's result depends on more than 256 texels around, and cannot be made in parts";
    throw new DeviceError(`${this.name}: ${found}: ${reason}`);
  }

  uploads() {
    const uploads = new Uploads(this.device);
    this.owned.push(uploads);
    return uploads;
  }

  /** The whole result as bytes, RGBA, with its size; null where some of it is missing. */
  read() {
    if (!this.cells.length || this.cells.some(cell => !cell.after)) return null;
    const size = this.size.map((extent, axis) => Math.round(extent * this.scale[axis])),
      bytes = new Uint8ClampedArray(4 * size[0] * size[1]);
    for (const { kept, after } of this.cells) {
      const place = [0, 1].map(axis => Math.round(kept[axis] * after.scale[axis]));
      const extent = [0, 1].map(axis => Math.round((kept[axis] + kept[2 + axis]) * after.scale[axis]) - place[axis]);
      const from = [0, 1].map(axis => Math.round((kept[axis] - after.origin[axis]) * after.scale[axis]));
      const values = this.device.read(after.texture, [...from, ...extent]);
      for (let row = 0; row < extent[1]; row++) {
        bytes.set(
          values.subarray(4 * row * extent[0], 4 * (row + 1) * extent[0]),
          4 * ((place[1] + row) * size[0] + place[0]),
        );
      }
    }
    for (let at = 3; at < bytes.length; at += 4) bytes[at] = 255;
    return { bytes, size };
  }

  release() {
    for (const thing of this.owned) thing.release();
    this.owned = [];
    this.cells = [];
  }
}

/** What a plan wants to know of a picture. */
export const frameOf = (size, { halved = false } = {}) => ({
  size,
  matrix: "bt709",
  fullRange: true,
  rounded: false,
  halved,
  siting: [0, 0],
  planes: null,
});

export const enlarged = (size, factor) => size.map(extent => Math.max(1, Math.round(extent * factor)));
const scaleOf = (large, small) => large.map((extent, axis) => extent / small[axis]);
