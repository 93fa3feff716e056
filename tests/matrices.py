"""Files for tensor cores where there are none: on lavapipe, which has the instructions."""

from __future__ import annotations

import os
import re

import pytest

compiles_matrices = pytest.mark.skipif(
    os.environ.get("SHADERGEN_ALL_PLAYS") != "1", reason="a CPU takes minutes: see `make test-newest`"
)


def for_lavapipe(text: str) -> str:
    """The file with the shape of matrices that lavapipe says it has, 8x8x8, set as its user would."""
    text = re.sub(r"^(//!PARAM TENSOR_[MNK]\n(?://!.*\n)*)16$", r"\g<1>8", text, flags=re.MULTILINE)
    return re.sub(r"^(\s*#define TENSOR_[MNK]) 16$", r"\1 8", text, flags=re.MULTILINE)
