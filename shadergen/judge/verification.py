"""What verifying a shader found, as data: a check for every frame and way of running it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from shadergen.judge.stimuli import Size
from shadergen.runtime.colour import SitingName
from shadergen.runtime.compare import RGBA16F, RGBA32F, Bound, Comparison
from shadergen.runtime.program import Storage

RunnerName = Literal["gl", "libplacebo"]
Status = Literal["passed", "failed", "not verified"]

BOUNDS: dict[Storage, Bound] = {"rgba32f": RGBA32F, "rgba16f": RGBA16F}


@dataclass(frozen=True)
class Layer:
    """A saved texture against the reference's value of the same name."""

    texture: str
    error: float
    """Largest difference, relative to the largest expected value or 1."""
    departs: bool


@dataclass(frozen=True)
class Check:
    """One frame, run one way."""

    size: Size
    runner: RunnerName
    storage: Storage
    siting: SitingName | None
    """None but for chroma models."""
    bound: Bound
    comparison: Comparison
    problem: str = ""
    """Why there is no meaning in the comparison, or empty."""
    layers: tuple[Layer, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problem and self.bound.holds(self.comparison)

    @property
    def departing(self) -> str:
        """The first texture that departs, or empty."""
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
        """For JSON."""
        checks = [
            asdict(check) | {"passed": check.passed, "first_departing_texture": check.departing or None}
            for check in self.checks
        ]
        report = {"shader": self.shader, "status": self.status, "reason": self.reason, "device": self.device}
        return report | {"checks": checks}
