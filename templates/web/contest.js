// Which way of playing a shader is the fastest on this device.

import { enlarged, frameOf } from "./picture.js";
import { Uploads } from "./sources.js";
import { noise } from "./tiles.js";

/** How many frames are timed together, after one that is not. */
const RUNS = 4;
/** How far two ways may be apart, in codes of 255: both round to 16 bits at every layer. */
const APART = 4;

/**
 * Play noise of a size with every player in turn: milliseconds of each, Infinity for one that the browser refuses, or
 * whose picture is not that of the first.
 */
export async function contest(device, players, size, factor, settings, wanted) {
  const uploads = new Uploads(device),
    source = uploads.bytes("picture", noise(size), size, "rgba8"),
    times = [];
  let right = null;
  for (const player of players) {
    let prepared = null;
    try {
      prepared = await player.prepare(frameOf(size, settings), enlarged(size, factor));
      prepared.play(source);
      const shown = device.read(prepared.result);
      right ??= shown;
      times.push(wanted() && alike(shown, right) ? await timed(device, () => prepared.play(source)) : Infinity);
    } catch {
      times.push(Infinity);
    }
    prepared?.release();
  }
  uploads.release();
  return times;
}

const alike = (a, b) => a.length === b.length && a.every((code, n) => Math.abs(code - b[n]) <= APART);

/** By the clock on the wall, since what WebGPU does is not on WebGL's. */
async function timed(device, play) {
  await device.idle();
  const start = performance.now();
  for (let run = 0; run < RUNS; run++) play();
  await device.idle();
  return (performance.now() - start) / RUNS;
}
