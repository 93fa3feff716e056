// Expressions in reverse Polish notation, as WIDTH, HEIGHT and WHEN hold them. They are read as
// shadergen/hookfile/rpn.py reads them, in libplacebo's arithmetic; a test holds the two together.

const OPERATORS = "+-*/%!><=";

/** An expression that has no value: libplacebo then disables the file. */
export class ExpressionError extends Error {}

/** The words of an expression, each an object with its `kind`. */
export function parseExpression(text) {
  return text
    .split(" ")
    .map(word => word.trim())
    .filter(word => word)
    .map(readWord);
}

function readWord(word) {
  const size = /^(.*)\.(width|w|height|h)$/s.exec(word);
  if (size) return { kind: "size", name: size[1], axis: size[2][0] === "w" ? 0 : 1 };
  // Only the first character is looked at, so `>=` means `>` and `-1` means minus.
  if (OPERATORS.includes(word[0])) return { kind: "operator", name: word[0] };
  const number = /^[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?/.exec(word);
  return number ? { kind: "constant", value: Number(number[0]) } : { kind: "variable", name: word };
}

/**
 * The value of parsed words. `size(name)` gives a texture's [width, height], `variable(name)` a PARAM's value, or
 * undefined where there is none.
 */
export function evaluate(words, size, variable = () => undefined) {
  const stack = [];
  for (const word of words) {
    if (word.kind === "constant") stack.push(word.value);
    else if (word.kind === "operator") stack.push(apply(word.name, stack));
    else {
      const found = word.kind === "size" ? size(word.name)?.[word.axis] : variable(word.name);
      if (found === undefined)
        throw new ExpressionError(`found no ${word.kind === "size" ? "texture" : "variable"} ${word.name}`);
      stack.push(found);
    }
  }
  if (stack.length !== 1) throw new ExpressionError(`found ${stack.length} values left over, expected 1`);
  return stack[0];
}

const BINARY = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  ">": (a, b) => Number(a > b),
  "<": (a, b) => Number(a < b),
  "=": (a, b) => Number(Math.abs(a - b) <= 1e-6 * Math.max(a, b)),
};

function apply(operator, stack) {
  const needed = operator === "!" ? 1 : 2;
  if (stack.length < needed)
    throw new ExpressionError(`found ${stack.length} operands for ${operator}, expected ${needed}`);
  const b = stack.pop();
  if (operator === "!") return Number(!b);
  const result = BINARY[operator](stack.pop(), b);
  if (!Number.isFinite(result)) throw new ExpressionError(`found no finite value for ${operator}`);
  return result;
}
