"""What verifying a shader found, as data: a check for every frame and way of running it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from shadergen.judge.stimuli import Size
from shadergen.runtime.colour import SitingName
from shadergen.runtime.compare import Bound, Comparison
from shadergen.runtime.program import Storage

RunnerName = Literal["gl", "libplacebo"]
Status = Literal["passed", "failed", "not verified"]


@dataclass(frozen=True)
class Layer:
    """A saved texture beside the channels of the reference's value that it holds."""

    texture: str
    error: float
    """The largest difference, divided by the largest expected value where that is above 1."""
    departs: bool
    """Whether the error is above the largest difference that the storage may cause."""


@dataclass(frozen=True)
class Check:
    """One frame, run in one way, and how far its picture is from the reference's."""

    size: Size
    """The size of the frame, (width, height)."""
    runner: RunnerName
    storage: Storage
    siting: SitingName | None
    """Where the chroma samples of the frame lie; None but for chroma models."""
    bound: Bound
    comparison: Comparison
    problem: str = ""
    """Why the comparison means nothing, as where a pass did not run; else empty."""
    layers: tuple[Layer, ...] = ()
    """The textures between the passes in the order in which they are computed, where they were asked for."""

    @property
    def passed(self) -> bool:
        return not self.problem and self.bound.holds(self.comparison)

    @property
    def failure(self) -> str:
        """Which difference is above its bound, and what that is; empty for a check that passed or has a problem."""
        return "" if self.problem else self.bound.failure(self.comparison)

    @property
    def departing(self) -> str:
        """The name of the first texture that departs from the reference, or empty."""
        return next((layer.texture for layer in self.layers if layer.departs), "")


@dataclass(frozen=True)
class Verification:
    """What `verify` found: all checks, or the reason why there are none."""

    shader: str
    device: str
    checks: tuple[Check, ...]
    reason: str = ""
    """Why nothing could be verified, or empty."""

    @property
    def status(self) -> Status:
        if self.reason or not self.checks:
            return "not verified"
        return "passed" if all(check.passed for check in self.checks) else "failed"

    def as_dict(self) -> dict[str, Any]:
        """Everything that was found as numbers, strings, lists and dictionaries, for JSON."""
        checks = [
            asdict(check) | {"passed": check.passed, "first_departing_texture": check.departing or None}
            for check in self.checks
        ]
        report = {"shader": self.shader, "status": self.status, "reason": self.reason, "device": self.device}
        return report | {"checks": checks}
