"""A retrieval collection in BEIR's layout (Thakur et al. 2021, arXiv:2104.08663).

A folder with `corpus.jsonl`, `queries.jsonl` and `qrels/NAME.tsv`. BEIR asks for documents and has no answers: a case's
references are the titles of its relevant documents, and what its scores are worth knowing for is retrieval.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from harness.suite.sources.folders import DataFolder
from harness.suite.sources.json_files import JSON_LINES
from harness.suite.sources.rows import Findings, Format, NoOptions, Row
from harness.suite.sources.tables import TSV, TableOptions


class BeirOptions(BaseModel):
    """`qrels` names the file of judgements, which says which queries are asked."""

    model_config = ConfigDict(extra="forbid")

    qrels: str = "test"


def _read_queries(folder: DataFolder, name: str, options: BeirOptions, found: Findings) -> Iterator[Row]:
    """A row for each judged query: id, question, relevant (ids of documents), titles."""
    relevant = defaultdict(list)
    for row in TSV.rows(folder, posixpath.join(name, "qrels", f"{options.qrels}.tsv"), TableOptions(), found):
        query, document, score = (*row.fields.values(), "", "")[:3]
        if score.strip() not in ("0", ""):
            relevant[query].append(document)
    judged = {document for documents in relevant.values() for document in documents}
    titles = {
        str(row.fields["_id"]): row.fields.get("title")
        for row in JSON_LINES.rows(folder, posixpath.join(name, "corpus.jsonl"), NoOptions(), found)
        if str(row.fields.get("_id")) in judged
    }
    for row in JSON_LINES.rows(folder, posixpath.join(name, "queries.jsonl"), NoOptions(), found):
        documents = relevant.get(str(row.fields.get("_id")), [])
        if documents:
            fields = {
                "id": row.fields["_id"],
                "question": row.fields.get("text"),
                "relevant": documents,
                "titles": [titles.get(document) for document in documents],
            }
            yield Row(row.place, row.id, fields)


def _read_corpus(folder: DataFolder, name: str, options: BeirOptions, found: Findings) -> Iterator[Row]:
    yield from JSON_LINES.rows(folder, posixpath.join(name, "corpus.jsonl"), NoOptions(), found)


BEIR = Format(
    _read_queries,
    _read_corpus,
    options=BeirOptions,
    case={"id": "id", "question": "question", "references": "titles", "evidence": "relevant"},
    document={"id": "_id", "text": "text", "title": "title"},
)
