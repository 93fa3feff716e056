"""What can go wrong, in one line a user can act on.

Every message reads ``where: what was found, what was expected[; what to do]``. The command line prints it and
exits with 1; nothing in the package prints a traceback for an input it can name.
"""

from __future__ import annotations


class ShadergenError(Exception):
    """Base of every error a user can cause or repair.

    `where` names the file and the place in it, `problem` what was found and what was expected, `remedy` what to do.
    """

    def __init__(self, where: object, problem: str, remedy: str = "") -> None:
        self.where = str(where)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self.where, problem, remedy)

    def __str__(self) -> str:
        message = f"{self.where}: {self.problem}"
        return f"{message}; {self.remedy}" if self.remedy else message


class ModelError(ShadergenError):
    """A weight file, or the graph in it, that cannot be read or does not hold together."""


class TargetError(ShadergenError):
    """A valid model that the chosen target cannot express (too many binds, too much shared memory)."""


class HookFileError(ShadergenError):
    """A hook file that mpv or libplacebo would reject."""


class ImageError(ShadergenError):
    """A picture that cannot be read or written."""


class NoDeviceError(ShadergenError):
    """No working OpenGL context, no libplacebo, or a device without what the shader needs."""


class ShaderRunError(ShadergenError):
    """A hook file that parses but does not compile or run on this device."""
