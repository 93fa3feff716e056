"""Runs a hook file on OpenGL the way libplacebo does, and reads back every texture.

The file goes through the stages of libplacebo's renderer: the planes (LUMA, CHROMA, ALPHA or RGB), CHROMA_SCALED and
ALPHA_SCALED, NATIVE, MAIN (= MAINPRESUB), PREKERNEL, POSTKERNEL, SCALED, PREOUTPUT, OUTPUT. Between the stages a few
small programs merge the planes, convert to RGB and scale; they are bilinear, in 32-bit float, without clamping. Only
the calls to `hook()` are the file's own. The parts in reading order: `resources` (the file's TEXTUREs and BUFFERs),
`program` (the GLSL of a pass), `canvas` (textures, and the programs in between), `hooks` (the file on one frame),
`playback` (the stages of one frame), and here what plays frame after frame.

Coordinates: sizes are (width, height), arrays are (channels, height, width), and texel row 0 is array row 0. A rect is
(x0, y0, x1, y1) in texels of its texture: where the frame's content lies in it.

Where the players differ, this is libplacebo (source: src/shaders/custom_mpv.c):

- An expression that fails, a size below 1 or a resized stage that must keep its size disables the file for the rest of
  the frame and drops what it did to the current stage. vo=gpu skips the pass. Here the passes that did not run say so.
- Saved textures live per file and frame; vo=gpu shares them between files.
- COMPONENTS is a note to the renderer; vo=gpu fills the channels above it with 0, 0, 1 in a fragment pass.
- Textures of TEXTURE blocks are filtered NEAREST unless they say LINEAR; vo=gpu filters LINEAR.
- BUFFER, STORAGE, the PARAM modes beyond vo=gpu's, linearize() and delinearize() exist.
- NAME_map exists in compute passes only (as in vo=gpu), NAME_rot is the identity.

Where this runner differs from libplacebo:

- Hook outputs are `storage`, nothing else; libplacebo takes rgba16f where it can and falls back to integer formats.
  The driver rounds to 16 bits: GPUs to the nearest value, Mesa's llvmpipe towards zero.
- LINEAR and SIGMOID never fire: scaling is in the picture's own light. Their passes are listed as not run.
- linearize() and delinearize() are BT.1886 for YCbCr and sRGB for RGB, whatever a file's tags would say.
- Levels are 8-bit ones unless the frame says otherwise: limited luma is 16/255..235/255, neutral chroma 128/255.
- `random` is a fixed sequence, another one than libplacebo's.
- `#extension` lines are moved to the top of the program. glslang takes them in the middle, OpenGL drivers do not.
- A name bound twice (`BIND HOOKED` and `BIND LUMA` on LUMA) is bound once; libplacebo defines its macros twice.
- A TEXTURE of one dimension is a sampler2D of height 1: NAME_tex(x) works, texture(NAME, x) does not compile.
- Integer texture formats are refused.
- Alpha is premultiplied from MAIN on, as in libplacebo, and stays so in the results.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import TracebackType

import moderngl

from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile
from shadergen.hookfile.stages import canonical
from shadergen.runtime.canvas import Canvas, CodedPlane, Size, whole
from shadergen.runtime.frame import Frame, Result
from shadergen.runtime.hooks import Hooks, LoadedFile, PassRun
from shadergen.runtime.playback import FIRED_STAGES, Playback
from shadergen.runtime.program import Storage, param_values

__all__ = ["CodedPlane", "Frame", "PassRun", "Result", "Runner", "Storage"]


class Runner:
    """A hook file on a context, ready to run frame after frame; programs are compiled when first needed.

    `params` overrides PARAM values by name. Errors begin with `where`, the file's name. `after` are files that come
    later in the player's list, by name: at every stage they get what this one made of it. With `exact`, a read at the
    centre of a texel is of that texel alone on every driver, as it is on GPUs.
    Raises ShaderRunError for a block this device or this runner cannot do.
    """

    def __init__(
        self,
        context: moderngl.Context,
        file: HookFile,
        *,
        storage: Storage = "rgba16f",
        params: Mapping[str, float] | None = None,
        where: str = "<shader>",
        after: Mapping[str, HookFile] | None = None,
        exact: bool = False,
    ) -> None:
        self.context = context
        self.file = file
        self.storage: Storage = storage
        self.where = where
        self._overrides = dict(params or {})
        param_values(file, self._overrides, where)  # before any work, so that a wrong name is found at once
        files = {where: file} | dict(after or {})
        self._loaded = [LoadedFile(context, file, storage, name, exact) for name, file in files.items()]

    def run(
        self,
        frame: Frame,
        output_size: Size,
        *,
        keep: Collection[str] = (),
        stop_after: str | None = None,
        timers: bool = False,
        progress: Callable[[PassRun], None] | None = None,
        only: Collection[str] | None = None,
        coded: Sequence[CodedPlane] = (),
    ) -> Result:
        """Play one frame at `output_size`.

        `keep` names saved textures to return. `stop_after` names the last stage to run. With `timers` each pass is
        waited for, so that its GPU time is its own. `progress` is called after every pass that came up. `only` names
        the stages to read back (None: all), `coded` planes to read of OUTPUT.
        Raises ShaderRunError for a pass that does not compile or needs a texture the device cannot make, ValueError
        for a `stop_after` or an output size that cannot be.
        """
        stop = canonical(stop_after) if stop_after else None
        if stop is not None and stop not in FIRED_STAGES:
            raise ValueError(f"found stop_after {stop_after!r}, expected one of {', '.join(FIRED_STAGES)}")
        if min(output_size) < 1:
            raise ValueError(f"found output size {output_size}, expected positive numbers")
        canvas = Canvas(self.context, self._loaded[0].programs, self.where)
        hooks = [
            Hooks(
                loaded,
                canvas,
                values=self._values(frame, loaded.file),
                source_rect=whole(frame.size),
                output_size=output_size,
                video="LUMA" in frame.planes,
                timers=timers,
                progress=progress,
            )
            for loaded in self._loaded
        ]
        playback = Playback(frame, output_size, stop, canvas, hooks)
        try:
            playback.play()
            error = self.context.error
            if error != "GL_NO_ERROR":
                raise ShaderRunError(self.where, f"found {error} from the driver, expected none")
            return playback.result(keep, only, coded)
        finally:
            canvas.release()

    def release(self) -> None:
        """Free every GL object; the runner cannot be used afterwards."""
        for loaded in self._loaded:
            loaded.release()

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _values(self, frame: Frame, file: HookFile) -> dict[str, float]:
        """The value of every PARAM of a file: those asked for, then what mpv fills in by itself, unlimited, then the
        file's own."""
        asked = self._overrides if file is self.file else {}
        automatic = frame.automatic()
        filled = {
            param.name: automatic[param.name] if param.type == "float" else float(round(automatic[param.name]))
            for param in file.params
            if param.name in automatic and param.name not in asked
        }
        return param_values(file, asked, self.where) | filled
