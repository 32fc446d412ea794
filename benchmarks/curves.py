"""Draws what `--growth` printed as an SVG: a chart for each thing that grows, with the engine's and the peer's seconds.

    python benchmarks/scoring.py --growth > growth.jsonl
    python benchmarks/curves.py growth.jsonl benchmarks/curves/scoring.svg

Both axes are logarithmic, so that a straight line is a power and its slope the exponent. Needs the extra `bench`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import altair

WAYS = {"engine": "harness", "lm_eval": "lm-eval"}
COLOURS = ("#0072b2", "#d55e00")  # told apart by those who don't see red and green, too
COLUMNS = 3


def main(lines: str, picture: str) -> None:
    found = [json.loads(line) for line in Path(lines).read_text(encoding="utf-8").splitlines() if '"growth"' in line]
    rows = [
        {"by": line["by"], "at": line["at"], "way": name, "seconds": line[way]}
        for line in found
        for way, name in WAYS.items()
        if line[way] is not None
    ]
    things = list(dict.fromkeys(row["by"] for row in rows))
    charts = [chart([row for row in rows if row["by"] == thing], thing) for thing in things]
    path = Path(picture)
    path.parent.mkdir(exist_ok=True)
    altair.concat(*charts, columns=COLUMNS).save(path)


def chart(rows: list[dict[str, Any]], thing: str) -> altair.Chart:
    """Seconds by one thing."""
    places = sorted({row["at"] for row in rows})
    shown = altair.Axis(values=places, grid=False, format="d")
    # no logarithm of nothing: where 0 is one of the places, the axis is that of a root
    kind = "symlog" if 0 in places else "log"
    return (
        altair.Chart(altair.Data(values=rows), title=f"by {thing}", width=190, height=150)
        .mark_line(point=True)
        .encode(
            x=altair.X("at:Q", title=thing, axis=shown, scale=altair.Scale(type=kind, nice=False)),
            y=altair.Y("seconds:Q", title="seconds", scale=altair.Scale(type="log")),
            color=altair.Color("way:N", title=None, scale=altair.Scale(domain=[*WAYS.values()], range=[*COLOURS])),
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
