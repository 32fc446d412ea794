"""The colours of charts, by what they are for. Knows nothing of what is drawn.

All colours but `line` and the soft ones keep a contrast of at least 4.5 with `paper`: any of them may be a text's
colour, and `paper` a text's colour on any of them; on `line` and the soft ones `ink` is. Blue, orange and greys are
told apart under every common colour blindness; teal stands beside them only where the shape differs too.
"""

from typing import Any

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#d0d7de",
    "paper": "#ffffff",
    "blue": "#0b62a8",
    "blue-soft": "#a9cbe8",
    "orange": "#b34700",
    "orange-soft": "#f0bf9b",
    "teal": "#00735c",
}
DARK = {
    "ink": "#e6edf3",
    "muted": "#a5afba",
    "line": "#3d444d",
    "paper": "#12161c",
    "blue": "#6cb2f2",
    "blue-soft": "#28507a",
    "orange": "#f0924f",
    "orange-soft": "#74401a",
    "teal": "#3fc4a5",
}
PAGE = {role: f"var(--{role})" for role in LIGHT}

_VARIABLES = {colour: PAGE[role] for role, colour in LIGHT.items()}


def for_page(spec: Any) -> Any:
    """`spec` with every colour of `LIGHT` as the CSS variable of its role, which the page defines for light and dark.

    Data are left as they are: they say what is drawn and never a colour.
    """
    if isinstance(spec, dict):
        return {key: value if key in ("datasets", "data") else for_page(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [for_page(value) for value in spec]
    return _VARIABLES.get(spec, spec) if isinstance(spec, str) else spec
