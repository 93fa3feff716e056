// The page: which shader plays what, on which device.

import { chained, dropped, embedded } from "./catalogue.js";
import { Clip } from "./clip.js";
import { connect, toggleDetails } from "./controls.js";
import { Device } from "./device.js";
import { Display } from "./display.js";
import { $ } from "./dom.js";
import { Engine } from "./engine.js";
import { openGpu } from "./gpu.js";
import { Media } from "./media.js";
import { showKeys, showParameters, showPasses } from "./panel.js";
import { compared, save } from "./saving.js";
import { selftest } from "./selftest.js";
import { togglePlay } from "./transport.js";
import { fromBase64 } from "./unpack.js";
import * as words from "./words.js";
import { Work } from "./work.js";

export class Page {
  constructor(data) {
    Object.assign(this, { data, engine: null, gpu: null, side: 512 });
    this.work = new Work(words.fail);
    this.display = new Display(() => this.media);
    this.opened = new Media(this.display, clip => this.playFrame(clip));
    this.catalogue = data.shaders.map(embedded);
    this.entry = this.catalogue[0] ?? null;
  }

  async start() {
    connect(this);
    showKeys($("keys"));
    words.showCatalogue(this.catalogue, this.entry);
    try {
      await this.attach();
    } catch (error) {
      words.showFallback(error.message, this.data.fallback ?? []);
      return;
    }
    if (location.hash === "#selftest") await this.test();
    await this.attempt(async wanted => {
      const { sample } = this.data;
      if (sample) await this.openPicture(new Blob([fromBase64(sample.data)], { type: sample.type }), sample.name);
      await this.choose(wanted);
      if (!this.entry) words.say("Drop an mpv shader (.glsl) here, then a picture or a video.");
    });
  }

  /** Make the device, and what is bound to it; again after the GPU was lost. */
  async attach() {
    this.device = new Device($("canvas"));
    this.opened.attach(this.device);
    await this.display.attach(this.device);
    words.showDevice(this.device);
  }

  /** Test the shaders on this device, and leave the results in the page. */
  async test() {
    const gpu = await this.webgpu({ software: true });
    const found = await selftest(this.catalogue, gpu).catch(error => ({ passed: false, problem: error.message }));
    words.showSelftest({ renderer: this.device.renderer, webgpu: gpu?.name ?? null, ...found });
    toggleDetails();
  }

  attempt(work) {
    return this.work.attempt(work);
  }

  get task() {
    return this.work.task;
  }

  get media() {
    return this.opened.current;
  }

  get view() {
    return this.display.view;
  }

  get factor() {
    return Number($("factor").value) || 1;
  }

  // Playing -----------------------------------------------------------------------------------------------------------

