"""Parquet files, read a batch of rows at a time."""

from collections.abc import Iterator

from harness.suite.sources.folders import DataFolder
from harness.suite.sources.rows import Findings, Format, NoOptions, Row

BATCH = 1024  # rows


def _read(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    path, id_ = folder.file(name), folder.id_of(name)
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for fields in batch.to_pylist():
                    number += 1
                    yield Row(f"{path}: row {number}", f"{id_}:{number}", fields)
    except (OSError, pyarrow.ArrowException) as error:
        found.problems.append(f"{path}: can't be read ({error}); give a Parquet file")


PARQUET = Format(_read)
