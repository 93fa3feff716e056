// A model as compute passes of WebGPU, from the text that shadergen/wgsl/program.py writes.

/** {plane, input, output, values, sizes, head, passes, numbers}: `numbers` are 32-bit floats, four to a vector. */
export function parseProgram(text) {
  const [described, , ...tables] = text.trimEnd().split("\n");
  const numbers = new Float32Array(
    Math.max(
      4,
      tables.reduce((sum, table) => sum + table.length / 8, 0),
    ),
  );
  const bytes = new Uint8Array(numbers.buffer);
  let at = 0;
  for (const table of tables) {
    for (let digit = 0; digit < table.length; digit += 2) bytes[at++] = parseInt(table.slice(digit, digit + 2), 16);
  }
  return { ...JSON.parse(described), numbers };
}

/** The size of a value along an axis where the picture has n pixels. */
export const sizeAt = ({ times, over, plus }, n) => (times * n + plus[n % plus.length]) / over;

/** What stands in front of a pass: the precision of products, and the format of textures. */
export function headOf(program, half, format) {
  const scalar = half ? "f16" : "f32",
    matrices = [2, 3, 4].map(columns => `alias half${columns}x4 = mat${columns}x4<${scalar}>;\n`);
  const head = `${half ? "enable f16;\n" : ""}alias half4 = vec4<${scalar}>;\n${matrices.join("")}${program.head}`;
  return head.replaceAll("rgba16float", format);
}

/** The numbers rounded to 16 bits, to the nearest and the even one of two. */
export function halves(numbers) {
  const found = new Uint16Array(numbers.length),
    bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let n = 0; n < numbers.length; n++) found[n] = half(numbers[n], bits[n]);
  return found;
}

function half(number, bits) {
  const sign = (bits >>> 16) & 0x8000,
    size = Math.abs(number);
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14 the numbers are multiples of 2^-24.
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-30))),
    unit = 2 ** (exponent - 10);
  let count = size / unit;
  const down = Math.floor(count),
    rest = count - down;
  count = down + (rest > 0.5 || (rest === 0.5 && down % 2) ? 1 : 0);
  // A count of 2048 is the next exponent's first, as the sum of the two fields says.
  return sign | (exponent === -14 ? count : ((exponent + 15) << 10) + (count - 1024));
}
