// The shaders that a page offers: those that it was made with, and those that the visitor drops.

import { loadFile } from "./player.js";
import { parseProgram } from "./program.js";
import { fromBase85, unpack } from "./unpack.js";

/**
 * A shader, or several in a chain: {title, about, licence, factor, halved, forms, program}. `forms()` gives the ways in
 * which it is written as hook files, each a list of loaded ones; the one to start with comes first. `program()` gives
 * what WebGPU runs, or null.
 */
export function embedded(entry) {
  let unpacked = null;
  const texts = () => (unpacked ??= unpack(fromBase85(entry.packed))),
    once = make => {
      let made = null;
      return () => (made ??= texts().then(make));
    };
  // Behind the texts of the forms come the program for WebGPU and the translations, where there are any.
  const { files: count, webgpu, translated } = entry;
  const forms = all => {
    const translations = translated ? JSON.parse(all.at(-1)) : [],
      texts = all.slice(0, all.length - Number(webgpu) - Number(translated));
    return Array.from({ length: texts.length / count }, (_, form) =>
      texts.slice(form * count, (form + 1) * count).map((text, n) => loadFile(text, translations[n])),
    );
  };
  return { ...entry, forms: once(forms), program: once(all => (webgpu ? parseProgram(all.at(-1)) : null)) };
}

/** A shader from a hook file's text. Throws HookFileError and DeviceError for what cannot be played. */
export function dropped(name, text) {
  const loaded = loadFile(text),
    licence = licenceOf(loaded.file.header);
  const stages = [...new Set(loaded.file.passes.flatMap(pass => pass.hooks))];
  const chroma = stages.every(stage => stage === "CHROMA" || stage === "CHROMA_SCALED");
  const about = `${loaded.file.passes.length} passes on ${stages.join(", ")}`;
  return { title: name, about, licence, factor: 2, halved: chroma, forms: async () => [[loaded]], program: none };
}

const none = async () => null;

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
    program: none,
  };
}

/** What a file's header says, without comment signs: authors put their licence there. */
export function licenceOf(header) {
  return header.replace(/^[ \t]*(?:\/\/|\/\*|\*\/|\*)[ \t]?/gm, "").trim();
}
