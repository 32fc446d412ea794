"""Tables as text: comma-separated (`csv`) and tab-separated (`tsv`) files."""

import csv
from collections.abc import Iterator
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from harness.suite.sources.folders import DataFolder
from harness.suite.sources.rows import Findings, Format, Row

MAX_FIELD = 2**28  # characters of one field; csv's own limit of 128 Ki is less than some articles have


class TableOptions(BaseModel):
    """`columns` names the columns; the first line is then a row, unless `header` says that it is to be left out.

    `quotes` says whether a field in quotation marks may hold separators and line ends: so in csv, not so in tsv.
    """

    model_config = ConfigDict(extra="forbid")

    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    header: bool | None = None
    quotes: bool | None = None


def _read(folder: DataFolder, name: str, options: TableOptions, found: Findings, *, separator: str) -> Iterator[Row]:
    """The rows of a table; a row with another number of fields than there are columns is a problem."""
    path, id_ = folder.file(name), folder.id_of(name)
    quotes = separator == "," if options.quotes is None else options.quotes
    csv.field_size_limit(MAX_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(
                file, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE, strict=True
            )
            columns = options.columns
            if columns is None or options.header:
                first = next(lines, [])
                columns = columns or tuple(first)
            twice = sorted({name for name in columns if columns.count(name) > 1})
            if twice:
                found.problems.append(
                    f"{path}: has several columns called {', '.join(twice)}; give each a name of its own"
                )
                return
            for number, fields in enumerate(filter(None, lines), 1):
                place = f"{path}:{lines.line_num}"
                if len(fields) == len(columns):
                    yield Row(place, f"{id_}:{number}", dict(zip(columns, fields, strict=True)))
                else:
                    found.problems.append(
                        f"{place}: has {len(fields)} fields, and there are {len(columns)} columns "
                        f"({', '.join(columns)}); mend the line, or say `quotes` or `columns` in its options"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found.problems.append(
            f"{path}: can't be read ({error}); give a UTF-8 text file, with every quotation mark closed"
        )


CSV = Format(partial(_read, separator=","), options=TableOptions)
TSV = Format(partial(_read, separator="\t"), options=TableOptions)