  /** Load the chosen shader and play what is open. */
  async choose(wanted) {
    this.engine?.release();
    this.engine = null;
    if (!this.entry) return;
    words.showShader(this.entry);
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

  /** Play what is open with the shader that is chosen. */
  async play(wanted) {
    const { engine, media, factor } = this;
    if (!engine || !media) return;
    const start = performance.now();
    if (media instanceof Clip) {
      await media.prepare(engine.player, engine.settings, factor);
      this.display.draw();
      this.done(media.prepared, start);
    } else {
      const shown = () => this.display.draw();
      const prepared = await media.play(engine.player, engine.settings, factor, { side: this.side, shown, wanted });
      if (!prepared || !wanted()) return;
      this.display.draw();
      await this.device.idle();
      this.done(prepared, start);
    }
    this.improve(wanted);
  }

  /** Play the frame of a clip. Returns whether there is a shader for it. */
  async playFrame(clip) {
    if (!this.engine) return false;
    await clip.play();
    return true;
  }

  /** Tell what was done. */
  done(prepared, start) {
    this.prepared = prepared;
    showPasses($("passes").tBodies[0], prepared);
    words.showFacts(this.media, prepared, performance.now() - start);
    this.firstPicture ??= performance.now();
    const off = prepared.plan.runs.filter(run => !run.ran);
    if (off.length === prepared.plan.runs.length)
      words.say(`No pass of the shader ran: ${off[0]?.reason ?? "it has none"}.`);
    else words.say("");
  }

  /** Take the faster form of the shader, once it is compiled. */
  async improve(wanted) {
    const { engine, media } = this,
      size = media.size.map(extent => Math.min(extent, this.side));
    if (!(await engine.improve(size, this.factor, wanted, () => this.webgpu()))) return;
    if (wanted() && engine === this.engine) this.attempt(again => this.play(again));
  }

  // What is open ------------------------------------------------------------------------------------------------------

  /** Open files: shaders go into the catalogue, of pictures and videos the last is shown. */
  open(files) {
    return this.attempt(async wanted => {
      const shaders = files.filter(file => /\.(glsl|hook)$/i.test(file.name)),
        media = files.filter(file => !shaders.includes(file));
      if (shaders.length) await this.openShaders(shaders);
      let isNew = false;
      for (const file of media) isNew = (await this.openMedia(file)) || isNew;
      if (shaders.length) await this.choose(wanted);
      else if (isNew) await this.play(wanted);
    });
  }

  /** Several shaders are a chain. */
  async openShaders(files) {
    for (const file of files) {
      try {
        this.catalogue.push(dropped(file.name, await file.text()));
      } catch (error) {
        throw new Error(`${file.name}: ${error.message}`);
      }
    }
    this.entry = files.length > 1 ? this.catalogue.slice(-files.length).reduce(chained) : this.catalogue.at(-1);
    if (files.length > 1) this.catalogue.push(this.entry);
    words.showCatalogue(this.catalogue, this.entry);
  }

  /** Open a picture or a video. Returns whether there is another to play: a picture may be the truth about the last. */
  async openMedia(file) {
    if (file.type.startsWith("video/")) {
      await this.opened.openVideo(file, file.name);
      return true;
    }
    const truth = await this.opened.truth(file);
    if (truth) this.compare(truth, file.name);
    else await this.openPicture(file, file.name);
    return !truth;
  }

  openPicture(blob, name) {
    return this.opened.openPicture(blob, name, this.factor);
  }

  camera() {
    return this.attempt(async wanted => {
      await this.opened.openCamera();
      await this.play(wanted);
    });
  }

  togglePlay() {
    if (this.media instanceof Clip) togglePlay();
  }

  // The result --------------------------------------------------------------------------------------------------------

  /** Tell how close the result is to the truth. */
  compare(bitmap, name) {
    this.quality = compared(this.media, bitmap);
    bitmap.close();
    const { shader, bicubic } = this.quality;
    words.say(`Against ${name}: PSNR of luma ${shader.toFixed(2)} dB, bicubic ${bicubic.toFixed(2)} dB.`);
  }

  save() {
    return this.attempt(async () => {
      const result = this.media?.read();
      if (!result) throw new Error("found no whole result yet, expected one; wait until it is drawn");
      this.saved = await save(result, this.media.name ?? "picture", this.entry.title);
    });
  }

  select(number) {
    const entry = this.catalogue[number];
    if (!entry || entry === this.entry) return;
    this.entry = entry;
    $("shader").value = number;
    this.attempt(wanted => this.choose(wanted));
  }

  timePasses() {
    return this.attempt(async () => {
      const { prepared } = this,
        source = this.media.source ?? this.media.uploads?.textures;
      if (!prepared?.draws.length || !source)
        throw new Error("found a picture in parts, expected a smaller one to time");
      const times = await prepared.time(source);
      showPasses($("passes").tBodies[0], prepared, times);
      words.showTiming(
        times.reduce((total, ms) => total + ms, 0),
        prepared.bytes,
        this.engine,
      );
    });
  }

  // The GPU -----------------------------------------------------------------------------------------------------------

  /** WebGPU's device, or null; asked for when the first picture is there. */
  webgpu(options) {
    return (this.gpu ??= openGpu(() => this.loseWebGpu(), options).catch(() => null));
  }

  /** WebGL goes on alone. */
  loseWebGpu() {
    this.gpu = Promise.resolve(null);
    if (this.engine?.onWebGpu) this.attempt(wanted => this.choose(wanted));
  }

  lose() {
    this.work.end();
    words.say("The GPU was lost; waiting until it comes back…");
  }

  restore() {
    return this.attempt(async wanted => {
      await this.attach();
      this.engine = null;
      await this.choose(wanted);
    });
  }
}
