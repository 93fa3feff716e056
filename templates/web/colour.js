// YCbCr as video defines it. After shadergen/runtime/colour.py: rgb = matrix * (ycbcr + offset), levels are those of
// 8-bit video. Matrices are lists of rows.

const COEFFICIENTS = { bt709: [0.2126, 0.0722], bt601: [0.299, 0.114], bt2020: [0.2627, 0.0593] };

/** `{matrix, offset}` that turn YCbCr into RGB. */
export function decoding(name, fullRange) {
  const [kr, kb] = COEFFICIENTS[name],
    kg = 1 - kr - kb,
    red = 2 * (1 - kr),
    blue = 2 * (1 - kb);
  const scale = fullRange ? [1, 1, 1] : [255 / 219, 255 / 224, 255 / 224];
  const rows = [
    [1, 0, red],
    [1, (-blue * kb) / kg, (-red * kr) / kg],
    [1, blue, 0],
  ];
  const offset = [fullRange ? 0 : -16 / 255, -128 / 255, -128 / 255];
  return { matrix: rows.map(row => row.map((value, n) => value * scale[n])), offset };
}

/** `{matrix, offset}` that turn RGB into YCbCr: ycbcr = matrix * rgb + offset. */
export function encoding(name, fullRange) {
  const [kr, kb] = COEFFICIENTS[name],
    kg = 1 - kr - kb,
    scale = fullRange ? [1, 1] : [219 / 255, 224 / 255];
  const luma = [kr, kg, kb];
  const difference = (axis, k) => luma.map((value, n) => (scale[1] * ((n === axis ? 1 : 0) - value)) / (2 * (1 - k)));
  const matrix = [luma.map(value => value * scale[0]), difference(2, kb), difference(0, kr)];
  return { matrix, offset: [fullRange ? 0 : 16 / 255, 128 / 255, 128 / 255] };
}

/** The matrix and range of a VideoFrame's `colorSpace`; what it does not say is BT.709, or BT.601 where it is small. */
export function matrixOf(space, height) {
  const names = { bt709: "bt709", bt470bg: "bt601", smpte170m: "bt601", "bt2020-ncl": "bt2020" };
  return {
    matrix: names[space?.matrix] ?? (height < 720 && !space?.matrix ? "bt601" : "bt709"),
    fullRange: space?.fullRange ?? false,
  };
}

/** Column after column, as GLSL's mat3 wants it. */
export const columns = rows => Float32Array.from([0, 1, 2].flatMap(column => rows.map(row => row[column])));
