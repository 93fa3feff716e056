// mpv user-shader files as data, read as shadergen/hookfile/parse.py reads them; a test holds the two together.
// A file is a header of comments, then blocks: directives (`//!NAME value`), and a body up to the next `//!`.

import { parseExpression } from "./rpn.js";

const MAGIC = "//!";
const PASS_WORDS = ["SAVE", "DESC", "OFFSET", "WIDTH", "HEIGHT", "WHEN", "COMPONENTS", "COMPUTE"];
const MOST = { HOOK: 16, BIND: 16 };

/** What is wrong with a file, and the line where it is, counted from 1. */
export class HookFileError extends Error {
  constructor(line, problem) {
    super(`line ${line}: ${problem}`);
    this.line = line;
  }
}

/** Read a whole file. Throws HookFileError for the first fault. */
export function parseHookFile(text) {
  const start = text.indexOf(MAGIC);
  if (start < 0) throw new HookFileError(1, "found no `//!` directive, expected a hook file");
  const faults = [];
  const blocks = splitBlocks(text, start).map(block => readBlock({ ...block, faults }));
  if (faults.length) throw faults.reduce((first, fault) => (fault.line < first.line ? fault : first));
  const of = kind => blocks.filter(block => block.kind === kind);
  return {
    header: text.slice(0, start),
    passes: of("pass"),
    textures: of("texture"),
    buffers: of("buffer"),
    params: of("param"),
  };
}

