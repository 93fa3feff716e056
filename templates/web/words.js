// What the page says in words and numbers.

import { $, element } from "./dom.js";

const FACTORS = [1, 1.5, 2, 3, 4, 6, 8];

export function say(text) {
  $("message").textContent = text;
  $("message").className = "";
}

export function fail(text) {
  say(text.replace(/\s+/g, " "));
  $("message").className = "error";
}

/** The shaders that can be chosen, and what is known of the one that is. */
export function showCatalogue(catalogue, chosen) {
  $("shader").replaceChildren(...catalogue.map((entry, n) => new Option(entry.title, n, false, entry === chosen)));
  $("choose").hidden = catalogue.length < 2;
  if (chosen) showShader(chosen);
}

export function showShader(entry) {
  $("about").textContent = entry.about;
  $("licence").textContent = entry.licence || "The file states none.";
  $("after").textContent = entry.title;
  const factors = [...new Set([...FACTORS, entry.factor])].sort((a, b) => a - b);
  $("factor").replaceChildren(
    ...factors.map(factor => new Option(`${factor}×`, factor, false, factor === entry.factor)),
  );
}

/** What became of the picture, or a clip's frame. */
export function showFacts(media, prepared, ms) {
  const [width, height] = media.size,
    result = media.size.map((extent, axis) => Math.round(extent * media.scale[axis]));
  $("facts").textContent =
    `${width}×${height} → ${result.join("×")}, ${prepared.draws.length} draws, ${Math.round(ms)} ms`;
}

/** What the page runs on. */
export function showDevice({ renderer, isSoftware }) {
  const software = isSoftware ? " It draws without a GPU, so it is slow: small pictures only." : "";
  $("device").textContent = `${renderer}.${software}`;
}

export function showSelftest(found) {
  const text = JSON.stringify(found, null, 1);
  $("panel").prepend(element("section", [element("h2", "Test"), element("pre", text, { id: "selftest" })]));
}

/** Show the pictures that were made beforehand, for browsers that cannot run the shader. */
export function showFallback(problem, pictures) {
  const images = pictures.map(({ url, name }) => element("img", [], { src: url, alt: name }));
  if (images.length) $("stage").prepend(element("figure", images, { className: "fallback" }));
  for (const id of ["divider", "before", "after", "canvas"]) $(id).hidden = true;
  for (const id of ["open", "camera", "save", "time"]) $(id).disabled = true;
  fail(`${problem}${images.length ? ". Below is a picture before and after" : ""}`);
}

/** What a frame takes, and how the forms of a shader did against each other. */
export function showTiming(ms, bytes, { form, times }) {
  const raced = Object.entries(times ?? {}).map(
    ([name, time]) => `${name} ${time < Infinity ? `${time.toFixed(2)} ms` : "cannot"}`,
  );
  const which = raced.length ? ` A frame by the clock: ${raced.join(", ")}. ${form} won.` : "";
  $("timing").textContent = `${ms.toFixed(2)} ms in all, ${(bytes / 1e6).toFixed(0)} MB of textures.${which}`;
}
