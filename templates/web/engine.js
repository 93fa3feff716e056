// A shader of the catalogue on a device, in the fastest of its forms: weights in textures, which start at once; in the
// code, which some browsers compile for minutes; and as a program for WebGPU. The others are compiled behind the first,
// and the fastest takes its place.

import { contest } from "./contest.js";
import { GpuPlayer } from "./gpuplayer.js";
import { Player } from "./player.js";

const [TEXTURES, CODE, WEBGPU] = ["weights in textures", "weights in the code", "WebGPU"];

export class Engine {
  constructor(device, entry, files) {
    Object.assign(this, { device, entry, files, player: new Player(device, files[0]), form: TEXTURES, times: null });
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
   * Compile the other forms, time all on a picture of this size, and keep the fastest. Returns whether that is another
   * than before. `webgpu()` gives a device, or null.
   */
  async improve(size, factor, wanted, webgpu) {
    if (this.times || this.device.isSoftware) return false;
    this.times = {};
    const forms = [{ form: this.form, player: this.player }, ...(await this.others(webgpu))];
    if (forms.length < 2) return false;
    const players = forms.map(({ player }) => player),
      times = await contest(this.device, players, size, factor, this.settings, wanted);
    forms.forEach(({ form }, n) => (this.times[form] = times[n]));
    const best = wanted() ? times.indexOf(Math.min(...times)) : 0;
    players.forEach((player, n) => n !== best && player.release());
    Object.assign(this, forms[best]);
    return best > 0;
  }

  /** The forms besides the first that this browser may play. */
  async others(webgpu) {
    const code = this.files.slice(1).map(files => ({ form: CODE, player: new Player(this.device, files) }));
    const program = await this.entry.program(),
      gpu = program && (await webgpu());
    return gpu ? [...code, { form: WEBGPU, player: new GpuPlayer(gpu, this.device, program) }] : code;
  }

  /** Whether WebGPU plays. */
  get onWebGpu() {
    return this.form === WEBGPU;
  }

  release() {
    this.player.release();
  }
}
