// The player without a page around it.

import { decoding, encoding } from "./colour.js";
import { contest } from "./contest.js";
import { Device } from "./device.js";
import { openGpu } from "./gpu.js";
import { GpuPlayer } from "./gpuplayer.js";
import { parseHookFile } from "./hookfile.js";
import { makePlan } from "./plan.js";
import { Player, loadFile } from "./player.js";
import { halves, parseProgram } from "./program.js";
import { evaluate, parseExpression } from "./rpn.js";
import { fromBase64, fromBase85, unpack } from "./unpack.js";

/** What other scripts of the page, and its tests, may use. */
export const library = {
  Device,
  GpuPlayer,
  Player,
  contest,
  decoding,
  encoding,
  evaluate,
  fromBase64,
  fromBase85,
  halves,
  loadFile,
  makePlan,
  openGpu,
  parseExpression,
  parseHookFile,
  parseProgram,
  unpack,
};
globalThis.shadergen = library;
