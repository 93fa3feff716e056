"""Runs a VapourSynth script on one frame; by an interpreter that has VapourSynth, and need have nothing of ours.

    PYTHON vapoursynth_frame.py SCRIPT.vpy IN.npz OUT.npz

IN.npz has `format`, VapourSynth's name of it such as YUV420P16, its `planes` as plane0, plane1, ... and maybe `_Matrix`
and other properties of the frame. OUT.npz gets `format` and the planes.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import vapoursynth as vs  # type: ignore[import-not-found, unused-ignore]


def main(script: str, source: str, target: str) -> None:
    frame = dict(np.load(source))
    planes = [frame[name] for name in sorted(frame) if name.startswith("plane")]
    height, width = planes[0].shape
    clip = vs.core.std.BlankClip(format=getattr(vs, str(frame["format"])), width=width, height=height, length=1)
    clip = clip.std.SetFrameProps(**{name: int(value) for name, value in frame.items() if name.startswith("_")})

    def filled(n: int, f: Any) -> Any:
        copy = f.copy()
        for number, plane in enumerate(planes):
            np.asarray(copy[number])[:] = plane
        return copy

    with open(script, encoding="utf-8") as file:
        exec(compile(file.read(), script, "exec"), {"__file__": script, "video_in": clip.std.ModifyFrame(clip, filled)})
    output = vs.get_output(0).clip
    result = output.get_frame(0)
    found: dict[str, Any] = {f"plane{number}": np.asarray(result[number]) for number in range(output.format.num_planes)}
    np.savez(target, format=output.format.name, **found)


main(*sys.argv[1:])
