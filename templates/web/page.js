// The page: what is shown, and what the visitor does with it.

import { chained, dropped, embedded } from "./catalogue.js";
import { Clip, openVideo } from "./clip.js";
import { Device, DeviceError } from "./device.js";
import { Engine } from "./engine.js";
import { element, showKeys, showParameters, showPasses } from "./panel.js";
import { Picture } from "./picture.js";
import { bicubic, pixels, psnr } from "./quality.js";
import { selftest } from "./selftest.js";
import { decodePicture } from "./sources.js";
import { attachStage } from "./stage.js";
import { fromBase64 } from "./unpack.js";
import { View } from "./view.js";

const FACTORS = [1, 1.5, 2, 3, 4, 6, 8];
const MODES = ["divider", "side", "difference"];
const $ = id => document.getElementById(id);

export class Page {
  constructor(data) {
    Object.assign(this, {
      data,
      engine: null,
      media: null,
      turn: 0,
      task: Promise.resolve(),
      side: 512,
      drawn: false,
      fitted: true,
    });
    this.catalogue = data.shaders.map(embedded);
    this.entry = this.catalogue[0] ?? null;
  }

  async start() {
    this.connect();
    showKeys($("keys"));
    this.list();
    try {
      await this.attach();
    } catch (error) {
      this.fallBack(error.message);
      return;
    }
    if (location.hash === "#selftest") await this.test();
    await this.attempt(async wanted => {
      const { sample } = this.data;
      if (sample) await this.openPicture(new Blob([fromBase64(sample.data)], { type: sample.type }), sample.name);
      await this.choose(wanted);
      if (!this.entry) this.say("Drop an mpv shader (.glsl) here, then a picture or a video.");
    });
  }

  /** Make the device, and what is bound to it; again after the GPU was lost. */
  async attach() {
    this.device = new Device($("canvas"));
    const before = this.view;
    this.view = new View(this.device);
    if (before) {
      const { zoom, pan, split, mode, square, size } = before;
      Object.assign(this.view, { zoom, pan, split, mode, square, size });
    }
    await this.view.ready();
    const software = this.device.isSoftware ? " It draws without a GPU, so it is slow: small pictures only." : "";
    $("device").textContent = `${this.device.renderer}.${software}`;
    this.resize();
  }

  /** Test the shaders on this device, and leave the results in the page. */
  async test() {
    const found = await selftest(this.catalogue).catch(error => ({ passed: false, problem: error.message }));
    const text = JSON.stringify({ renderer: this.device.renderer, ...found }, null, 1);
    $("panel").prepend(element("section", [element("h2", "Test"), element("pre", text, { id: "selftest" })]));
    this.toggleDetails();
  }

  /** Show the picture that was made beforehand, for browsers that cannot run the shader. */
  fallBack(problem) {
    const { fallback } = this.data,
      images = (fallback ?? []).map(({ url, name }) => element("img", [], { src: url, alt: name }));
    const figure = element("figure", images, { className: "fallback" });
    if (images.length) $("stage").prepend(figure);
    for (const id of ["divider", "before", "after", "canvas"]) $(id).hidden = true;
    for (const id of ["open", "camera", "save", "time"]) $(id).disabled = true;
    this.fail(`${problem}${images.length ? ". Below is a picture before and after" : ""}`);
  }

  // Work --------------------------------------------------------------------------------------------------------------

  /**
   * Do some work after that which is being done, which is told to end. `work` is given a function that says whether it
   * is still wanted. What goes wrong is told in one line.
   */
  attempt(work) {
    const turn = ++this.turn,
      wanted = () => turn === this.turn;
    this.task = this.task.then(async () => {
      if (!wanted()) return;
      try {
        await work(wanted);
      } catch (error) {
        if (wanted()) this.fail(error.message || String(error));
      }
    });
    return this.task;
  }

  /** Load the chosen shader and play what is open. */
  async choose(wanted) {
    this.engine?.release();
    this.engine = null;
    if (!this.entry) return;
    this.describe();
    try {
      this.engine = await Engine.start(this.device, this.entry);
      $("parameters").hidden = !showParameters($("sliders"), this.engine.files[0], (name, value) => {
        this.engine.set(name, value);
        this.attempt(again => this.play(again));
      });
      await this.play(wanted);
    } catch (error) {
      throw this.named(error);
    }
  }

  /** An error of a shader, with the shader's name. */
  named(error) {
    return /^line \d/.test(error.message) ? new Error(`${this.entry.title}: ${error.message}`) : error;
  }

  get factor() {
    return Number($("factor").value);
  }

