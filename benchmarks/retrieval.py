"""What each way of retrieving finds for real questions, and whether it is what plain calls of the libraries find.

    python benchmarks/retrieval.py [--quick] [--data FOLDER] [--only NAME] [--threads N]

Three corpora of the folder `../shared/data`, each skipped where it isn't there: `nq_oracle`, 2,600 passages of
Wikipedia as they are, with 698 questions; `xquad_en` and `covid_qa`, articles that the harness cuts into passages, with
1,190 and 1,380 questions whose answers stand at a known place. The peers on the first, written out below: MiniLM by
sentence-transformers and `IndexFlatIP` by FAISS, and bm25s. Where passages have one vector, FAISS's order of them is
chance and the harness's is by id, so that the peer is shown in that order too. MRR is over the first hundred. A second
table says how many candidates of each kind are best fused, by questions that no other table is about.

Quick takes a sixth of `nq_oracle`, on which all ways find more.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import bm25s
import faiss
import numpy as np
import torch
from measure import Summary, arguments, conclude, ratio, take_turns
from numpy.typing import NDArray
from Stemmer import Stemmer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from harness._quiet import quiet_transformers
from harness.comparison.statistics.bootstrap import differences
from harness.retrieval import (
    ChunkSettings,
    Coverage,
    Passage,
    Piece,
    Query,
    RetrieverSettings,
    Sources,
    build_index,
    build_sparse_index,
    chunk,
    embed,
    load_embedder,
    locate_embedder,
    make_retriever,
)
from harness.scoring.ranking import MeanReciprocalRank, Recall

DATA = Path(__file__).parents[2] / "shared" / "data"
DEPTH = 100
EQUAL = 1e-6  # scores of one vector that stands in two places differ by less
METRICS = (Recall(1), Recall(5), Recall(20), MeanReciprocalRank())
NAMES = tuple(metric.metric for metric in METRICS)
KINDS: dict[str, RetrieverSettings] = {
    "dense": RetrieverSettings(kind="dense"),
    "bm25": RetrieverSettings(kind="bm25"),
    "hybrid, 50 candidates": RetrieverSettings(kind="hybrid", candidates=50),
    "hybrid, 100 candidates": RetrieverSettings(kind="hybrid", candidates=100),
    "oracle": RetrieverSettings(kind="oracle"),
    "random": RetrieverSettings(kind="random"),
}
DEPTHS = (10, 20, 30, 50, 100, 200)

Values = Mapping[str, NDArray[np.float64]]  # metric to one number a question


class Article(NamedTuple):
    """A document to be cut."""

    id: str
    title: str
    text: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """Passages, questions about them, and what each question's evidence is."""

    name: str
    passages: Sequence[Passage]
    questions: Sequence[str]
    evidence: Sequence[Piece]

    @property
    def coverage(self) -> Coverage:
        """What covers the evidence."""
        return Coverage(self.passages)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="where the corpora are (default: %(default)s)")
    parser.add_argument("--only", choices=["nq_oracle", "xquad_en", "covid_qa"], help="one corpus")
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    names = [options.only] if options.only else ["nq_oracle", "xquad_en", "covid_qa"][: 1 if options.quick else None]
    summaries = []
    with threadpool_limits(options.threads):
        for name in names:
            if not (options.data / name).is_dir():
                print(f"{name}: skipped, since {options.data / name} is not there")
            elif name == "nq_oracle":
                summaries.append(against_plain_calls(options.data / name, options.quick))
            else:
                compare_kinds(squad(options.data / name))
    conclude(*summaries)


