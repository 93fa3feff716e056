"""The rules by subject, in the order of their modules here."""

from __future__ import annotations

from shadergen.lint.rule import Rule
from shadergen.lint.rules import bodies, limits, rpn, structure, textures, vo_gpu

RULES: tuple[Rule, ...] = (
    *structure.RULES,
    *vo_gpu.RULES,
    *rpn.RULES,
    *textures.RULES,
    *bodies.RULES,
    *limits.RULES,
)
"""Every rule, in the order of the modules."""
