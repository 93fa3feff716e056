// Large pictures in parts, so that no draw lasts long and no texture is too large. Parts overlap by what the files were
// seen to need, as in shadergen/upscale/upscale.py; they begin at multiples of 32 texels, and equal the whole bit by
// bit.

/** Where parts begin and how they grow, in texels. */
export const GRID = 32;
const OVERLAPS = [32, 64, 128, 256];

/**
 * How a picture is cut: parts with what is `kept` of them and what is `played` for it, both [x, y, width, height].
 * `side` texels are kept of a part, and as much more of the first ones as the others have overlap there, so that all
 * but the last have one size.
 */
export function cut(size, side, overlap) {
  const [columns, rows] = size.map(extent => spans(extent, side, overlap));
  return rows.flatMap(row =>
    columns.map(column => ({
      kept: [column.kept[0], row.kept[0], column.kept[1], row.kept[1]],
      played: [column.played[0], row.played[0], column.played[1], row.played[1]],
    })),
  );
}

function spans(extent, side, overlap) {
  const found = [];
  for (let start = 0; start < extent;) {
    const most = start === 0 ? side + overlap : side;
    const stop = start + most + overlap >= extent ? extent : start + most;
    const first = Math.max(0, start - overlap),
      last = Math.min(extent, stop + overlap);
    found.push({ kept: [start, stop - start], played: [first, last - first] });
    start = stop;
  }
  return found;
}

/**
 * The smallest of a few overlaps at which parts of noise come out as the whole does, and a step more; null where none
 * does. `play(bytes, size)` gives the bytes of a result and its size. `scale` says how much that is larger than the
 * picture.
 */
export async function measureOverlap(play, scale) {
  for (const overlap of OVERLAPS) {
    if ((await sameInParts(play, scale, overlap, 0)) && (await sameInParts(play, scale, overlap, 1)))
      return overlap + GRID;
  }
  return null;
}

async function sameInParts(play, scale, overlap, axis) {
  const size = [2 * GRID, 2 * GRID],
    picture = { size, bytes: null };
  size[axis] = 2 * overlap + 3 * GRID;
  picture.bytes = noise(size);
  const whole = await play(picture.bytes, size);
  const right = await part(play, picture, axis, GRID, size[axis]),
    left = await part(play, picture, axis, 0, size[axis] - overlap);
  const at = scaled => Math.round(scaled * scale[axis]);
  return (
    equal(whole, at(GRID + overlap), right, at(overlap), axis, whole.size[axis] - at(GRID + overlap)) &&
    equal(whole, 0, left, 0, axis, at(size[axis] - 2 * overlap))
  );
}

/** Play what lies between two places of an axis. */
function part(play, { bytes, size }, axis, start, stop) {
  const extent = [...size];
  extent[axis] = stop - start;
  const origin = [0, 0];
  origin[axis] = start;
  return play(crop(bytes, size, [...origin, ...extent]), extent);
}

/** A rectangle of RGBA bytes. */
export function crop(bytes, size, [x, y, width, height]) {
  const found = new Uint8Array(4 * width * height);
  for (let row = 0; row < height; row++) {
    const start = 4 * ((y + row) * size[0] + x);
    found.set(bytes.subarray(start, start + 4 * width), 4 * row * width);
  }
  return found;
}

/** Whether `length` rows or columns of two results are the same, from places of an axis on. */
function equal(a, from, b, start, axis, length) {
  const rect = (result, at) => (axis ? [0, at, result.size[0], length] : [at, 0, length, result.size[1]]);
  const [first, second] = [crop(a.bytes, a.size, rect(a, from)), crop(b.bytes, b.size, rect(b, start))];
  return first.length === second.length && first.every((byte, n) => byte === second[n]);
}

/** Rough noise above smooth one, the same every time. */
export function noise([width, height]) {
  const bytes = new Uint8Array(4 * width * height);
  let state = 1;
  for (let n = 0; n < bytes.length; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const byte = state >>> 24;
    bytes[n] = n % 4 === 3 ? 255 : n < bytes.length / 2 ? byte : 100 + Math.floor(byte / 5);
  }
  return bytes;
}