def against_plain_calls(folder: Path, quick: bool) -> Summary:
    """The ways of the harness and the plain ones on the passages of `nq_oracle`."""
    task, held_out = (natural_questions(folder, split, quick) for split in ("test", "train"))
    model = load_embedder(locate_embedder())
    embed(model, task.questions[:8], "query")  # the first time loads libraries
    sources = sources_of(task, model)

    ways = {
        "plain": lambda: plain_dense(task),
        "ours": lambda: judged(task, rankings(task, sources, KINDS["dense"])),
    }
    timed = take_turns(ways, 1)
    (as_it_comes, plain), dense = timed["plain"].result, timed["ours"].result
    difference = max(float(abs(plain[name].mean() - dense[name].mean())) for name in NAMES)

    print(f"\n{task.name}: {len(task.passages):,} passages as they are, {len(task.questions):,} questions")
    rows: dict[str, Values] = {
        "sentence-transformers + FAISS": as_it_comes,
        "  equal scores in order": plain,
        "dense": dense,
        "bm25s": plain_bm25(task),
    }
    rows |= {
        kind: judged(task, rankings(task, sources, settings)) for kind, settings in KINDS.items() if kind != "dense"
    }
    show(rows, dense)
    print(f"\ncandidates of each that are fused, by the {len(held_out.questions):,} other questions")
    other = sources_of(held_out, model, sources)
    first = judged(held_out, rankings(held_out, other, KINDS["dense"]))
    show(
        {"dense": first}
        | {
            f"hybrid, {depth}": judged(
                held_out, rankings(held_out, other, RetrieverSettings(kind="hybrid", candidates=depth))
            )
            for depth in DEPTHS
        },
        first,
    )
    return Summary(
        benchmark="retrieval/nq_oracle",
        ratio=ratio(timed["plain"], timed["ours"]),
        max_abs_diff=difference,
        identical=all(np.array_equal(plain[name], dense[name]) for name in NAMES),
        unique_token_ratio=None,
        floor_share=None,
    )


def compare_kinds(task: Task) -> None:
    sources = sources_of(task, load_embedder(locate_embedder()))
    print(f"\n{task.name}: {len(task.passages):,} passages, {len(task.questions):,} questions")
    rows = {kind: judged(task, rankings(task, sources, settings)) for kind, settings in KINDS.items()}
    show(rows, rows["dense"])


def plain_dense(task: Task) -> tuple[Values, Values]:
    """What sentence-transformers and FAISS find without the harness: as it comes, and with equal scores in order."""
    from sentence_transformers import SentenceTransformer

    with quiet_transformers():
        model = SentenceTransformer(str(locate_embedder()), device="cpu")
    passages = model.encode_document(texts_of(task), normalize_embeddings=True, show_progress_bar=False)
    questions = model.encode_query(list(task.questions), normalize_embeddings=True, show_progress_bar=False)
    index = faiss.IndexFlatIP(passages.shape[1])
    index.add(passages)
    scores, rows = index.search(questions, DEPTH)
    return by_formula(task, rows), by_formula(task, ties_in_order(scores, rows))


