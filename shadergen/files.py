"""Files: written whole or not at all, and those that ship with the package."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadergen.errors import ShadergenError


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path` as `whole_file` does."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """An empty file in the folder of `path`, with its suffix, that is renamed to it when the block ends well.

    A reader never sees a partial file, and an interrupted or failed write leaves what was there before. A symbolic link
    to a file stays one: what it points to is replaced. Devices and pipes are written to, not replaced.
    Raises ShadergenError where the folder or the disk refuses.
    """
    try:
        is_stream = path.exists() and not path.is_file()
        target = path.resolve() if path.is_symlink() and path.is_file() else path
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = None if is_stream else target.parent
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{path.stem}.", suffix=path.suffix)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise ShadergenError(path, f"cannot be written: {getattr(error, 'strerror', error)}") from None
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        if is_stream:
            path.write_bytes(temporary.read_bytes())
        else:
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
    except OSError as error:
        raise ShadergenError(path, f"cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def shipped(folder: str) -> Path:
    """A folder that comes with the package, `templates` or `shaders`: within it in a wheel, beside it in a checkout."""
    package = Path(__file__).parent
    return next(path for path in (package / folder, package.parent / folder) if path.is_dir())
