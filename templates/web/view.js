// The picture on the canvas: before and after, at any zoom, in one of several ways.

const SHADER = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D before, after;
uniform vec2 canvas, centre, pan;
uniform vec2 before_origin, after_origin, after_scale;
uniform float zoom, split;
uniform int mode;  // 0: divided at split, 1: before, 2: after, 3: difference
uniform bool square, grid;
out vec4 color;
vec4 cubic(float x) {
  vec4 n = vec4(1.0 + x, x, 1.0 - x, 2.0 - x);
  vec4 near = 1.5 * n * n * n - 2.5 * n * n + 1.0, far = -0.5 * n * n * n + 2.5 * n * n - 4.0 * n + 2.0;
  return vec4(far.x, near.y, near.z, far.w);
}
vec3 texel(sampler2D image, ivec2 at) {
  return texelFetch(image, clamp(at, ivec2(0), textureSize(image, 0) - 1), 0).rgb;
}
vec3 look(sampler2D image, vec2 at, float size) {
  if (size < 1.0) {
    float n = min(8.0, ceil(1.0 / size));
    vec3 sum = vec3(0.0);
    for (float y = 0.5; y < n; y++) for (float x = 0.5; x < n; x++) {
      sum += textureLod(image, (at + (vec2(x, y) / n - 0.5) / size) / vec2(textureSize(image, 0)), 0.0).rgb;
    }
    return sum / (n * n);
  }
  if (square) {
    bool line = grid && size >= 8.0 && min(fract(at).x, fract(at).y) * size < 1.0;
    return mix(texel(image, ivec2(floor(at))), vec3(0.5), line ? 0.6 : 0.0);
  }
  ivec2 p = ivec2(floor(at - 0.5));
  vec4 wx = cubic(fract(at.x - 0.5)), wy = cubic(fract(at.y - 0.5));
  vec3 sum = vec3(0.0);
  for (int y = 0; y < 4; y++) {
    vec3 row = vec3(0.0);
    for (int x = 0; x < 4; x++) row += wx[x] * texel(image, p + ivec2(x - 1, y - 1));
    sum += wy[y] * row;
  }
  return sum;
}
void main() {
  vec2 at = vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y);
  vec2 place = (at - centre) / zoom + pan;
  bool first = mode == 1 || (mode == 0 && at.x < split);
  vec3 old = vec3(0.0), new = vec3(0.0);
  if (first || mode == 3) old = clamp(look(before, place - before_origin, zoom), 0.0, 1.0);
  if (!first) new = clamp(look(after, (place - after_origin) * after_scale, zoom / after_scale.x), 0.0, 1.0);
  color = vec4(mode == 3 ? 4.0 * abs(new - old) : first ? old : new, 1.0);
}
`;

export class View {
  constructor(device) {
    this.device = device;
    this.program = device.program(SHADER, "view");
    this.background = [0, 0, 0];
    // Device pixels per texel of the picture, the place in the middle, the divider's share of the width.
    Object.assign(this, { zoom: 1, pan: [0, 0], split: 0.5, mode: "divider", square: false, grid: true, size: [1, 1] });
  }

  async ready() {
    await this.device.ready([this.program]);
    const { gl } = this.device;
    this.at = Object.fromEntries(
      [
        "canvas",
        "centre",
        "pan",
        "before_origin",
        "after_origin",
        "after_scale",
        "zoom",
        "split",
        "mode",
        "square",
        "grid",
      ].map(name => [name, this.program.location(name)]),
    );
    gl.useProgram(this.program.handle);
    gl.uniform1i(this.program.location("before"), 0);
    gl.uniform1i(this.program.location("after"), 1);
  }

  /** Draw the cells of a picture or frame. */
  draw(cells) {
    const { device, at, zoom, pan, mode } = this,
      { gl, canvas } = device;
    const width = gl.drawingBufferWidth,
      height = gl.drawingBufferHeight;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(this.background[0], this.background[1], this.background[2], 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.at || !canvas.width) return;
    gl.enable(gl.SCISSOR_TEST);
    gl.useProgram(this.program.handle);
    gl.uniform2f(at.canvas, width, height);
    gl.uniform2f(at.pan, pan[0], pan[1]);
    gl.uniform1f(at.zoom, zoom);
    gl.uniform1f(at.split, this.split * width);
    gl.uniform1i(at.square, this.square ? 1 : 0);
    gl.uniform1i(at.grid, this.grid ? 1 : 0);
    for (let n = 0; n < cells.length; n++) {
      if (mode === "side") {
        this.drawCell(cells[n], 1, 0, width / 2 - 1);
        this.drawCell(cells[n], 2, width / 2 + 1, width);
      } else this.drawCell(cells[n], mode === "difference" ? 3 : 0, 0, width);
    }
    gl.disable(gl.SCISSOR_TEST);
  }

  /** Draw a cell between two columns of the canvas. */
  drawCell({ kept, before, after }, mode, left, right) {
    const { at, zoom, pan } = this,
      { gl } = this.device,
      height = gl.drawingBufferHeight;
    const shown = after ?? before,
      x = (left + right) / 2,
      y = height / 2;
    const first = Math.max(left, Math.round((kept[0] - pan[0]) * zoom + x));
    const last = Math.min(right, Math.round((kept[0] + kept[2] - pan[0]) * zoom + x));
    const top = Math.max(0, Math.round((kept[1] - pan[1]) * zoom + y));
    const bottom = Math.min(height, Math.round((kept[1] + kept[3] - pan[1]) * zoom + y));
    if (last <= first || bottom <= top) return;
    gl.scissor(first, height - bottom, last - first, bottom - top);
    gl.uniform2f(at.centre, x, y);
    gl.uniform1i(at.mode, mode);
    gl.uniform2f(at.before_origin, before.origin[0], before.origin[1]);
    gl.uniform2f(at.after_origin, shown.origin[0], shown.origin[1]);
    gl.uniform2f(at.after_scale, shown.scale[0], shown.scale[1]);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, before.texture.handle);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, shown.texture.handle);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  // Where one looks ---------------------------------------------------------------------------------------------------

  /** How wide the part of the canvas is in which a picture is shown. */
  get room() {
    const { width, height } = this.device.canvas;
    return [this.mode === "side" ? width / 2 : width, height];
  }

  fit() {
    this.zoom = Math.min(...this.room.map((extent, axis) => extent / this.size[axis]));
    this.pan = this.size.map(extent => extent / 2);
  }

  /** Zoom by a factor, so that what is under a point of the canvas stays there. */
  zoomBy(factor, x = this.room[0] / 2, y = this.device.canvas.height / 2) {
    const next = Math.min(64, Math.max(0.02, this.zoom * factor)),
      centre = this.middle(x),
      shift = 1 / this.zoom - 1 / next;
    this.pan = [this.pan[0] + (x - centre[0]) * shift, this.pan[1] + (y - centre[1]) * shift];
    this.zoom = next;
  }

  move(x, y) {
    this.pan = [this.pan[0] - x / this.zoom, this.pan[1] - y / this.zoom];
  }

  /** The point of the canvas where `pan` is shown, in the part of it that has a point. */
  middle(x) {
    const [width, height] = this.room;
    return [this.mode === "side" && x > width ? 1.5 * width : width / 2, height / 2];
  }
}
