"""What `shadergen cost --json` printed, read back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from shadergen.cost.gpus import Gpu
from shadergen.errors import ShadergenError


def milliseconds(path: Path, gpu: Gpu) -> dict[str, float]:
    """The estimates for a GPU by the files' names, without those that have none.

    Raises ShadergenError for a file that is not that, or does not have the GPU.
    """
    expected = "what `shadergen cost --json` prints"
    try:
        report = json.loads(path.read_bytes())
        files = {item["name"]: item["files"] for item in report["gpus"]}
        if gpu.name not in files:
            raise ShadergenError(path, f"found no {gpu.name}, expected one of {', '.join(map(str, files))}")
        times = [(str(item["name"]), item["ms"]) for item in files[gpu.name]]
    except OSError as error:
        raise ShadergenError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ShadergenError(path, f"found no JSON, expected {expected}") from None
    except (KeyError, TypeError, AttributeError):
        raise ShadergenError(path, f"found other JSON, expected {expected}") from None
    found: dict[str, float] = {}
    for name, time in times:
        if time is not None and found.setdefault(name, _checked(path, name, time)) != time:
            raise ShadergenError(path, f"found {name!r} twice with other milliseconds, expected one of them")
    return found


def _checked(path: Path, name: str, time: Any) -> float:
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 < time < math.inf:
        raise ShadergenError(path, f"found {time!r} milliseconds of {name!r}, expected a number above 0")
    return float(time)