function countLines(text, start, end) {
  let count = 0;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** Directives, body and the body's first line of each block. A body ends at `//!` even in the middle of a line. */
function splitBlocks(text, start) {
  const blocks = [];
  let at = start,
    line = 1 + countLines(text, 0, start);
  while (at < text.length) {
    const directives = [];
    while (at < text.length) {
      const newline = text.indexOf("\n", at),
        end = newline < 0 ? text.length : newline + 1;
      const content = text.slice(at, end).trim();
      if (!content.startsWith(MAGIC)) break;
      const name = /^[A-Z]*/.exec(content.slice(MAGIC.length))[0];
      directives.push({ line, name, value: content.slice(MAGIC.length + name.length).trim() });
      line += countLines(text, at, end);
      at = end;
    }
    const next = text.indexOf(MAGIC, at),
      end = next < 0 ? text.length : next;
    blocks.push({ directives, body: text.slice(at, end), bodyLine: line });
    line += countLines(text, at, end);
    at = end;
  }
  return blocks;
}

const READERS = { TEXTURE: readTexture, BUFFER: readBuffer, PARAM: readParam };

function readBlock(block) {
  return (READERS[block.directives[0].name] ?? readPass)(block);
}

function fault(block, line, problem) {
  block.faults.push(new HookFileError(line, problem));
}

/** The directives by name, the last of each; those that are not `known` are faults. */
function values(block, known) {
  const found = {};
  for (const directive of block.directives) {
    if (!known.includes(directive.name)) {
      fault(
        block,
        directive.line,
        `found directive '${directive.name || directive.value}', expected one of ${known.join(", ")}`,
      );
    }
    found[directive.name] = directive;
  }
  return found;
}

const INTEGER = /^[+-]?\d+$/,
  DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The numbers of a text, or null where a word is none. */
function numbers(text, pattern) {
  const words = text.split(/\s+/).filter(word => word);
  return words.every(word => pattern.test(word) && Number.isFinite(Number(word))) ? words.map(Number) : null;
}

/** The numbers of a directive, checked; null where there is none, and where it is a fault. */
function numbersOf(block, directive, pattern, fits, expected) {
  if (!directive) return null;
  const found = numbers(directive.value, pattern);
  if (found && fits(found)) return found;
  fault(block, directive.line, `found ${directive.name} '${directive.value}', expected ${expected}`);
  return null;
}

function readPass(block) {
  const lists = { HOOK: [], BIND: [] };
  for (const directive of block.directives) {
    const list = lists[directive.name];
    if (list?.push(directive.value) === MOST[directive.name] + 1) {
      fault(
        block,
        directive.line,
        `found ${directive.name} number ${list.length}, expected at most ${MOST[directive.name]} per pass`,
      );
    }
  }
  const found = values(block, ["HOOK", "BIND", ...PASS_WORDS]);
  const expression = directive => directive && parseExpression(directive.value);
  const components = numbersOf(
    block,
    found.COMPONENTS,
    INTEGER,
    n => n.length === 1 && n[0] >= 0 && n[0] <= 4,
    "a number from 0 to 4",
  );
  const compute = numbersOf(block, found.COMPUTE, INTEGER, n => n.length === 2 || n.length === 4, "2 or 4 integers");
  if (compute && Math.min(...compute) < 1)
    fault(block, found.COMPUTE.line, `found COMPUTE '${found.COMPUTE.value}', expected sizes above 0`);
  return {
    kind: "pass",
    hooks: lists.HOOK,
    binds: lists.BIND,
    save: !found.SAVE || found.SAVE.value === "HOOKED" ? null : found.SAVE.value,
    desc: found.DESC?.value ?? "",
    width: expression(found.WIDTH) ?? null,
    height: expression(found.HEIGHT) ?? null,
    when: expression(found.WHEN) ?? null,
    offset:
      found.OFFSET?.value === "ALIGN"
        ? "ALIGN"
        : numbersOf(block, found.OFFSET, DECIMAL, n => n.length === 2, "ALIGN or two numbers"),
    components: components?.[0] || null,
    compute: compute && (compute.length === 4 ? compute : [...compute, ...compute]),
    body: block.body,
    line: block.directives[0].line,
    bodyLine: block.bodyLine,
  };
}

function choice(block, directive, known) {
  if (!directive) return null;
  if (known.includes(directive.value)) return directive.value;
  fault(block, directive.line, `found ${directive.name} '${directive.value}', expected one of ${known.join(", ")}`);
  return null;
}

/** The bytes of hexadecimal digits; white space between bytes is skipped. */
function readHex(block) {
  const digits = block.body.split(/\s+/);
  const data = new Uint8Array(digits.reduce((sum, word) => sum + (word.length >> 1), 0));
  let at = 0;
  for (const word of digits) {
    if (word.length % 2 || /[^0-9a-fA-F]/.test(word)) {
      fault(block, block.bodyLine, `found '${block.body.trim().slice(0, 20)}'..., expected hexadecimal digits`);
      return data;
    }
    for (let i = 0; i < word.length; i += 2) data[at++] = Number.parseInt(word.slice(i, i + 2), 16);
  }
  return data;
}

function readTexture(block) {
  const found = values(block, ["TEXTURE", "SIZE", "FORMAT", "FILTER", "BORDER", "STORAGE"]);
  const line = block.directives[0].line;
  const fits = n => n.length >= 1 && n.length <= 3 && Math.min(...n) >= 1;
  if (!found.FORMAT) fault(block, line, "found no FORMAT in the TEXTURE, expected one");
  return {
    kind: "texture",
    name: found.TEXTURE.value || "USER_TEX",
    size: numbersOf(block, found.SIZE, INTEGER, fits, "1 to 3 integers above 0") ?? [1, 1],
    format: found.FORMAT?.value ?? "",
    filter: choice(block, found.FILTER, ["LINEAR", "NEAREST"]),
    border: choice(block, found.BORDER, ["CLAMP", "REPEAT", "MIRROR"]),
    storage: "STORAGE" in found,
    data: readHex(block),
    line,
  };
}

function readBuffer(block) {
  const found = values(block, ["BUFFER", "STORAGE", "VAR"]);
  for (const { name, value, line } of block.directives) {
    const fits = /^\w+\s+\w+\s*(?:\[\s*[0-9]{1,9}\s*\])?$/.test(value);
    if (name === "VAR" && !fits)
      fault(block, line, `found VAR '${value}', expected \`type name\` or \`type name[length]\``);
  }
  readHex(block);
  return { kind: "buffer", name: found.BUFFER.value || "USER_BUF", line: block.directives[0].line };
}

function readParam(block) {
  const found = values(block, ["PARAM", "DESC", "TYPE", "MINIMUM", "MAXIMUM"]);
  const line = block.directives[0].line,
    number = (text, at, what) => {
      const read = numbers(text, DECIMAL);
      if (read?.length === 1) return read[0];
      fault(block, at, `found '${text.trim().slice(0, 40)}' as ${what}, expected a number`);
      return null;
    };
  let words = (found.TYPE?.value ?? "").split(/\s+/).filter(word => word);
  const isEnum = words[0] === "ENUM";
  if (isEnum) words = words.slice(1);
  const mode =
    ["DEFINE", "DYNAMIC", "CONSTANT"].includes(words[0]) && (words[0] === "DEFINE" || words.length === 2)
      ? words[0]
      : "VARIABLE";
  const type = mode === "DEFINE" ? "int" : mode === "VARIABLE" ? words.join(" ") : words[1];
  const names = isEnum
    ? block.body
        .split(/\r\n|\r|\n/)
        .map(name => name.trim())
        .filter(name => name)
    : [];
  if (!["float", "int", "uint"].includes(type)) {
    fault(block, line, `found '${found.TYPE?.value ?? "no TYPE"}', expected TYPE float, int, uint or DEFINE`);
  } else if (isEnum && !names.length) {
    fault(block, line, "found an ENUM without names, expected one per line");
  }
  const bound = directive => (directive ? number(directive.value, directive.line, directive.name) : null);
  const initial = isEnum ? 0 : number(block.body, block.bodyLine, "initial value");
  return {
    kind: "param",
    name: found.PARAM.value,
    desc: found.DESC?.value ?? "",
    type,
    mode,
    names,
    initial: initial ?? 0,
    minimum: bound(found.MINIMUM),
    maximum: bound(found.MAXIMUM),
    line,
  };
}
