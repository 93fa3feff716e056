// The shaders that a page offers: those that it was made with, and those that the visitor drops.

import { loadFile } from "./player.js";
import { fromBase64, unpack } from "./unpack.js";

/**
 * A shader, or several in a chain: {title, about, licence, factor, halved, forms}. `forms()` gives the ways in which it
 * is written, each a list of loaded files; the one to start with comes first.
 */
export function embedded(entry) {
  let forms = null;
  const read = async () => {
    const texts = await unpack(fromBase64(entry.packed)),
      count = entry.files;
    return Array.from({ length: texts.length / count }, (_, form) =>
      texts.slice(form * count, (form + 1) * count).map(loadFile),
    );
  };
  return { ...entry, forms: () => (forms ??= read()) };
}

/** A shader from a hook file's text. Throws HookFileError and DeviceError for what cannot be played. */
export function dropped(name, text) {
  const loaded = loadFile(text),
    licence = licenceOf(loaded.file.header);
  const stages = [...new Set(loaded.file.passes.flatMap(pass => pass.hooks))];
  const chroma = stages.every(stage => stage === "CHROMA" || stage === "CHROMA_SCALED");
  const about = `${loaded.file.passes.length} passes on ${stages.join(", ")}`;
  return { title: name, about, licence, factor: 2, halved: chroma, forms: async () => [[loaded]] };
}

/** One shader after the other. */
export function chained(first, second) {
  return {
    title: `${first.title} + ${second.title}`,
    about: `${first.about}; then ${second.about}`,
    licence: [first.licence, second.licence].filter(text => text).join("\n\n"),
    factor: Math.min(8, first.factor * second.factor),
    halved: first.halved || second.halved,
    forms: async () => {
      const [[one], [two]] = await Promise.all([first.forms(), second.forms()]);
      return [[...one, ...two.map(file => ({ ...file, values: { ...file.values } }))]];
    },
  };
}

/** What a file's header says, without comment signs: authors put their licence there. */
export function licenceOf(header) {
  return header.replace(/^[ \t]*(?:\/\/|\/\*|\*\/|\*)[ \t]?/gm, "").trim();
}