  /** Play what is open with the shader that is chosen. */
  async play(wanted) {
    const { engine, media, factor } = this;
    if (!engine || !media) return;
    const start = performance.now();
    if (media instanceof Clip) {
      await media.prepare(engine.player, engine.settings, factor);
      this.draw();
      this.done(media.prepared, start);
    } else {
      const shown = () => this.draw();
      const prepared = await media.play(engine.player, engine.settings, factor, { side: this.side, shown, wanted });
      if (!prepared || !wanted()) return;
      this.draw();
      await this.device.idle();
      this.done(prepared, start);
    }
    this.improve(wanted);
  }

  /** Tell what was done. */
  done(prepared, start) {
    this.prepared = prepared;
    const off = prepared.plan.runs.filter(run => !run.ran);
    showPasses($("passes").tBodies[0], prepared);
    const [width, height] = this.media.size,
      result = this.media.size.map((extent, axis) => Math.round(extent * this.media.scale[axis]));
    const ms = Math.round(performance.now() - start);
    $("facts").textContent = `${width}×${height} → ${result.join("×")}, ${prepared.draws.length} draws, ${ms} ms`;
    this.firstPicture ??= performance.now();
    if (off.length === prepared.plan.runs.length)
      this.say(`No pass of the shader ran: ${off[0]?.reason ?? "it has none"}.`);
    else this.say("");
  }

  /** Take the faster form of the shader, once it is compiled. */
  async improve(wanted) {
    const { engine, media } = this,
      size = media.size.map(extent => Math.min(extent, this.side));
    if (engine.forms.length || !(await engine.improve(size, this.factor, wanted))) return;
    if (wanted() && engine === this.engine) this.attempt(again => this.play(again));
  }

  // Media -------------------------------------------------------------------------------------------------------------

  /** Open files: shaders go into the catalogue, of pictures and videos the last is shown. */
  open(files) {
    return this.attempt(async wanted => {
      const shaders = files.filter(file => /\.(glsl|hook)$/i.test(file.name)),
        media = files.filter(file => !shaders.includes(file));
      for (const file of shaders) {
        try {
          this.catalogue.push(dropped(file.name, await file.text()));
        } catch (error) {
          throw new Error(`${file.name}: ${error.message}`);
        }
      }
      if (shaders.length) {
        this.entry = shaders.length > 1 ? this.catalogue.slice(-shaders.length).reduce(chained) : this.catalogue.at(-1);
        if (shaders.length > 1) this.catalogue.push(this.entry);
        this.list();
      }
      let isNew = false;
      for (const file of media) {
        if (file.type.startsWith("video/")) await this.openVideo(file, file.name);
        else if (await this.tookAsTruth(file)) continue;
        else await this.openPicture(file, file.name);
        isNew = true;
      }
      if (shaders.length) await this.choose(wanted);
      else if (isNew) await this.play(wanted);
    });
  }

  async openPicture(blob, name) {
    const bitmap = await decodePicture(blob, name);
    const picture = new Picture(this.device, bitmap, name);
    picture.check(this.factor || 1);
    this.show(picture);
  }

  async openVideo(source, name, live = false) {
    if (this.device.isSoftware) throw new DeviceError(`${name}: found no GPU, expected one for video; pictures work`);
    // The element is one, so what it shows now ends first.
    if (this.media instanceof Clip) this.close();
    const clip = new Clip(this.device, await openVideo($("video"), source, name), name, live);
    this.show(clip);
    $("seek").hidden = $("play").hidden = live;
    clip.run(async () => {
      if (document.hidden || this.media !== clip || !this.engine) return;
      await clip.play();
      this.view.draw(clip.cells);
      this.tell(clip);
    });
    await $("video").play();
    this.showPlaying();
  }

  /** Show nothing. */
  close() {
    this.media?.release();
    this.media = null;
    $("transport").hidden = true;
    this.draw();
  }

  camera() {
    return this.attempt(async wanted => {
      if (!navigator.mediaDevices)
        throw new Error("camera: found none that this page may use; open it from https or as a file");
      const stream = await navigator.mediaDevices.getUserMedia({ video: true }).catch(error => {
        throw new Error(`camera: ${error.message}`);
      });
      await this.openVideo(stream, "camera", true);
      await this.play(wanted);
    });
  }

  show(media) {
    this.media?.release();
    this.device.trim();
    this.media = media;
    this.view.size = media.size;
    this.fit();
    $("transport").hidden = !(media instanceof Clip);
    $("canvas").setAttribute("aria-label", `${media.name}, before and after`);
  }

