import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import CacheError
from harness.retrieval import embed
from harness.retrieval import store as store_module
from harness.retrieval.store import embed_stored

TEXTS = [f"The colour of house {number} is green." for number in range(200)]
Embedded = list[str]

KILLED = """
import os, signal, sys
from pathlib import Path
from harness.retrieval import load_embedder, locate_embedder, store
store._SEGMENT, done = 20, 0
def advance(count):
    global done
    done += count
    if done > 100:
        os.kill(os.getpid(), signal.SIGKILL)
texts = [f"The colour of house {number} is green." for number in range(200)]
store.embed_stored(Path(sys.argv[1]), load_embedder(locate_embedder()), texts, "document", advance=advance)
"""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """The texts that were really embedded, in segments of 20."""
    texts: Embedded = []

    def counted(model: Any, part: Sequence[str], role: Any, **options: Any) -> Any:
        texts.extend(part)
        return embed(model, part, role, **options)

    monkeypatch.setattr(store_module, "embed", counted)
    monkeypatch.setattr(store_module, "_SEGMENT", 20)
    return texts


def segments(store: Path) -> list[Path]:
    return sorted(store.glob("*.npy"))


def test_what_is_reused_tells_what_it_once_cost(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """The seconds of stored texts are told when they are used again, and none for those that are embedded now."""
    told: list[list[float]] = [[], [], []]
    embed_stored(tmp_path, minilm, TEXTS[:40], "document", spared=told[0].append)
    embed_stored(tmp_path, minilm, TEXTS[:40], "document", spared=told[1].append)
    embed_stored(tmp_path, minilm, [*TEXTS[:20], TEXTS[50]], "document", spared=told[2].append)
    assert sum(told[0]) == 0
    assert sum(told[1]) > sum(told[2]) > 0
    assert len(embedded) == 41


def test_vectors_are_those_of_the_model(tmp_path: Path, minilm: Any) -> None:
    """Stored vectors are in the order of the texts and those that `embed` gives, also when they are read again."""
    texts = [*TEXTS[:30], TEXTS[3], ""]
    plain = embed(minilm, texts, "document")
    new, read = (embed_stored(tmp_path, minilm, texts, "document") for _ in range(2))
    np.testing.assert_allclose(new, plain, atol=1e-6)
    assert (new == read).all()
    assert (new.dtype, new.shape) == (np.float32, (32, 384))


def test_nothing_is_embedded_twice(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """Texts that stand twice, or were embedded before in another order, aren't embedded again."""
    embed_stored(tmp_path, minilm, [*TEXTS[:50], *TEXTS[:50]], "document")
    embed_stored(tmp_path, minilm, TEXTS[49::-1], "document")
    assert embedded == TEXTS[:50]


def test_a_hundredth_changed(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """After one text in a hundred changed, one in a hundred is embedded."""
    embed_stored(tmp_path, minilm, TEXTS, "document")
    embedded.clear()
    changed = [*TEXTS[:70], "This one was edited.", *TEXTS[71:150], "And this one.", *TEXTS[151:]]
    vectors = embed_stored(tmp_path, minilm, changed, "document")
    assert embedded == ["This one was edited.", "And this one."]
    np.testing.assert_allclose(vectors, embed(minilm, changed, "document"), atol=1e-6)


def test_revisions_share(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """A revision that adds, updates and deletes texts embeds only the new ones, and going back embeds none."""
    first, second = TEXTS[:40], [*TEXTS[5:20], "An update.", *TEXTS[21:40], "An addition."]
    for revision in (first, second, first):
        vectors = embed_stored(tmp_path, minilm, revision, "document")
        np.testing.assert_allclose(vectors, embed(minilm, revision, "document"), atol=1e-6)
    assert embedded == [*first, "An update.", "An addition."]


def test_roles_are_kept_apart(tmp_path: Path, minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text as a query isn't taken for the same text as a document, since a model may prompt for them differently."""
    monkeypatch.setattr(minilm, "prompts", {"query": "query: ", "document": "passage: "})
    for role in ("query", "document"):
        found = embed_stored(tmp_path, minilm, ["the moon"], role)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, embed(minilm, ["the moon"], role), atol=1e-6)  # type: ignore[arg-type]


def test_an_error_loses_one_segment(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """What was embedded before a run was interrupted is there for the next one."""

    def interrupt(count: int) -> None:
        if len(embedded) > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_stored(tmp_path, minilm, TEXTS, "document", advance=interrupt)
    assert embedded == TEXTS[:80]
    embed_stored(tmp_path, minilm, TEXTS, "document")
    assert embedded[80:] == TEXTS[60:]
    assert {path.suffix for path in tmp_path.iterdir() if path.name != ".lock"} == {".npy"}


def test_a_killed_process(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """A process that is killed leaves what it had embedded, and its lock holds up nobody."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert len(segments(tmp_path)) == 5
    embed_stored(tmp_path, minilm, TEXTS, "document")
    assert embedded == TEXTS[100:]


def test_two_at_once(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """Of two that embed the same texts at the same time one waits, and finds what the other embedded."""
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: embed_stored(tmp_path, minilm, TEXTS[:60], "document"), range(2))
    assert (one == other).all()
    assert embedded == TEXTS[:60]


@pytest.mark.parametrize("damage", ["flipped", "torn", "empty"])
def test_damaged_segment(
    damage: str, tmp_path: Path, minilm: Any, embedded: Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged segment is told of, dropped and embedded again; the others are used."""
    before = embed_stored(tmp_path, minilm, TEXTS[:60], "document")
    path = segments(tmp_path)[1]
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes({"flipped": content, "torn": content[:500], "empty": b""}[damage])
    embedded.clear()
    with caplog.at_level(logging.WARNING):
        again = embed_stored(tmp_path, minilm, TEXTS[:60], "document")
    assert len(embedded) == 20
    assert path.name in caplog.text
    np.testing.assert_allclose(again, before, atol=1e-6)
    caplog.clear()
    embed_stored(tmp_path, minilm, TEXTS[:60], "document")
    assert (len(embedded), caplog.text) == (20, "")


class Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("rows", [np.array([Evil()], dtype=object), np.zeros((3, 384), np.float32)])
def test_foreign_segment(
    rows: Any, tmp_path: Path, minilm: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that nobody here wrote is no segment, whatever its name, and nothing in it is run."""
    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    np.save(content, rows, allow_pickle=True)
    (tmp_path / f"{hashlib.sha256(content.getvalue()).hexdigest()}.npy").write_bytes(content.getvalue())
    embed_stored(tmp_path, minilm, ["the moon"], "document")
    assert "damaged" in caplog.text
    assert not (tmp_path / "ran").exists()


def test_a_full_store_is_only_read(tmp_path: Path, minilm: Any) -> None:
    """Where nothing is missing nothing is written, not even a lock, so that a store that can't be written serves."""
    embed_stored(tmp_path, minilm, TEXTS[:5], "document")
    (tmp_path / ".lock").unlink(missing_ok=True)
    embed_stored(tmp_path, minilm, TEXTS[:5], "document")
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]


def test_store_that_cannot_be_written(tmp_path: Path, minilm: Any) -> None:
    """A place that can't hold a store is one clear message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="HARNESS_CACHE"):
        embed_stored(tmp_path / "file" / "store", minilm, ["the moon"], "document")


def test_advance_counts_every_text(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """The progress callback is told of each text once, whether it was stored, is embedded or stands twice."""
    embed_stored(tmp_path, minilm, TEXTS[:30], "document")
    done: list[int] = []
    embed_stored(tmp_path, minilm, [*TEXTS[:70], *TEXTS[:10]], "document", advance=done.append)
    assert sum(done) == 80


def test_no_texts(tmp_path: Path, minilm: Any) -> None:
    """No texts give no rows, of the right width, and no store."""
    assert embed_stored(tmp_path / "store", minilm, [], "query").shape == (0, 384)
    assert not (tmp_path / "store").exists()


def test_half_a_surrogate_pair(tmp_path: Path, minilm: Any, embedded: Embedded) -> None:
    """A text that no file can hold as it is has a vector like any other, and only once."""
    for _ in range(2):
        embed_stored(tmp_path, minilm, ["a moon \ud800"], "document")
    assert len(embedded) == 1
