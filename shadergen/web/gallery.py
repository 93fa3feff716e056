"""The front page of a folder of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from shadergen.files import shipped
from shadergen.web.page import PageShader, Sample, content_policy, data_url, template


@dataclass(frozen=True)
class Card:
    """What the front page says about a page."""

    file: str
    """The page's name within the folder."""
    shader: PageShader
    size: int
    """Of the page, in bytes."""
    scores: Mapping[str, float]
    """What was measured, in dB by condition."""
    pictures: Sequence[Sample] = ()
    """Before and after."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Estimated milliseconds a frame by GPU."""


def gallery(title: str, cards: Sequence[Card], frame: tuple[int, int] | None = None) -> str:
    """Write the front page as HTML; it links to the cards' files and to `any.html`, and loads nothing.

    `frame` is the size, (width, height), of the frames that the cards' costs are of.
    """
    style = (shipped("templates") / "web" / "gallery.css").read_text("utf-8")
    entries = [
        {
            "file": card.file,
            "title": card.shader.title,
            "about": card.shader.about,
            "licence": card.shader.licence.partition("\n")[0],
            "size": round(card.size / 1000),
            "scores": {name: f"{value:.2f}" for name, value in card.scores.items()},
            "costs": {name: f"{value:.2f}" for name, value in card.costs.items()},
            "pictures": [data_url(picture) for picture in card.pictures],
        }
        for card in cards
    ]
    return template("gallery.html").render(
        title=title, policy=content_policy((), style), style=Markup(style), cards=entries, frame=frame
    )
