"""Networks whose files did not compile once: every pass of every variant does."""

from __future__ import annotations

import pytest

from shadergen import compiler
from tests.nets import ONCE_BROKEN
from tests.sweep import VARIANTS, glslang, sweep


@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_glslang_compiles_every_pass(name: str) -> None:
    program = glslang()
    if program is None:
        pytest.skip("glslang is not installed")
    findings, passes = sweep([(name, ONCE_BROKEN[name]())], program)
    assert findings == []
    assert passes >= len(VARIANTS)


@pytest.mark.parametrize("variant", ["fragment", "instant", "next"])
def test_every_saved_texture_has_a_name_of_its_own(variant: str) -> None:
    for name, net in ONCE_BROKEN.items():
        passes = compiler.compile(net(), VARIANTS[variant]).passes
        saved = [hook_pass.save for hook_pass in passes if hook_pass.save]
        assert len(saved) == len(set(saved)), name
