// The texts that shadergen/web/packing.py made small, as they were.

/** The bytes of a base64 text. */
export const fromBase64 = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

/** The characters that stand for 0 to 84, and the bytes of a text in base 85. */
const DIGITS = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n)).filter(
  c => !"\"\\<>&'`/,".includes(c),
);

export function fromBase85(text) {
  const value = new Map(DIGITS.map((digit, n) => [digit, n])),
    bytes = new Uint8Array(4 * Math.ceil(text.length / 5)),
    view = new DataView(bytes.buffer);
  for (let group = 0; 5 * group < text.length; group++) {
    let number = 0;
    for (let n = 5 * group; n < 5 * group + 5; n++) number = 85 * number + (value.get(text[n]) ?? 84);
    view.setUint32(4 * group, number);
  }
  return bytes.subarray(0, Math.floor((4 * text.length) / 5));
}

/** The texts in a packed block. */
export async function unpack(block) {
  const stream = new Blob([block]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [length, count, uses, words] = new Uint32Array(bytes.buffer, 0, 4);
  let at = 16 + length;
  const planes = (array, n) => {
    const numbers = joined(bytes, at, array, n);
    at += n * array.BYTES_PER_ELEMENT;
    return numbers;
  };
  const numbers = planes(Uint32Array, count),
    steps = planes(Int32Array, uses),
    halves = planes(Uint16Array, words);
  const floats = new Float32Array(numbers.buffer),
    spelled = new Map();
  let index = 0,
    use = 0,
    half = 0;
  const next = () => (index += steps[use++]);
  const literal = n => {
    if (!spelled.has(n)) spelled.set(n, spell(floats[n]));
    return spelled.get(n);
  };
  const tables = [];
  return JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + length))).map(text =>
    text.replace(/\x01|([\x02\x03\x04])(\d+);/g, (mark, kind, amount) => {
      if (mark === "\x01") return literal(next());
      if (kind === "\x04") return tables[amount];
      const digits = [];
      for (let n = Number(amount); n > 0; n--) {
        digits.push(kind === "\x02" ? hex(numbers[next()], 4) : hex(halves[half++], 2));
      }
      tables.push(digits.join(""));
      return tables.at(-1);
    }),
  );
}

/** `n` numbers whose first bytes come first, then all second bytes, and so on. */
function joined(bytes, at, array, n) {
  const numbers = new array(n),
    view = new Uint8Array(numbers.buffer),
    size = array.BYTES_PER_ELEMENT;
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < n; i++) view[size * i + byte] = bytes[at + byte * n + i];
  }
  return numbers;
}

/** A number's bytes in hexadecimal, the lowest first. */
function hex(number, bytes) {
  let digits = "";
  for (let byte = 0; byte < bytes; byte++) digits += ((number >>> (8 * byte)) & 255).toString(16).padStart(2, "0");
  return digits;
}

/** A 32-bit float below 1e5 as Python's NumPy writes it, without a zero before the point. */
function spell(number) {
  if (number === 0) return Object.is(number, -0) ? "-0.0" : "0.0";
  let precision = 1;
  while (Math.fround(Number(number.toExponential(precision - 1))) !== number) precision++;
  const [, sign, first, rest = "", power] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(
    number.toExponential(precision - 1),
  );
  const digits = first + rest,
    exponent = Number(power);
  if (exponent < -4) {
    return `${sign}${first}${rest && "."}${rest}e-${String(-exponent).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`;
}
