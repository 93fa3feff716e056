// The player without a page around it.

import { decoding, encoding } from "./colour.js";
import { Device } from "./device.js";
import { parseHookFile } from "./hookfile.js";
import { makePlan } from "./plan.js";
import { Player, loadFile } from "./player.js";
import { evaluate, parseExpression } from "./rpn.js";
import { fromBase64, unpack } from "./unpack.js";

/** What other scripts of the page, and its tests, may use. */
export const library = {
  Device,
  Player,
  decoding,
  encoding,
  evaluate,
  fromBase64,
  loadFile,
  makePlan,
  parseExpression,
  parseHookFile,
  unpack,
};
globalThis.shadergen = library;
