// The details beside the picture: parameters, passes, the device, the licence.

import { element } from "./dom.js";

const KEYS = [
  ["O", "open a picture, a video or a shader"],
  ["C", "camera"],
  ["S", "save as PNG"],
  ["D", "the next way to compare"],
  ["+ −", "zoom"],
  ["0", "fit"],
  ["1", "one texel of the result is a pixel"],
  ["P", "square pixels"],
  ["← → ↑ ↓", "move the picture, or the divider"],
  ["Space", "play or pause"],
  ["N", "next shader"],
  ["I", "details"],
];

export function showKeys(list) {
  list.replaceChildren(
    ...KEYS.flatMap(([keys, use]) => [
      element(
        "dt",
        keys.split(" ").flatMap(key => [element("kbd", key), " "]),
      ),
      element("dd", use),
    ]),
  );
}

/** A control for every PARAM of the files; `changed(name, value)` is called with what the visitor sets. */
export function showParameters(box, files, changed) {
  // Of a translated file some are compiled in.
  const settable = ({ translated }, { mode }) => !translated || !["DEFINE", "CONSTANT"].includes(mode);
  const params = files.flatMap(loaded =>
    loaded.file.params
      .filter(param => settable(loaded, param))
      .map(param => ({ ...param, value: loaded.values[param.name] })),
  );
  box.replaceChildren(...params.map(param => control(param, changed)));
  return params.length > 0;
}

function control(param, changed) {
  const shown = element("output", String(param.value));
  const set = value => {
    shown.textContent = param.names[value] ?? String(Math.round(value * 1e4) / 1e4);
    changed(param.name, value);
  };
  const note = param.desc && param.desc !== param.name ? [element("small", param.desc)] : [];
  if (param.names.length) {
    const select = element(
      "select",
      param.names.map((name, n) => new Option(name, n, false, n === param.value)),
    );
    select.onchange = () => set(Number(select.value));
    return element("label", [param.name, select, ...note]);
  }
  const step = param.type === "float" ? "any" : "1",
    bounded = param.minimum !== null && param.maximum !== null;
  const input = element("input", [], { type: bounded ? "range" : "number", step });
  if (param.minimum !== null) input.min = param.minimum;
  if (param.maximum !== null) input.max = param.maximum;
  input.value = param.value;
  input.oninput = () =>
    Number.isFinite(input.valueAsNumber) &&
    set(param.type === "float" ? input.valueAsNumber : Math.trunc(input.valueAsNumber));
  return element("label", [param.name, bounded ? shown : input, ...(bounded ? [input] : []), ...note]);
}

/** The draws of a frame with their milliseconds, and the passes that did not run. */
export function showPasses(body, prepared, times = []) {
  const ms = value => (value === undefined ? "" : Number.isFinite(value) ? value.toFixed(2) : "–");
  const rows = prepared.draws.map((draw, n) => [draw.name, draw.size.join("×"), ms(times[n])]);
  const off = prepared.plan.runs
    .filter(run => !run.ran)
    .map(({ file, number, reason }) => [
      `${file.file.passes[number].desc || `pass ${number}`}: off, ${reason}`,
      "",
      "",
    ]);
  body.replaceChildren(
    ...[...rows, ...off].map(cells =>
      element(
        "tr",
        cells.map(text => element("td", text)),
      ),
    ),
  );
}
