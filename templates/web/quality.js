// How close a result comes to the picture as it should be: PSNR of luma (BT.709, full range).

import { encoding } from "./colour.js";

const [WEIGHTS] = encoding("bt709", true).matrix;

/** Peak signal-to-noise ratio in dB of RGBA bytes, against others of the same size. */
export function psnr(bytes, truth) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    let difference = 0;
    for (let channel = 0; channel < 3; channel++)
      difference += WEIGHTS[channel] * (bytes[at + channel] - truth[at + channel]);
    sum += difference * difference;
  }
  return 10 * Math.log10(255 ** 2 / (sum / (bytes.length / 4)));
}

/** The RGBA bytes of a bitmap, at another size where one is given: the browser's best scaling, which is bicubic. */
export function pixels(bitmap, [width, height] = [bitmap.width, bitmap.height]) {
  const canvas = new OffscreenCanvas(width, height),
    context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** A picture enlarged bicubically as Pillow does (Keys, a = -0.5, edges repeated), RGBA bytes. */
export function bicubic(bytes, size, wanted) {
  const [rows, columns] = [1, 0].map(axis => weights(size[axis], wanted[axis]));
  const middle = new Float32Array(4 * wanted[0] * size[1]),
    result = new Uint8ClampedArray(4 * wanted[0] * wanted[1]);
  for (let y = 0; y < size[1]; y++) {
    columns.forEach(({ taps, from }, x) => {
      for (let c = 0; c < 4; c++) {
        let sum = 0;
        taps.forEach((weight, n) => {
          sum += weight * bytes[4 * (y * size[0] + from + n) + c];
        });
        middle[4 * (y * wanted[0] + x) + c] = sum;
      }
    });
  }
  rows.forEach(({ taps, from }, y) => {
    for (let x = 0; x < 4 * wanted[0]; x++) {
      let sum = 0;
      taps.forEach((weight, n) => {
        sum += weight * middle[4 * (from + n) * wanted[0] + x];
      });
      result[4 * y * wanted[0] + x] = Math.round(sum);
    }
  });
  return result;
}

/** Of every texel of an axis the weights of old ones, from number `from` on; those outside do not count. */
function weights(size, wanted) {
  const ratio = size / wanted,
    reach = 2 * Math.max(1, ratio),
    scale = Math.max(1, ratio);
  return Array.from({ length: wanted }, (_, n) => {
    const centre = (n + 0.5) * ratio,
      from = Math.max(0, Math.floor(centre - reach + 0.5)),
      to = Math.min(size, Math.floor(centre + reach + 0.5));
    const taps = Array.from({ length: to - from }, (_, tap) => keys((from + tap + 0.5 - centre) / scale));
    const sum = taps.reduce((total, weight) => total + weight);
    return { from, taps: taps.map(weight => weight / sum) };
  });
}

function keys(x) {
  const d = Math.abs(x);
  if (d < 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
}
