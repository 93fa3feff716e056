"""What the tests here run on: OpenGL, and libplacebo through ffmpeg with Vulkan.

A test whose device is missing skips with the reason. Where it must not be missing, an environment variable makes it
fail instead: SHADERGEN_REQUIRE_GPU=1 for OpenGL, SHADERGEN_REQUIRE_LIBPLACEBO=1 for libplacebo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import moderngl
import pytest

from shadergen.errors import NoDeviceError
from shadergen.runtime.context import open_context
from tests.conftest import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def gl() -> Iterator[moderngl.Context]:
    """One OpenGL context for all tests."""
    try:
        context = open_context()
    except NoDeviceError as error:
        missing("SHADERGEN_REQUIRE_GPU", str(error))
    yield context
    context.release()
