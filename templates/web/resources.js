// The TEXTUREs of a hook file on a device. Formats are named as in libplacebo: `16f` has 32-bit floats in the file and
// 16-bit ones on the GPU, `16hf` has 16-bit ones in both.

import { DeviceError } from "./device.js";

const DEPTHS = {
  8: { bytes: 1, array: Uint8Array, type: "UNSIGNED_BYTE", suffix: "8" },
  16: { bytes: 2, array: Uint16Array, type: "FLOAT", suffix: "32F" }, // there are no 16-bit integers of 0..1 in WebGL2
  "16f": { bytes: 4, array: Float32Array, type: "FLOAT", suffix: "16F" },
  "16hf": { bytes: 2, array: Uint16Array, type: "HALF_FLOAT", suffix: "16F" },
  "32f": { bytes: 4, array: Float32Array, type: "FLOAT", suffix: "32F" },
};

/** Upload a TEXTURE block. Throws DeviceError for one that this device or WebGL2 cannot have. */
export function uploadTexture(device, block) {
  const { gl } = device,
    found = /^(r|rg|rgb|rgba)(8|16|16f|16hf|32f)$/.exec(block.format);
  const refuse = problem => {
    throw new DeviceError(`line ${block.line}: ${problem}`);
  };
  if (!found) refuse(`found FORMAT '${block.format}', expected r, rg, rgb or rgba with 8, 16, 16f, 16hf or 32f`);
  if (block.storage) refuse(`found STORAGE in ${block.name}, expected none: WebGL2 cannot store to textures`);
  if (block.border === "MIRROR") refuse("found BORDER MIRROR, expected CLAMP or REPEAT");
  const [, channels, depth] = found,
    { bytes, array, type, suffix } = DEPTHS[depth];
  const [width, height = 1, layers = 1] = block.size,
    expected = width * height * layers * channels.length * bytes;
  if (block.data.length !== expected)
    refuse(`found ${block.data.length} bytes in TEXTURE ${block.name}, expected ${expected}`);
  if (Math.max(width, height, layers) > device.largest)
    refuse(`found a ${block.size.join("x")} TEXTURE, expected at most ${device.largest} per side`);
  let data = new array(block.data.buffer, block.data.byteOffset, expected / array.BYTES_PER_ELEMENT);
  if (depth === "16") data = Float32Array.from(data, code => code / 65535);
  const format = gl[{ r: "RED", rg: "RG", rgb: "RGB", rgba: "RGBA" }[channels]],
    internal = gl[channels.toUpperCase() + suffix];
  const solid = block.size.length === 3,
    target = solid ? gl.TEXTURE_3D : gl.TEXTURE_2D,
    handle = gl.createTexture();
  gl.bindTexture(target, handle);
  if (solid) gl.texImage3D(target, 0, internal, width, height, layers, 0, format, gl[type], data);
  else gl.texImage2D(target, 0, internal, width, height, 0, format, gl[type], data);
  const filters = suffix !== "32F" || device.filters;
  device.sampling(
    target,
    block.filter === "LINEAR" && filters,
    block.border === "REPEAT" ? gl.REPEAT : gl.CLAMP_TO_EDGE,
  );
  return { handle, target, size: block.size };
}