  /** Whether a picture has the size of the result, and so was taken as what it should be. */
  async tookAsTruth(file) {
    const { media } = this;
    if (!(media instanceof Picture) || !media.cells.length || media.scale[0] === 1) return false;
    const bitmap = await decodePicture(file, file.name),
      result = media.size.map((extent, n) => Math.round(extent * media.scale[n]));
    const fits = bitmap.width === result[0] && bitmap.height === result[1];
    if (fits) this.compare(bitmap, file.name);
    bitmap.close();
    return fits;
  }

  /** Tell how close the result is to the truth. */
  compare(bitmap, name) {
    const result = this.media.read(),
      truth = pixels(bitmap);
    const enlarged = bicubic(pixels(this.media.bitmap), this.media.size, result.size);
    const [ours, theirs] = [result.bytes, enlarged].map(bytes => psnr(bytes, truth).toFixed(2));
    this.quality = { shader: Number(ours), bicubic: Number(theirs) };
    this.say(`Against ${name}: PSNR of luma ${ours} dB, bicubic ${theirs} dB.`);
  }

  save() {
    return this.attempt(async () => {
      const result = this.media instanceof Picture ? this.media.read() : this.frame();
      if (!result) throw new Error("found no whole result yet, expected one; wait until it is drawn");
      const canvas = new OffscreenCanvas(...result.size);
      canvas.getContext("2d").putImageData(new ImageData(result.bytes, ...result.size), 0, 0);
      const url = URL.createObjectURL(await canvas.convertToBlob());
      const stem = (this.media.name ?? "picture").replace(/\.\w+$/, "");
      const name = `${stem}_${this.entry.title.replace(/\W+/g, "_")}.png`;
      element("a", [], { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      this.saved = name;
    });
  }

  /** The frame of a clip as bytes. */
  frame() {
    const { prepared } = this.media,
      bytes = new Uint8ClampedArray(this.device.read(prepared.result));
    for (let at = 3; at < bytes.length; at += 4) bytes[at] = 255;
    return { bytes, size: prepared.size };
  }

  // What is shown -----------------------------------------------------------------------------------------------------

  say(text) {
    $("message").textContent = text;
    $("message").className = "";
  }

  fail(text) {
    this.say(text.replace(/\s+/g, " "));
    $("message").className = "error";
  }

  list() {
    $("shader").replaceChildren(
      ...this.catalogue.map((entry, n) => new Option(entry.title, n, false, entry === this.entry)),
    );
    $("choose").hidden = this.catalogue.length < 2;
    this.describe();
  }

  describe() {
    const { entry } = this;
    if (!entry) return;
    $("about").textContent = entry.about;
    $("licence").textContent = entry.licence || "The file states none.";
    $("after").textContent = entry.title;
    const factors = [...new Set([...FACTORS, entry.factor])].sort((a, b) => a - b);
    $("factor").replaceChildren(
      ...factors.map(factor => new Option(`${factor}×`, factor, false, factor === entry.factor)),
    );
  }

  /** What changes with every frame of a clip. */
  tell(clip) {
    const now = performance.now();
    if (now - (this.told ?? 0) < 250) return;
    this.told = now;
    if (clip.element.duration) $("seek").value = clip.element.currentTime / clip.element.duration;
    $("rate").textContent = `${clip.rate.toFixed(0)} fps, ${clip.dropped} dropped`;
  }

  /** Draw, once before the browser shows the next picture. */
  draw() {
    if (this.drawn) return;
    this.drawn = true;
    requestAnimationFrame(() => {
      this.drawn = false;
      if (this.device.gl.isContextLost()) return;
      const colour = getComputedStyle($("stage")).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0];
      this.view.background = colour.slice(0, 3).map(value => Number(value) / 255);
      this.view.draw(this.media?.cells ?? []);
      this.place();
    });
  }

  /** Put the divider and the numbers where the view is. */
  place() {
    const { split, mode, zoom } = this.view,
      share = Math.round(100 * split);
    $("divider").hidden = mode !== "divider";
    $("divider").style.left = `${100 * split}%`;
    $("divider").setAttribute("aria-valuenow", share);
    $("divider").setAttribute("aria-valuetext", `${share} percent from the left`);
    $("before").hidden = mode === "difference";
    $("before").textContent = this.view.square ? "Original" : "Bicubic";
    const scale = this.media?.scale?.[0] ?? 1;
    $("zoom").textContent = `${Math.round((100 * zoom) / scale)} %`;
    $("zoom").title = "of the result's size";
  }

  resize() {
    const canvas = $("canvas"),
      ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map(extent =>
      Math.max(1, Math.round(extent * ratio)),
    );
    if (canvas.width === width && canvas.height === height) return;
    Object.assign(canvas, { width, height });
    if (this.fitted) this.view.fit();
    this.draw();
  }

  // The visitor -------------------------------------------------------------------------------------------------------

  connect() {
    const files = list => list.length && this.open([...list]);
    $("open").onclick = () => $("file").click();
    $("file").onchange = event => {
      files(event.target.files);
      event.target.value = "";
    };
    $("camera").onclick = () => this.camera();
    $("save").onclick = () => this.save();
    $("details").onclick = () => this.toggleDetails();
    $("time").onclick = () => this.timePasses();
    $("shader").onchange = event => this.select(Number(event.target.value));
    $("factor").onchange = () => this.attempt(wanted => this.play(wanted));
    $("square").onchange = () =>
      this.change(view => {
        view.square = $("square").checked;
      });
    $("modes").onchange = event => this.compareBy(event.target.value);
    $("in").onclick = () => this.change(view => view.zoomBy(1.25));
    $("out").onclick = () => this.change(view => view.zoomBy(0.8));
    $("fit").onclick = () => this.fit();
    $("one").onclick = () =>
      this.change(view => {
        view.zoom = this.media?.scale?.[0] ?? 1;
      });
    $("play").onclick = () => this.togglePlay();
    $("seek").oninput = event => {
      $("video").currentTime = Number(event.target.value) * $("video").duration;
    };
    attachStage({ stage: $("stage"), divider: $("divider") }, act => this.change(act));
    new ResizeObserver(() => this.view && this.resize()).observe($("stage"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.view && this.draw());
    addEventListener("keydown", event => this.key(event));
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
    $("canvas").addEventListener("webglcontextlost", event => {
      event.preventDefault();
      this.lose();
    });
    $("canvas").addEventListener("webglcontextrestored", () => this.restore());
  }

  key(event) {
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
      " ": () => this.togglePlay(),
      n: () => this.select((this.catalogue.indexOf(this.entry) + 1) % this.catalogue.length),
      d: () => this.compareBy(MODES[(MODES.indexOf(this.view.mode) + 1) % MODES.length]),
    };
    const use = keys[event.key.toLowerCase()];
    if (!use || !this.view) return;
    event.preventDefault();
    use();
  }

  /** Change the view, if there is one by now. */
  change(act) {
    if (!this.view) return;
    act(this.view);
    this.fitted = false;
    this.draw();
  }

  fit() {
    this.view.fit();
    this.fitted = true;
    this.draw();
  }

  compareBy(mode) {
    this.view.mode = mode;
    document.querySelector(`[name="mode"][value="${mode}"]`).checked = true;
    if (this.fitted) this.view.fit();
    this.draw();
  }

  select(number) {
    const entry = this.catalogue[number];
    if (!entry || entry === this.entry) return;
    this.entry = entry;
    $("shader").value = number;
    this.attempt(wanted => this.choose(wanted));
  }

  toggleDetails() {
    const panel = $("panel");
    panel.hidden = !panel.hidden;
    $("details").setAttribute("aria-expanded", String(!panel.hidden));
  }

  togglePlay() {
    const video = $("video");
    if (!(this.media instanceof Clip)) return;
    if (video.paused) video.play();
    else video.pause();
    this.showPlaying();
  }

  showPlaying() {
    const video = $("video");
    $("play").textContent = video.paused ? "▶" : "❚❚";
    $("play").setAttribute("aria-label", video.paused ? "Play" : "Pause");
  }

  timePasses() {
    return this.attempt(async () => {
      const { prepared } = this,
        source = this.media.source ?? this.media.uploads?.textures;
      if (!prepared?.draws.length || !source)
        throw new Error("found a picture in parts, expected a smaller one to time");
      const times = await prepared.time(source),
        sum = times.reduce((total, ms) => total + ms, 0);
      showPasses($("passes").tBodies[0], prepared, times);
      const { forms, form } = this.engine,
        [texture, code] = forms.map(ms => ms.toFixed(2));
      const which = forms.length
        ? ` Weights in textures take ${texture} ms, in the code ${code} ms; ${form ? "the code" : "textures"} won.`
        : "";
      $("timing").textContent =
        `${sum.toFixed(2)} ms in all, ${(prepared.bytes / 1e6).toFixed(0)} MB of textures.${which}`;
    });
  }

  // The GPU -----------------------------------------------------------------------------------------------------------

  lose() {
    this.turn++;
    this.say("The GPU was lost; waiting until it comes back…");
  }

  restore() {
    return this.attempt(async wanted => {
      const { media } = this;
      await this.attach();
      this.engine = null;
      if (media instanceof Picture) this.media = new Picture(this.device, media.bitmap, media.name);
      else media?.attach(this.device);
      await this.choose(wanted);
    });
  }
}
