"""Writes `report.html`: the verdict, the evidence for it and the cases behind it, in one file that needs no network.

It shows what the run's records say and computes nothing of its own. Every text is escaped where it is shown, and the
page's policy lets nothing run but the one script that is its own.
"""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.comparison import Comparison, write_text
from harness.comparison.phrases import printable
from harness.reporting.fine_print import limits, methods
from harness.reporting.html.cases import pack_cases
from harness.reporting.html.heat import STEPS, heat
from harness.reporting.html.material import gather
from harness.reporting.html.quality import quality_tables
from harness.reporting.html.requirements import requirements
from harness.reporting.html.spending import spending_tables
from harness.reporting.reading import read_run

if TYPE_CHECKING:
    from jinja2 import Template

REPORT_FILE = "report.html"
_ASSETS = Path(__file__).parent / "assets"
_STYLES = ("base", "evidence", "cases", "media")  # one style sheet, in this order
_SCRIPTS = ("texts", "cases", "filters", "list", "case", "browser", "theme")  # one script, in this order
_TABLES = {"scores"}  # charts that stand on the page as tables


def write_html(run_folder: Path, comparison: Comparison | None = None) -> Path:
    """Write `report.html` into `run_folder` and return its path; `comparison` is by default the run's own.

    Raises InputError for a file of the run that can't be read, CacheError if the report can't be written.
    """
    found = read_run(run_folder) if comparison is None else comparison
    return write_text(run_folder / REPORT_FILE, page(found, run_folder))


def page(comparison: Comparison, run_folder: Path) -> str:
    """The report as HTML; the same run gives the same text. Raises InputError as `write_html` does."""
    from harness.reporting import charts

    figures = [found for found in charts.figures(comparison) if found.name not in _TABLES]
    style = "\n".join([_colours(charts.LIGHT, charts.DARK), *(_asset(f"{name}.css") for name in _STYLES)])
    script = "\n".join(_asset(f"{name}.js") for name in _SCRIPTS)
    return _template().render(
        comparison=comparison,
        decision=comparison.decision,
        heat=heat(comparison),
        requirements=requirements(comparison),
        figures=[(figure, _own(charts.svg(figure, "page"))) for figure in figures],
        quality=quality_tables(comparison),
        spending=spending_tables(comparison),
        methods=methods(comparison),
        limits=limits(comparison),
        cases=pack_cases(comparison, gather(run_folder, comparison)),
        style=_own(style),
        script=_own(script),
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'",
    )


@cache
def _template() -> "Template":
    """The page's template: what it shows is escaped and, of control characters and direction marks, rid."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _own(text: str) -> Any:
    """`text` that the harness made itself, as markup."""
    from markupsafe import Markup

    return Markup(text)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _colours(light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """The colours of the charts as CSS variables, and the shades of the heat table made of them."""
    roles = [f"--{role}: light-dark({light[role]}, {dark[role]});" for role in light]
    shades = [
        f".shade-{step} {{ background: color-mix(in srgb, var(--blue) {3 + 4 * step}%, var(--paper)); }}"
        for step in range(STEPS + 1)
    ]
    return "\n".join([":root {", *roles, "}", *shades])


def _hash(text: str) -> str:
    """The source expression of Content Security Policy that allows `text` to stand inline."""
    return f"'sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
