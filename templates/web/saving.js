// A result as a file, and beside the picture as it should be.

import { element } from "./dom.js";
import { bicubic, pixels, psnr } from "./quality.js";

/** How long the browser may take to fetch the file, in milliseconds. */
const KEPT = 10000;

/** Save a result as PNG. Returns the file's name. */
export async function save({ bytes, size }, picture, shader) {
  const canvas = new OffscreenCanvas(...size);
  canvas.getContext("2d").putImageData(new ImageData(bytes, ...size), 0, 0);
  const url = URL.createObjectURL(await canvas.convertToBlob());
  const name = `${picture.replace(/\.\w+$/, "")}_${shader.replace(/\W+/g, "_")}.png`;
  element("a", [], { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT);
  return name;
}

/** PSNR of luma in dB of a picture's result against the truth, and that of a bicubic enlargement. */
export function compared(picture, truth) {
  const result = picture.read(),
    wanted = pixels(truth),
    enlarged = bicubic(pixels(picture.bitmap), picture.size, result.size);
  const [shader, plain] = [result.bytes, enlarged].map(bytes => Number(psnr(bytes, wanted).toFixed(2)));
  return { shader, bicubic: plain };
}
