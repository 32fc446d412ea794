"""The retrieval stage: which passages each retriever finds for the cases of a task, and how good they are.

What was found is an artifact of the cache: by indexes, settings and questions.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison import PassageRow
from harness.errors import InputError
from harness.pipeline.corpora import Corpora, Revision
from harness.pipeline.plan import Plan
from harness.pipeline.tasks import Task
from harness.prompting import Shown
from harness.retrieval import Judged, Passage, Piece, Query, RetrieverSettings, Vectors, make_retriever
from harness.runs import JSON, Cache
from harness.runs.progress import Progress
from harness.suite import Case, Evidence
from harness.variants import Context

HITS = "hits.jsonl"
TIMING = "timing.clock.json"
JUDGED = 10  # passages that rankings are judged by at least, however few are shown


@dataclass(frozen=True)
class Retrieved:
    """What was found for the cases of one task, by case id.

    `passages` come best first; `judged` ranks them, and some more, by the evidence that they hold. `build_seconds` and
    `bytes` are those of what was searched.
    """

    passages: Mapping[str, tuple[Shown, ...]]
    judged: Mapping[str, Judged]
    seconds_per_query: float
    build_seconds: float
    bytes: int
    hash: str

    def first(self, count: int) -> "Retrieved":
        """The same with only the best `count` passages of each case, judged as deep whatever else was asked for."""
        deep = max(count, JUDGED)
        return replace(
            self,
            passages={case: found[:count] for case, found in self.passages.items()},
            judged={case: one._replace(ranking=one.ranking[:deep]) for case, one in self.judged.items()},
        )


class Finder:
    """Finds passages for tasks: each search is done once, as deep as any variant needs it."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress) -> None:
        """Nothing is searched, and no embedder needed, before something is to be found."""
        self._plan, self._cache, self._progress = plan, cache, progress
        self._corpora = Corpora(plan, cache, progress)
        self._found: dict[tuple[str, str, tuple[str, ...], str, int], Retrieved] = {}

    def find_all(self) -> None:
        """Searches for all that the variants are shown: what can't be had is told before anything is trained."""
        for context in self._plan.contexts:
            for task in self._plan.tasks if context.passages else ():
                self.find(task, context)

    def prepare(self, task: Task, context: Context) -> None:
        """Makes what the retriever of `context` searches for the cases of `task`: passages and indexes."""
        self._corpora.searched(self._revision(task), self._plan.retrieval.retriever(context.retriever))

    def find(self, task: Task, context: Context, *, spare: int = 0) -> Retrieved:
        """What the retriever of `context` finds for the cases of `task`, and up to `spare` passages more.

        Raises InputError where there are fewer than the context shows.
        """
        asked = [c.passages for c in self._plan.contexts if c.passages and c.retriever == context.retriever]
        depth = max(context.passages + spare, *asked, JUDGED)
        # names of tasks repeat: suites may share one, and weak questions are drawn by recipe and seed
        cases = tuple(case.id for case in task.split.cases)
        key = (task.suite.hash, task.name, cases, context.retriever, depth)
        if key not in self._found:
            self._found[key] = self._search(task, context.retriever, depth)
        least = min(map(len, self._found[key].passages.values()), default=context.passages)
        if least < context.passages:
            raise InputError(
                f"{context} on {task.name} needs {context.passages} passages and {context.retriever} finds {least} "
                f"{self._revision(task).told}, so its name would be untrue. Lower K, or loosen the retriever's filter."
            )
        return self._found[key].first(context.passages + spare)

    def gold(self, task: Task) -> dict[str, list[Shown]]:
        """The passages that hold the evidence of each case, by case id, in the order of the corpus."""
        revision = self._revision(task)
        return {
            case.id: [_shown(revision.by_id[name]) for name in revision.coverage.gold(_pieces(case.evidence))]
            for case in task.split.cases
        }

    def telling(self, task: Task) -> dict[str, frozenset[str]]:
        """The ids of the passages that hold any part of the evidence of each case, by case id."""
        coverage = self._revision(task).coverage
        return {case.id: coverage.touching(_pieces(case.evidence)) for case in task.split.cases}

    def passages(self, task: Task, names: Iterable[str]) -> list[PassageRow]:
        """The passages with these ids, each once, as a run records them."""
        by_id = self._revision(task).by_id
        return [
            PassageRow(id=name, document=by_id[name].document, title=by_id[name].title, text=by_id[name].text)
            for name in dict.fromkeys(names)
        ]

    def seconds_alone(self, task: Task, context: Context, cases: Sequence[Case]) -> list[float]:
        """How long each of `cases` takes to retrieve for by itself, its question's embedding included, in seconds."""
        revision, settings = self._revision(task), self._plan.retrieval.retriever(context.retriever)
        queries = [self._query(revision, settings, case) for case in cases]
        depends: dict[str, JSON] = {
            **self._depends(revision, settings, queries, context.passages),
            "alone": self._plan.hardware.pace,
        }

        def build(folder: Path) -> None:
            retriever = make_retriever(settings, self._corpora.sources(revision))
            retriever.retrieve(queries[:1], context.passages)  # loads what is needed
            seconds = []
            for query in queries:
                begun = time.perf_counter()
                retriever.retrieve([query], context.passages)
                seconds.append(time.perf_counter() - begun)
            (folder / TIMING).write_text(json.dumps(seconds) + "\n", encoding="utf-8")

        found: list[float] = json.loads((self._cache.artifact("latency", depends, build).path / TIMING).read_bytes())
        return found

    @property
    def embedder(self) -> str:
        """The hash of the embedder's files."""
        return str(self._corpora.depends["embedder"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts by the run's embedder, `(texts, dimension) float32`."""
        return self._corpora.embed(texts)

    def _revision(self, task: Task) -> Revision:
        return self._corpora.revision(task.suite, task.split.as_of)

    def _search(self, task: Task, retriever: str, depth: int) -> Retrieved:
        revision, settings = self._revision(task), self._plan.retrieval.retriever(retriever)
        queries = [self._query(revision, settings, case) for case in task.split.cases]
        searched = self._corpora.searched(revision, settings)
        depends = self._depends(revision, settings, queries, depth)

        def build(folder: Path) -> None:
            self._write_hits(revision, settings, queries, depth, f"{retriever} for {task.name}", folder)

        hits = self._cache.artifact("hits", depends, build)
        rows = [json.loads(line) for line in (hits.path / HITS).read_text(encoding="utf-8").splitlines()]
        seconds = json.loads((hits.path / TIMING).read_text(encoding="utf-8"))["seconds_per_query"]
        by_case = list(zip(task.split.cases, rows, strict=True))
        any_will_do = task.split.evidence == "any"
        return Retrieved(
            passages={case.id: tuple(_shown(revision.by_id[name]) for name in row) for case, row in by_case},
            judged={
                case.id: revision.coverage.judge(_pieces(case.evidence), row, any_will_do=any_will_do)
                for case, row in by_case
            },
            seconds_per_query=seconds,
            build_seconds=sum(self._corpora.build_seconds(artifact) for artifact in searched),
            bytes=sum(artifact.bytes for artifact in searched),
            hash=hits.hash,
        )

    def _query(self, revision: Revision, settings: RetrieverSettings, case: Case) -> Query:
        gold = revision.coverage.gold(_pieces(case.evidence)) if settings.kind == "oracle" else ()
        return Query(case.question, gold)

    def _depends(
        self, revision: Revision, settings: RetrieverSettings, queries: Sequence[Query], depth: int
    ) -> dict[str, JSON]:
        """What the hits of `queries` depend on."""
        return {
            **self._corpora.depends,
            "searched": [artifact.hash for artifact in self._corpora.searched(revision, settings)],
            "retriever": settings.model_dump(mode="json"),
            "reranker": self._corpora.reranker_hash(settings),
            "queries": [[query.text, list(query.gold)] for query in queries],
            "k": depth,
        }

    def _write_hits(
        self,
        revision: Revision,
        settings: RetrieverSettings,
        queries: Sequence[Query],
        depth: int,
        label: str,
        folder: Path,
    ) -> None:
        retriever = make_retriever(settings, self._corpora.sources(revision))
        retriever.retrieve(queries[:1], depth)  # loads indexes and models, which is no part of a query's time
        with self._progress.task(f"retrieve by {label}", len(queries)) as advance:
            begun = time.perf_counter()
            hits = retriever.retrieve(queries, depth)
            seconds = (time.perf_counter() - begun) / max(1, len(queries))
            advance(len(queries))
        lines = [json.dumps([hit.passage for hit in row]) + "\n" for row in hits]
        (folder / HITS).write_text("".join(lines), encoding="utf-8")
        (folder / TIMING).write_text(json.dumps({"seconds_per_query": seconds}) + "\n", encoding="utf-8")


def _pieces(evidence: Sequence[Evidence]) -> list[Piece]:
    return [Piece(one.document, one.start or 0, one.end) for one in evidence]


def _shown(passage: Passage) -> Shown:
    return Shown(passage.id, passage.text, passage.title)
