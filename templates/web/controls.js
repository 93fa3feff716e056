// What the visitor does: buttons, keys, files that are dropped or pasted.

import { $ } from "./dom.js";
import { attachStage } from "./stage.js";
import { seek } from "./transport.js";

const MODES = ["divider", "side", "difference"];

/** Connect the page's controls. */
export function connect(page) {
  const { display } = page;
  connectFiles(page);
  connectCanvas(page);
  $("save").onclick = () => page.save();
  $("details").onclick = () => toggleDetails();
  $("time").onclick = () => page.timePasses();
  $("shader").onchange = event => page.select(Number(event.target.value));
  $("factor").onchange = () => page.attempt(wanted => page.play(wanted));
  $("square").onchange = () => display.square($("square").checked);
  $("modes").onchange = event => display.compareBy(event.target.value);
  $("in").onclick = () => display.change(view => view.zoomBy(1.25));
  $("out").onclick = () => display.change(view => view.zoomBy(0.8));
  $("fit").onclick = () => display.fit();
  $("one").onclick = () => display.one();
  $("play").onclick = () => page.togglePlay();
  $("seek").oninput = event => seek(Number(event.target.value));
  attachStage({ stage: $("stage"), divider: $("divider") }, act => display.change(act));
  new ResizeObserver(() => display.view && display.resize()).observe($("stage"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => display.draw());
  addEventListener("keydown", event => key(page, event));
}

/** Ways to open files. */
function connectFiles(page) {
  const files = list => list.length && page.open([...list]);
  $("open").onclick = () => $("file").click();
  $("file").onchange = event => {
    files(event.target.files);
    event.target.value = "";
  };
  $("camera").onclick = () => page.camera();
  addEventListener("paste", event => files(event.clipboardData.files));
  addEventListener("dragover", event => {
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", event => {
    if (!event.relatedTarget) $("drop").hidden = true;
  });
  addEventListener("drop", event => {
    event.preventDefault();
    $("drop").hidden = true;
    files(event.dataTransfer.files);
  });
}

function connectCanvas(page) {
  $("canvas").addEventListener("webglcontextlost", event => {
    event.preventDefault();
    page.lose();
  });
  $("canvas").addEventListener("webglcontextrestored", () => page.restore());
}

/** Show the details beside the picture, or hide them. */
export function toggleDetails() {
  const panel = $("panel");
  panel.hidden = !panel.hidden;
  $("details").setAttribute("aria-expanded", String(!panel.hidden));
}

function key(page, event) {
  const { display } = page;
  if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.target.tagName === "INPUT" && !/^(checkbox|radio|file)$/.test(event.target.type)) return;
  if (event.key === " " && /^(BUTTON|INPUT)$/.test(event.target.tagName)) return;
  const press = id => () => $(id).click();
  const keys = {
    o: press("open"),
    c: press("camera"),
    s: press("save"),
    i: press("details"),
    p: press("square"),
    "+": press("in"),
    "=": press("in"),
    "-": press("out"),
    0: press("fit"),
    1: press("one"),
    " ": () => page.togglePlay(),
    n: () => page.select((page.catalogue.indexOf(page.entry) + 1) % page.catalogue.length),
    d: () => display.compareBy(MODES[(MODES.indexOf(display.view.mode) + 1) % MODES.length]),
  };
  const use = keys[event.key.toLowerCase()];
  if (!use || !display.view) return;
  event.preventDefault();
  use();
}
