// The controls of a video.

import { $ } from "./dom.js";

/** How often numbers change, in milliseconds: faster than one can read. */
const PACE = 250;
let told = 0;

/** Show the controls of a clip, or none. */
export function showTransport(clip) {
  $("transport").hidden = !clip;
  if (clip) $("seek").hidden = $("play").hidden = clip.live;
}

/** What changes with every frame of a clip. */
export function showFrame(clip) {
  const now = performance.now();
  if (now - told < PACE) return;
  told = now;
  if (clip.element.duration) $("seek").value = clip.element.currentTime / clip.element.duration;
  $("rate").textContent = `${clip.rate.toFixed(0)} fps, ${clip.dropped} dropped`;
}

export function showPlaying() {
  const { paused } = $("video");
  $("play").textContent = paused ? "▶" : "❚❚";
  $("play").setAttribute("aria-label", paused ? "Play" : "Pause");
}

export function togglePlay() {
  const video = $("video");
  if (video.paused) video.play();
  else video.pause();
  showPlaying();
}

export function seek(share) {
  $("video").currentTime = share * $("video").duration;
}
