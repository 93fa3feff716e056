"""Options of the whole test suite, and the tools that a test asks for by name.

A test whose tool is missing skips with the reason. Where it must not be missing, an environment variable makes it fail
instead, SHADERGEN_REQUIRE_GLSLANG=1 for example. What starts a player, or a tool whose releases differ, is marked
`player`: `make test-newest` runs these tests with the newest ones.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

from shadergen.lint import glslang_compiler
from shadergen.runtime import libplacebo

PLAYERS = {"display", "real_libplacebo", "ffmpeg", "glslang"}
"""The fixtures of what makes a test one of the player's."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-goldens", action="store_true", help="write tests/golden/ anew instead of comparing with it"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and not PLAYERS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.player)


@pytest.fixture(scope="session")
def real_libplacebo() -> None:
    """For tests that call `libplacebo.run` or `libplacebo.play`."""
    reason = libplacebo.unavailable()
    if reason is not None:
        missing("SHADERGEN_REQUIRE_LIBPLACEBO", reason)


@pytest.fixture(scope="session")
def ffmpeg() -> None:
    """For tests of clips."""
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        missing("SHADERGEN_REQUIRE_FFMPEG", "found no ffmpeg, expected it for clips")


@pytest.fixture(scope="session")
def glslang() -> None:
    """For tests that compile with glslang."""
    if glslang_compiler() is None:
        missing("SHADERGEN_REQUIRE_GLSLANG", "found no glslang, expected it to compile with")


def missing(variable: str, reason: str) -> NoReturn:
    """Skip, or fail where the variable says so."""
    if os.environ.get(variable) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
