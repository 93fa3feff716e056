// Pictures and frames as textures.

/** How a picture is decoded: its own numbers, without colour management; what is transparent lies over black. */
export const OPTIONS = { colorSpaceConversion: "none", premultiplyAlpha: "premultiply" };

/** Decode a picture from a file. Throws an Error that says so in one line. */
export async function decodePicture(blob, name = "the picture") {
  try {
    return await createImageBitmap(blob, OPTIONS);
  } catch {
    throw new Error(`${name}: found no picture that this browser can decode, expected PNG, JPEG, WebP, AVIF or GIF`);
  }
}

/**
 * Textures for what the page uploads: made when a size is new, then written again and again. `content` of a texture is
 * what was uploaded, {image} or {bytes}, for those who cannot read WebGL's.
 */
export class Uploads {
  constructor(device) {
    this.device = device;
    this.textures = {};
  }

  /** Put a bitmap, canvas or video of a size into the texture called "picture". */
  picture(image, size) {
    const { gl } = this.device,
      texture = this.texture("picture", size, "rgba8");
    gl.bindTexture(gl.TEXTURE_2D, texture.handle);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, image);
    texture.content = { image };
    return this.textures;
  }

  /** Put bytes into the texture of this name; `format` is r8, rg8 or rgba8, `stride` the texels from row to row. */
  bytes(name, data, size, format, stride = size[0]) {
    const { gl } = this.device,
      texture = this.texture(name, size, format);
    const layout = { r8: gl.RED, rg8: gl.RG, rgba8: gl.RGBA }[format];
    gl.bindTexture(gl.TEXTURE_2D, texture.handle);
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, stride);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, size[0], size[1], layout, gl.UNSIGNED_BYTE, data);
    texture.content = { bytes: data };
    gl.pixelStorei(gl.UNPACK_ROW_LENGTH, 0);
    return this.textures;
  }

  texture(name, size, format) {
    const now = this.textures[name];
    if (now && now.format === format && String(now.size) === String(size)) return now;
    this.recycle(now ? [now] : []);
    return (this.textures[name] = this.device.texture(size, format));
  }

  recycle(textures) {
    for (const texture of textures) texture.content = null;
    this.device.recycle(textures);
  }

  release() {
    this.recycle(Object.values(this.textures));
    this.textures = {};
  }
}
