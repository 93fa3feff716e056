"""How a graph meets the plane that its passes hook: what they are called by, when they run, what they store."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.emit.templates import environment
from shadergen.hookfile import HookPass, Rpn
from shadergen.ir.graph import Plane
from shadergen.schedule.hookpass import Schedule


@dataclass(frozen=True)
class PlaneFacts:
    """What a player needs to know of a plane."""

    hook: str
    components: int | None
    """Of what the last pass stores: vo=gpu otherwise overwrites chroma (mpv #9863). None: those of the plane."""
    lanes: str
    """Those that the graph's output has."""
    rest: str
    """What fills the texel up."""

    def texel(self, lanes: str) -> str:
        """What is stored, a vec4, from the output's lanes."""
        return f"vec4({lanes}, {self.rest})"


PLANES: dict[Plane, PlaneFacts] = {
    "luma": PlaneFacts("LUMA", 1, "x", "0.0, 0.0, 1.0"),
    "chroma": PlaneFacts("CHROMA", 2, "xy", "0.0, 1.0"),
    "rgb": PlaneFacts("MAIN", None, "xyz", "alpha"),
    "ycbcr": PlaneFacts("NATIVE", None, "xyz", "alpha"),
}

CHROMA_GUARD = "HOOKED.w 1.2 * LUMA.w < HOOKED.h 1.2 * LUMA.h < *"
"""True for 4:2:0, odd sizes included, and false for 4:4:4 and 4:2:2; bounds, since odd sizes break equality."""


_TWICE = "HOOKED.{0} 2 * LUMA.{0} 2 % 0.001 * +"
"""Chroma's extent at luma's resolution: twice its own, and a thousandth of a texel that players round off.

Where luma's extent is odd, chroma has half a sample too much, and twice that is a texel more than luma has. vo=gpu
takes planes whose contents have the same rectangle to be equally large, and would squeeze all of chroma's texels onto
luma's (mpv video.c, pass_read_video): at the far end colours are off by a texel. The thousandth makes the rectangles
differ, so that it looks where the content is. libplacebo looks there anyway, and knows whole texels only.
"""


def when(schedule: Schedule) -> Rpn | None:
    """The condition of every pass; None where they always run."""
    if schedule.graph.plane == "chroma":
        return Rpn.parse(f"{_flag(schedule)}.w 1 >")
    enlarged = _enlarged(schedule, "HOOKED")
    return Rpn.parse(enlarged) if enlarged else None


def _enlarged(schedule: Schedule, picture: str) -> str:
    """True where the picture of that name is shown as large as the target asks for; empty where that does not count."""
    if schedule.types[schedule.graph.output].width.scale == 1:
        return ""
    factor = f"{schedule.target.when:g}"
    return f"OUTPUT.w {picture}.w {factor} * > OUTPUT.h {picture}.h {factor} * > *"


def _flag(schedule: Schedule) -> str:
    return f"{schedule.prefix}_0_is420"  # no value has a word that is a number


def passes_in_front(schedule: Schedule) -> tuple[HookPass, ...]:
    """What runs before the schedule's own passes: for chroma two, for Y, Cb and Cr one, for others none.

    Chroma's remember whether to run, and bring chroma to luma's siting and size. The second overwrites CHROMA, so the
    ratio that the first looked at is gone afterwards; a texture of one or two texels carries the decision, since a size
    is all that WHEN can see. It overwrites because vo=gpu moves HOOKED_pos only in passes that do (mpv video.c,
    pass_hook). The model's last pass says ALIGN once more, which changes nothing in newer players; libplacebo 4.208
    otherwise forgets that the plane was aligned when it is overwritten again.

    At NATIVE the player has put the planes together, with a filter that the user may choose. Chroma that is as large as
    luma by then is taken as it is, so one pass in front does for it what is done for a chroma model, where the others
    run: NATIVE has luma's size.
    """
    if schedule.graph.plane == "ycbcr":
        enlarged = _enlarged(schedule, "LUMA")
        return (_interpolate(schedule, Rpn.parse(f"{CHROMA_GUARD} {enlarged} *" if enlarged else CHROMA_GUARD)),)
    if schedule.graph.plane != "chroma":
        return ()
    remember = HookPass(
        hooks=("CHROMA",),
        desc=f"{schedule.graph.name} is the chroma subsampled",
        binds=("HOOKED",),
        save=_flag(schedule),
        width=Rpn.parse(f"{CHROMA_GUARD} 1 +"),
        height=Rpn.parse("1"),
        components=4,
        body=environment().get_template("flag.glsl.j2").render(),
    )
    return (remember, _interpolate(schedule, when(schedule)))


def _interpolate(schedule: Schedule, condition: Rpn | None) -> HookPass:
    """The pass that brings chroma to luma's size and siting."""
    return HookPass(
        hooks=("CHROMA",),
        desc=f"{schedule.graph.name} bilinear at luma's siting",
        binds=("HOOKED",),
        width=Rpn.parse(_TWICE.format("w")),
        height=Rpn.parse(_TWICE.format("h")),
        when=condition,
        offset="ALIGN",
        components=2,
        body=environment().get_template("siting.glsl.j2").render(),
    )
