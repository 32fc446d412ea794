"""Draws a chart as SVG, by vl-convert: no browser, no network. Knows nothing of what is drawn."""

import re
from html import escape
from typing import Literal

from harness.reporting.charts.figure import Figure
from harness.reporting.charts.palette import LIGHT, for_page

Palette = Literal["page", "plain"]

_IDENTIFIER = re.compile(r'(?<= id=")[^"]+(?=")|(?<="url\(#)[^)]+(?=\)")')
_ROLES = re.compile(r' (role="graphics-[a-z]+"|aria-roledescription="[a-z ]+"|aria-hidden="true")')


def svg(figure: Figure, palette: Palette) -> str:
    """`figure` as the text of one `<svg>` element; the same figure gives the same bytes.

    `page` is for within a page: its colours are the CSS variables `PAGE`, so that it follows light and dark. `plain` is
    for a file of its own: it stands on white, so that it reads on a page of any colour.
    """
    import vl_convert

    spec = for_page(figure.spec) if palette == "page" else figure.spec
    background = None if palette == "page" else LIGHT["paper"]
    looks = {"background": background, "padding": 0 if palette == "page" else 12, "aria": False}
    drawn = vl_convert.vegalite_to_svg({**spec, "config": {**spec["config"], **looks}}, allowed_base_urls=[])
    drawn = _renamed(drawn, figure.name)
    drawn = _ROLES.sub("", drawn)  # the picture is one image, told by its summary and its table
    label = escape(figure.summary)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip() + "\n"


def _renamed(drawn: str, name: str) -> str:
    """`drawn` with identifiers of its own: several stand in one page, and Vega counts on from chart to chart."""
    places = {found: place for place, found in enumerate(dict.fromkeys(_IDENTIFIER.findall(drawn)))}
    return _IDENTIFIER.sub(lambda found: f"{name}-{places[found.group()]}", drawn)
