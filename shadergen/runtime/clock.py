"""How long the device works on something."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import moderngl

ClockName = Literal["query", "wall"]
"""What measured a time: the device's own timer, or the wall clock between two waits for the device."""

_SOFTWARE = ("llvmpipe", "softpipe", "lavapipe", "swrast", "swiftshader", "software", "gdi generic")


def is_software(renderer: str) -> bool:
    """Whether a GL_RENDERER is a processor that does a GPU's work."""
    return any(name in renderer.lower() for name in _SOFTWARE)


@dataclass(frozen=True)
class Timing:
    """How many seconds some work took, and what measured them."""

    seconds: float
    clock: ClockName


class Stopwatch:
    """Times work on a context, with nothing else under way.

    The driver's timer query counts where it is believable: on a GPU, above 0 and within the wall time. Mesa's llvmpipe
    answers 0 for compute dispatches, so software renderers are timed by the wall clock, which waits for them too.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._trusted = not is_software(context.info["GL_RENDERER"])
        self._query: moderngl.Query | None = None

    def time(self, work: Callable[[], None]) -> Timing:
        """Do the work once the device is idle, and wait for its end."""
        if self._trusted and self._query is None:
            self._query = self._context.query(time=True)  # one for all: moderngl cannot release it
        self._context.finish()
        start = time.perf_counter()
        if self._query is None:
            work()
        else:
            with self._query:
                work()
        self._context.finish()
        wall = time.perf_counter() - start
        elapsed = float(self._query.elapsed) * 1e-9 if self._query is not None else 0.0
        return Timing(elapsed, "query") if 0 < elapsed <= wall else Timing(wall, "wall")
