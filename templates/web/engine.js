// A shader of the catalogue on a device, in the faster of its forms: weights in textures, which start at once, and in
// the code, which some browsers compile for minutes; that is done behind the first, and takes its place where it is
// faster.

import { frameOf } from "./picture.js";
import { Player, timed } from "./player.js";

/** How many frames a form is timed for; the best counts. */
const RUNS = 3;

export class Engine {
  constructor(device, entry, files) {
    Object.assign(this, { device, entry, files, player: new Player(device, files[0]), form: 0, forms: [] });
  }

  static async start(device, entry) {
    return new Engine(device, entry, await entry.forms());
  }

  get settings() {
    return { halved: this.entry.halved };
  }

  /** Set a PARAM in every file that has it. */
  set(name, value) {
    for (const file of this.files.flat()) if (name in file.values) file.values[name] = value;
  }

  /**
   * Compile the other form, time both on a picture of this size, and keep the faster. Returns whether that is another
   * than before. Leaves things as they are where the browser refuses the other form.
   */
  async improve(size, factor, wanted) {
    if (this.files.length < 2 || this.device.isSoftware) return false;
    const other = new Player(this.device, this.files[1]),
      output = size.map(extent => Math.round(extent * factor));
    const source = { picture: this.device.texture(size, "rgba8") },
      times = [];
    for (const player of [this.player, other]) {
      try {
        const prepared = await player.prepare(frameOf(size, this.settings), output);
        const runs = [];
        for (let run = 0; run <= RUNS && wanted(); run++)
          runs.push(await timed(this.device, () => prepared.play(source)));
        times.push(Math.min(...runs.slice(1)));
        prepared.release();
      } catch {
        times.push(Infinity);
      }
    }
    this.device.recycle([source.picture]);
    this.forms = times;
    const better = wanted() && times[1] < times[0];
    (better ? this.player : other).release();
    if (better) Object.assign(this, { player: other, form: 1 });
    return better;
  }

  release() {
    this.player.release();
  }
}
