"""A state dict: the weights of a network by the names of its layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from shadergen.errors import quoted
from shadergen.ir.ops import Array

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net", "generator", "weights")
"""What trainers call the state dict within a file, the better weights first (an average over time)."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net_g.", "generator.", "netG.")
"""What stands in front of every key of a network that was wrapped."""


def state_of(value: Any) -> dict[str, Any]:
    """The state dict in what a file holds, its keys without what wrappers put in front. Raises ValueError."""
    while isinstance(value, Mapping) and not _holds_tensors(value):
        inner = next((value[name] for name in WRAPPERS if isinstance(value.get(name), Mapping)), None)
        if inner is None:
            raise ValueError(f"found {_listed(value)}, expected tensors by name, or a dictionary of them as 'params'")
        value = inner
    if not isinstance(value, Mapping):
        raise ValueError(f"found {type(value).__name__}, expected tensors by name: save net.state_dict()")
    state = {str(key): array for key, array in value.items() if isinstance(array, np.ndarray)}
    while prefix := next((word for word in PREFIXES if all(key.startswith(word) for key in state)), None):
        state = {key.removeprefix(prefix): array for key, array in state.items()}
    return state


def _holds_tensors(value: Mapping[Any, Any]) -> bool:
    return any(isinstance(inner, np.ndarray) and inner.ndim for inner in value.values())


def _listed(value: Mapping[Any, Any]) -> str:
    names = ", ".join(quoted(str(key)) for key in list(value)[:5])
    return f"a dictionary of {names}" if names else "an empty dictionary"


class State:
    """A state dict of which is known what has been read."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self.read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def array(self, key: str, *axes: int) -> Array:
        """The numbers of a key as read-only float32. Raises ValueError where they do not have so many axes."""
        if key not in self.arrays:
            raise ValueError(f"found no {quoted(key)}, expected it of such a network")
        self.read.add(key)
        found = self.arrays[key]
        if axes and found.ndim not in axes:
            raise ValueError(f"found {quoted(key)} of shape {found.shape}, expected {axes[0]} axes")
        result = np.array(found, np.float32, order="C")
        if not np.isfinite(result).all():
            raise ValueError(f"found numbers in {quoted(key)} that are not finite, expected weights")
        result.flags.writeable = False
        return result

    def count(self, pattern: str) -> int:
        """How many numbers N there are, from 0 or 1 on, for which a key begins with the pattern, such as `body.N.`."""
        found = {
            int(match[1])
            for key in self.arrays
            if (match := re.match(re.escape(pattern).replace("N", r"(\d{1,4})", 1), key))
        }
        return len(found)

    def unread(self) -> list[str]:
        """The keys that nothing has been read of, but for counters."""
        return [key for key in self.arrays if key not in self.read and not key.endswith("num_batches_tracked")]
