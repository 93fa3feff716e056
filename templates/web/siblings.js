// Fragment passes that do the same for other channels ([1/4] ... [4/4]), drawn together: a draw with a target for each.

import { partsOfBody } from "./preamble.js";
import { canonical } from "./stages.js";

/** The most targets of a draw that every WebGL2 has. */
const MOST = 4;

/** The passes of a file by their number, those that can be drawn together in one list. */
export function siblings(file) {
  const own = new Set(file.textures.map(block => block.name)),
    groups = [];
  for (let first = 0; first < file.passes.length; first += groups.at(-1).length) {
    const group = [first];
    while (group.length < MOST && joins(file, group, first + group.length, own)) group.push(first + group.length);
    groups.push(group);
  }
  return groups;
}

function joins(file, group, next, own) {
  const first = file.passes[group[0]],
    pass = file.passes[next];
  if (!pass || !mergeable(first) || !mergeable(pass) || likeness(first, own) !== likeness(pass, own)) return false;
  const saved = new Set(group.map(number => canonical(file.passes[number].save)));
  const read = [
    ...pass.binds.map(canonical),
    ...[pass.width, pass.height, pass.when].flatMap(words => words ?? []).map(word => canonical(word.name ?? "")),
  ];
  return !saved.has(canonical(pass.save)) && !read.some(name => saved.has(name));
}

/** Whether a pass saves beside the picture, and has nothing of its own behind hook(). */
function mergeable(pass) {
  if (pass.compute || pass.save === null || pass.hooks.map(canonical).includes(canonical(pass.save))) return false;
  const { hook } = partsOfBody(pass.body);
  return hook !== "" && hook.slice(endOfBlock(hook)).trim() === "";
}

/** Where the first `{...}` of a text ends; braces in comments are counted, too, which at worst leaves passes apart. */
function endOfBlock(text) {
  let depth = 0;
  for (let at = text.indexOf("{"); at >= 0 && at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at + 1;
  }
  return text.length;
}

/** What must be equal for two passes to be drawn together. */
function likeness(pass, own) {
  const binds = pass.binds.filter(name => !own.has(name));
  return JSON.stringify([
    pass.hooks,
    binds,
    pass.width,
    pass.height,
    pass.when,
    pass.offset,
    pass.components,
    partsOfBody(pass.body).shared.trim(),
  ]);
}
