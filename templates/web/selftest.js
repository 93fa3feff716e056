// The page's test of itself, at #selftest: every form of every shader on a small picture, against what the network
// means. It says how far this browser and GPU are from it.

import { Device } from "./device.js";
import { GpuPlayer } from "./gpuplayer.js";
import { frameOf } from "./picture.js";
import { Player } from "./player.js";
import { Uploads } from "./sources.js";
import { noise } from "./tiles.js";
import { fromBase64 } from "./unpack.js";

const SIZE = [16, 12];
/** How far results may be off: sums of some hundred roundings to 32 and 16 bits. */
const BOUNDS = { rgba32f: 1e-5, rgba16f: 4e-3 };

/** Results of every shader that has a reference: {shader, form, storage, error, bound}. `gpu` is WebGPU's, or null. */
export async function selftest(catalogue, gpu) {
  const found = [];
  for (const storage of Object.keys(BOUNDS)) {
    const floats = storage === "rgba32f",
      device = new Device(document.createElement("canvas"), { floats });
    if (floats && device.formats.work.bytes !== 16) continue;
    const source = new Uploads(device).bytes("picture", noise(SIZE), SIZE, "rgba8");
    for (const entry of catalogue.filter(entry => entry.check)) {
      for (const [form, player] of await players(entry, device, gpu, floats)) {
        const error = await measured(player, entry, source);
        found.push({ shader: entry.title, form, storage, error, bound: BOUNDS[storage] });
      }
    }
    device.loser?.loseContext();
  }
  return { results: found, passed: found.every(({ error, bound }) => error <= bound) };
}

/** A player for every form, with the form's number or name. */
async function players(entry, device, gpu, floats) {
  const found = (await entry.forms()).map((files, form) => [form, new Player(device, files)]);
  const program = gpu && (await entry.program());
  if (program) found.push(["webgpu", new GpuPlayer(gpu, device, program, { floats, half: false })]);
  if (program && gpu.half && !floats) found.push(["webgpu, 16-bit", new GpuPlayer(gpu, device, program)]);
  return found;
}

/** The largest difference from the reference. */
async function measured(player, { check, halved, factor }, source) {
  const output = SIZE.map(extent => extent * factor);
  const prepared = await player.prepare(frameOf(SIZE, { halved }), output, check.stage);
  prepared.play(source);
  const values = await prepared.read(),
    wanted = new Float32Array(fromBase64(check.values).buffer);
  if (wanted.length * 4 !== values.length * check.channels) return Infinity;
  return wanted.reduce((worst, value, n) => {
    const at = 4 * Math.floor(n / check.channels) + (n % check.channels);
    return Math.max(worst, Number.isNaN(values[at]) ? Infinity : Math.abs(value - values[at]));
  }, 0);
}
