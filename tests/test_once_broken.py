"""Networks whose files did not compile once: every pass of every variant does."""

from __future__ import annotations

import pytest

from shadergen import compiler, hookfile
from shadergen.lint import glslang_compiler, lint_text
from tests.nets import ONCE_BROKEN
from tests.sweep import VARIANTS


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_glslang_compiles_every_pass(name: str, variant: str) -> None:
    compile = glslang_compiler()
    if compile is None:
        pytest.skip("glslang is not installed")
    text = hookfile.format(compiler.compile(ONCE_BROKEN[name](), VARIANTS[variant]))
    found = lint_text(text, compilers=[compile])
    assert [f"{finding.line}: {finding.message}" for finding in found if finding.rule != "extension-directive"] == []


def test_every_saved_texture_has_a_name_of_its_own() -> None:
    for name, net in ONCE_BROKEN.items():
        for target in VARIANTS.values():
            saved = [hook_pass.save for hook_pass in compiler.compile(net(), target).passes if hook_pass.save]
            assert len(saved) == len(set(saved)), name
