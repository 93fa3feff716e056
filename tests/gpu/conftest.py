"""One OpenGL context for all tests here; without one they skip, or fail when SHADERGEN_REQUIRE_GPU=1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import moderngl
import pytest

from shadergen.errors import NoDeviceError
from shadergen.runtime.context import open_context


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def gl() -> Iterator[moderngl.Context]:
    try:
        context = open_context()
    except NoDeviceError as error:
        if os.environ.get("SHADERGEN_REQUIRE_GPU") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield context
    context.release()
