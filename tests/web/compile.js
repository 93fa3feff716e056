// Reads a hook file and compiles its passes, or what they were translated to; gives what became of it.
async (text, translations) => {
  const { Device, Player, loadFile } = shadergen;
  const device = (globalThis.compiler ??= new Device(document.createElement("canvas")));
  try {
    const player = new Player(device, [loadFile(text, translations)]);
    const frame = { size: [64, 48], matrix: "bt709", fullRange: true, rounded: false, halved: true, siting: [0, 0] };
    const prepared = await player.prepare({ ...frame, planes: null }, [128, 96]);
    prepared.release();
    player.release();
    return { draws: prepared.plan.draws.length };
  } catch (error) {
    return { problem: error.message };
  } finally {
    for (const program of device.programs.values()) device.gl.deleteProgram(program.handle);
    device.programs.clear();
  }
};
