"""Writes what finds the passages of a variant: one revision of the corpus, its indexes, and the models that they need.

Where an index is no longer in the cache it is built again, from the suite's own documents.
"""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.pipeline.corpora import PASSAGES, Corpora
from harness.pipeline.export.source import Source
from harness.pipeline.find import JUDGED
from harness.pipeline.tasks import Task
from harness.retrieval import IndexSettings, locate_embedder, locate_reranker, model_hash
from harness.runs import fingerprint
from harness.variants import Variant


def newest(tasks: list[Task]) -> date | None:
    """The newest revision of the corpus that any of the tasks was asked against; None stands for the latest."""
    dates = [task.split.as_of for task in tasks]
    return None if None in dates else max(one for one in dates if one is not None)


def write_passages(source: Source, corpora: Corpora, as_of: date | None, folder: Path) -> dict[str, Any]:
    """Writes the revision of `as_of` into `folder`, and returns the settings by which it is searched.

    Raises InputError if the run retrieved by another embedder or other settings than there are now.
    """
    plan, context = source.plan, source.variant.context
    _refuse_other_retrieval(source, corpora)
    retriever = plan.retrieval.retriever(context.retriever)
    folder.mkdir()
    settings: dict[str, Any] = {
        "passages": context.passages,
        "depth": _depth(source),
        **retriever.model_dump(mode="json", exclude={"rerank"}),
        "language": plan.retrieval.language,
        "as_of": as_of and as_of.isoformat(),
        "embedder": None,
        "reranker": None,
    }
    for artifact in corpora.searched(corpora.revision(plan.suite, as_of), retriever):
        files = {path.name for path in artifact.path.iterdir()}
        if "vectors.npy" in files:
            index = IndexSettings.model_validate_json((artifact.path / "settings.json").read_bytes())
            settings |= {"structure": index.structure, "effort": index.effort}
            for name in files & {"vectors.npy", "index.faiss"}:
                shutil.copyfile(artifact.path / name, folder / name)
            settings["embedder"] = _copy_model(plan.config.embedder, index.embedder, folder / "embedder")
        elif PASSAGES in files:
            shutil.copyfile(artifact.path / PASSAGES, folder / PASSAGES)
        else:
            shutil.copytree(artifact.path, folder / "bm25")
    if retriever.rerank:
        expected = corpora.reranker_hash(retriever) or ""
        settings["reranker"] = _copy_model(retriever.rerank, expected, folder / "reranker", reranks=True)
    return settings


def _refuse_other_retrieval(source: Source, corpora: Corpora) -> None:
    """Raises InputError unless settings and embedder are those in the signature of the run."""
    retrieval = [source.plan.retrieval.model_dump(mode="json"), corpora.depends["embedder"]]
    if f"retrieval:{fingerprint(retrieval)[:8]}" not in source.manifest["signature"].split("|"):
        raise InputError(
            f"{source.run.path}: retrieved with another embedder than {source.plan.config.embedder} is now, or with "
            "other settings, so what would be exported is not what was scored. Run the comparison again."
        )


def _depth(source: Source) -> int:
    """How many passages the run searched for: what a FAISS structure finds can depend on it."""
    contexts = [Variant.parse(name).context for name in source.manifest["variants"]]
    retriever = source.variant.context.retriever
    return max(JUDGED, *(context.passages for context in contexts if context.retriever == retriever))


def _copy_model(name: str, expected: str, folder: Path, *, reranks: bool = False) -> dict[str, str]:
    """Copies a model's files but the hidden ones, which its hash doesn't cover; raises InputError if it is another."""
    origin = locate_reranker(name) if reranks else locate_embedder(name)
    shutil.copytree(origin, folder, ignore=shutil.ignore_patterns(".*"))
    if model_hash(folder) != expected:
        raise InputError(f"{origin}: has changed while it was copied, so it isn't what was compared. Export again.")
    return {"name": Path(name).name if Path(name).is_dir() else name, "sha256": expected}
