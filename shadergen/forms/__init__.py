"""Ways for a hook pass to start and to store what it computes: a file each."""

from __future__ import annotations

from shadergen.forms.compute import Compute
from shadergen.forms.form import Form
from shadergen.forms.fragment import Fragment
from shadergen.forms.planar import Planar
from shadergen.target import Stage, Weights


def form(stage: Stage, weights: Weights) -> Form:
    """The form of a target's passes."""
    if stage == "compute":
        return Compute()
    return Planar() if weights == "texture" else Fragment()
