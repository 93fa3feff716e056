// Plays hook files on planes that come as base64, and gives back the values of the result.
async ({ texts, planes, frame, output, until, floats, params, translations }) => {
  const { Device, Player, loadFile } = shadergen;
  const kept = (globalThis.kept ??= {}),
    kind = until ? `floats ${floats}` : "picture";
  const device = (kept[kind] ??= new Device(document.createElement("canvas"), { floats }));
  const key = kind + texts.join() + JSON.stringify([params, translations]);
  if (!kept[key]) {
    const files = texts.map((text, n) => loadFile(text, translations[n]));
    for (const file of files) Object.assign(file.values, params);
    kept[key] = new Player(device, files);
  }
  const { gl } = device,
    source = {};
  const layouts = { exact1: gl.RED, exact2: gl.RG, r8: gl.RED, rg8: gl.RG, rgba8: gl.RGBA };
  for (const [name, { size, format, data }] of Object.entries(planes)) {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const [type, texels] = format.startsWith("exact")
      ? [gl.FLOAT, new Float32Array(bytes.buffer)]
      : [gl.UNSIGNED_BYTE, bytes];
    source[name] = device.texture(size, format);
    gl.bindTexture(gl.TEXTURE_2D, source[name].handle);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, ...size, layouts[format], type, texels);
  }
  const prepared = await kept[key].prepare(frame, output, until);
  prepared.play(source);
  const values = device.read(prepared.result),
    bytes = new Uint8Array(values.buffer);
  let data = "";
  for (let at = 0; at < bytes.length; at += 8192) data += String.fromCharCode(...bytes.subarray(at, at + 8192));
  const result = {
    size: prepared.size,
    error: gl.getError(),
    draws: prepared.draws.length,
    bytes: prepared.bytes,
    data: btoa(data),
    isBytes: values instanceof Uint8Array,
    runs: prepared.plan.runs.map(({ number, stage, ran, reason }) => ({ number, stage, ran, reason })),
  };
  device.recycle(Object.values(source));
  prepared.release();
  return result;
};
