"""Everything that decides which weights a training run gives, with its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from shadergen.errors import ShadergenError

if TYPE_CHECKING:
    from shadergen.ir.graph import Plane

Degradation = Literal["neutral", "ds"]
Loss = Literal["l1", "l2", "psnr"]
Optimiser = Literal["adamw", "muon", "soap"]
TrainingPrecision = Literal["fp32", "bf16"]

PLANES: tuple[Plane, ...] = ("luma", "chroma", "rgb")
DOWNSCALERS = ("box", "bicubic", "lanczos", "linear")
RANGES = ("full8", "limited8", "limited10")
_DOWNSCALE = {"box": 0.85, "bicubic": 0.05, "lanczos": 0.05, "linear": 0.05}
_RANGE = {"full8": 0.5, "limited8": 0.3, "limited10": 0.2}


@dataclass(frozen=True)
class Options:
    """A run is repeated exactly by equal options, equal pictures, and the same machine, torch and thread count."""

    arch: str
    """`C4F32`, `R8F64`, `SRCNN-9-1-5`, `ESPCN`, or the file name of a model to go on from."""
    plane: Plane = "luma"
    degradation: Degradation = "neutral"
    steps: int = 200_000
    batch: int = 16
    """Patches per step, of all processes together."""
    patch: int = 64
    """Side of a patch in pixels of the network's input."""
    optimiser: Optimiser = "soap"
    rate: float = 3e-3
    """The learning rate between warm-up and decay."""
    warmup: int = 500
    """Steps over which the rate rises from zero."""
    decay: float = 0.3
    """The share of the steps, at the end, over which the rate falls to zero. Until then, a run with more steps would
    have been the same run: it can still be prolonged."""
    average: float = 0.999
    """Decay of the moving average of the weights, per step. The average is what is written and scored."""
    weight_decay: float = 0.0
    loss: Loss = "l1"
    frequency: float = 0.0
    """Weight of the mean absolute difference of the patches' spectra, beside the loss."""
    flats: float = 0.0
    """Weight of flat fields, ramps and black bars beside the loss (see fields.py); as many as patches in each step."""
    rim: float = 0.2
    """What a pixel counts that sees a patch's border (see loss.py)."""
    detail: int = 1
    """Of how many random patches the one with most detail is taken."""
    soften: Mapping[str, float] = field(default_factory=dict)
    """By patterns of paths: how often a blurred copy of such a picture is drawn, relative to the picture. Photographs
    that were scaled down are crisper than most are."""
    downscale: Mapping[str, float] = field(default_factory=lambda: dict(_DOWNSCALE))
    """Shares of DOWNSCALERS; chroma is no light, and leaves out `linear`."""
    range: Mapping[str, float] = field(default_factory=lambda: dict(_RANGE))
    """Shares of RANGES: how the input is quantised."""
    clean: float = 0.25
    """ds: the share of patches that went through no codec, so that a clean source is not harmed."""
    clean_downscale: Mapping[str, float] = field(default_factory=dict)
    """ds: as `downscale`, for the patches that went through no codec; empty for the same. Their sources are often made
    small more sharply than video is."""
    sharpen: float = 0.0
    """ds: how much the picture to be found is sharpened: times what a blur of one pixel takes away."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By patterns of paths within the data folder: how often such a picture is drawn, relative to the others."""
    exclude: tuple[str, ...] = ()
    """Patterns of paths that are not read."""
    guide: bool = False
    """chroma: whether the network is shown what luma predicts of chroma (see guide.py)."""
    deepen: bool = False
    """Whether a network of the C architecture gets twice as many ReLU layers first (see deepen.py)."""
    holdout: int = 24
    """Pictures that are not trained on but give the PSNR shown."""
    precision: TrainingPrecision = "fp32"
    """Of the convolutions until the rate falls; from then on it is fp32. As the steps get small, weights settle where
    bfloat16's rounding does them good, and the fp32 network that is written loses 0.1 dB (docs/training.md)."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch", 1), ("patch", 8), ("warmup", 0), ("detail", 1), ("holdout", 1)):
            if getattr(self, name) < low:
                raise ShadergenError(f"--{name}", f"found {getattr(self, name)}, expected {low} or more")
        for name, high in (
            ("decay", 1.0),
            ("average", 0.999999),
            ("rim", 1.0),
            ("clean", 1.0),
            ("sharpen", 4.0),
            ("flats", 10.0),
        ):
            if not 0 <= getattr(self, name) <= high:
                raise ShadergenError(f"--{name}", f"found {getattr(self, name)}, expected 0 to {high:g}")
        for name, shares, known in (
            ("downscale", self.downscale, DOWNSCALERS),
            ("clean-downscale", self.downscale_of_clean, DOWNSCALERS),
            ("range", self.range, RANGES),
        ):
            unknown = sorted(set(shares) - set(known))
            if unknown:
                raise ShadergenError(f"--{name}", f"found {unknown[0]!r}, expected {', '.join(known)}")
            if not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
                raise ShadergenError(f"--{name}", f"found {dict(shares)}, expected shares with a sum above 0")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def downscale_of_clean(self) -> Mapping[str, float]:
        """How patches that went through no codec were made small."""
        return self.clean_downscale or self.downscale

    @property
    def decay_start(self) -> float:
        """The first step of the decay."""
        return self.steps * (1 - self.decay)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step (0 is the first): a ramp up, a plateau, and a ramp down to zero."""
        up = (step + 1) / (self.warmup + 1)
        down = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.rate * min(1.0, up, down)
