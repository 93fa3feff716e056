"""The entry point of `shadergen` and of `python -m shadergen`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an interrupt while Python still imports it ends as quietly as a later one."""
    try:
        from shadergen.cli import main as command
    except KeyboardInterrupt:
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
