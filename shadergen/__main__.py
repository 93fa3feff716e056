"""The entry point of `shadergen` and of `python -m shadergen`."""

from __future__ import annotations

import signal
import sys
from typing import Any


def main() -> None:
    """Run the command line; an interrupt while Python still imports it ends as quietly as a later one."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    try:
        from shadergen.cli import main as command
    except KeyboardInterrupt:
        sys.exit(130)
    command()


def _leave(number: int, frame: Any) -> None:
    """End as by an exception, so that unfinished files go and children are ended."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