def ties_in_order(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows in the order of the corpus where FAISS's scores, which it leaves in any order, are equal."""
    groups = np.cumsum(np.diff(scores, axis=1, prepend=scores[:, :1]) < -EQUAL, axis=1)
    return np.take_along_axis(rows, np.lexsort((rows, groups)), axis=1)


def plain_bm25(task: Task) -> Values:
    """What bm25s does with them, by its own way of finding words."""
    stemmer = Stemmer("english")
    index = bm25s.BM25()
    index.index(
        bm25s.tokenize(texts_of(task), stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False
    )
    asked = bm25s.tokenize(list(task.questions), stopwords="en", stemmer=stemmer, show_progress=False)
    rows, _ = index.retrieve(asked, k=DEPTH, show_progress=False)
    return by_formula(task, rows)


def by_formula(task: Task, rows: NDArray[np.int64]) -> Values:
    """The metrics of rankings of rows, where one passage answers each question."""
    ids = np.array([passage.id for passage in task.passages])
    hits = ids[rows] == np.array([piece.document for piece in task.evidence])[:, None]
    rank = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, math.inf)
    return {
        "recall@1": 1.0 * (rank <= 1),
        "recall@5": 1.0 * (rank <= 5),
        "recall@20": 1.0 * (rank <= 20),
        "mrr": 1 / rank,
    }


def sources_of(task: Task, model: Any, other: Sources | None = None) -> Sources:
    """Where retrievers find what they need, each made once; the indexes are those of `other` if it is given."""

    @cache
    def dense() -> Any:
        return build_index(task.passages, embed(model, texts_of(task), "document"), "MiniLM")

    @cache
    def asked(texts: tuple[str, ...]) -> Any:
        return embed(model, texts, "query")

    return Sources(
        passages=task.passages,
        dense=other.dense if other else dense,
        embed=lambda texts: asked(tuple(texts)),
        sparse=other.sparse if other else cache(lambda: build_sparse_index(task.passages)),
        reranker=lambda name: None,
    )


def rankings(task: Task, sources: Sources, settings: RetrieverSettings) -> list[list[str]]:
    coverage = task.coverage
    queries = [Query(text, coverage.gold([piece])) for text, piece in zip(task.questions, task.evidence, strict=True)]
    found = make_retriever(settings, sources).retrieve(queries, DEPTH)
    return [[hit.passage for hit in hits] for hits in found]


def judged(task: Task, ranked: Sequence[Sequence[str]]) -> Values:
    """The metrics of rankings of passage ids, as the harness computes them."""
    coverage = task.coverage
    cases = [coverage.judge([piece], row) for piece, row in zip(task.evidence, ranked, strict=True)]
    predictions, references = [list(case.ranking) for case in cases], [list(case.relevant) for case in cases]
    return {
        metric.metric: np.array(metric.compute(predictions=predictions, references=references)["cases"])
        for metric in METRICS
    }


def show(rows: Mapping[str, Values], dense: Values) -> None:
    """A row a way; by recall@20 the questions that it wins and loses against `dense`, and the interval of that."""
    print(f"| {'':30} | {' | '.join(f'{name:>9}' for name in NAMES)} |    won | lost | recall@20 less dense's |")
    print(f"| --- |{' ---: |' * (len(NAMES) + 3)}")
    for label, values in rows.items():
        change = values["recall@20"] - dense["recall@20"]
        interval = differences([[change]])[0]
        means = " | ".join(f"{values[name].mean():9.4f}" for name in NAMES)
        print(
            f"| {label:30} | {means} | {(change > 0).sum():6} | {(change < 0).sum():4} "
            f"| {interval.value:+.4f} ({interval.low:+.4f} to {interval.high:+.4f}) |"
        )


def texts_of(task: Task) -> list[str]:
    return [passage.searched_text for passage in task.passages]


def natural_questions(folder: Path, split: str, quick: bool) -> Task:
    passages = [
        Passage(row["id"], row["text"], row["id"], row["title"], 0, len(row["text"]))
        for row in lines(folder / "corpus.jsonl")
    ]
    passages = passages[: len(passages) // 6] if quick else passages
    known = {passage.id for passage in passages}
    asked = [row for row in lines(folder / f"{split}.jsonl") if row["gold_passage"] in known]
    return Task(
        "nq_oracle", passages, [row["question"] for row in asked], [Piece(row["gold_passage"]) for row in asked]
    )


def squad(folder: Path) -> Task:
    """The articles of the SQuAD file in `folder`, cut into passages, and its questions."""
    (file,) = folder.glob("*.json")
    articles, questions, evidence = [], [], []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            id_ = f"{folder.name}-{len(articles)}"
            articles.append(Article(id_, article.get("title", "").replace("_", " "), paragraph["context"], {}))
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                questions.append(question["question"])
                evidence.append(Piece(id_, answer["answer_start"], answer["answer_start"] + len(answer["text"])))
    return Task(folder.name, chunk(articles, load_embedder(locate_embedder()), ChunkSettings()), questions, evidence)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
