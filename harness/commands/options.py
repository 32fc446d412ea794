"""Options that several commands have: what is required of the recommended variant, and what things cost."""

from pathlib import Path
from typing import Annotated

import typer

Require = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME>=NUMBER",
        help="What the recommended variant must hold, such as 'in_domain >= 0.8', 'retention_drop <= 2%' or "
        "'p95_seconds <= 0.5'. May be given several times.",
    ),
]
QueriesPerMonth = Annotated[float | None, typer.Option(help="How many queries a month it will be asked.")]
UpdatesPerMonth = Annotated[float | None, typer.Option(help="How often a month the knowledge changes.")]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="YAML file of prices, as docs/prices.yaml.")]
