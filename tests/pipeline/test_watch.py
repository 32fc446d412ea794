"""The watch over a run: what its log holds, that nothing shown changes, and where it finds that the time went."""

import logging
import time
import warnings
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.pipeline.watch import watched
from harness.runs import Cache, read_log
from harness.runs.progress import Silent


def write(folder: Path) -> None:
    """An artifact of one file."""
    (folder / "file").write_text("content", encoding="utf-8")


@pytest.fixture
def cache(tmp_path):
    """An empty cache."""
    return Cache(tmp_path / "cache")


def failing(request: dict, cache: Cache, folder: Path | None, task: str, error: BaseException) -> None:
    """A run in `folder`, if there is one, that ends with an error in the midst of a task."""
    with watched(request, Silent(), cache, None) as watch:
        if folder is not None:
            watch.keep(folder)
        with watch.task(task, 3):
            raise error


def events(folder: Path, event: str) -> list[dict]:
    """The lines of one kind of the log in `folder`."""
    return [line for line in read_log(folder) if line["event"] == event]


def test_the_log_tells_a_run_from_begin_to_end(tmp_path, cache, monkeypatch):
    """It begins with the command and the request, names tasks and artifacts, and ends with the outcome."""
    monkeypatch.setattr("sys.argv", ["/usr/bin/harness", "compare", "--model", "a b"])
    with watched({"suite": "pocket"}, Silent(), cache, None) as watch:
        watch.keep(tmp_path)
        with watch.task("train full", 3) as advance:
            made = cache.artifact("weights", {"seed": 0}, write)
            advance(3)
        cache.artifact("weights", {"seed": 0}, write)  # once more, of which nothing is new
    lines = list(read_log(tmp_path))
    assert [line["event"] for line in lines] == ["begin", "task_begin", "artifact", "task_end", "end"]
    begin, _, artifact, task, end = lines
    assert begin["command"] == "harness compare --model 'a b'"
    assert begin["config"] == {"suite": "pocket"}
    assert (artifact["kind"], artifact["artifact"], artifact["reused"]) == ("weights", made.key, False)
    assert (artifact["task"], artifact["stage"], artifact["bytes"]) == ("train full", "training", 7)
    assert (task["done"], task["total"]) == (3, 3)
    assert end["outcome"] == "finished"
    assert {stage["stage"]: (stage["built"], stage["reused"]) for stage in end["stages"]} == {
        "training": (1, 0),
        "other": (0, 0),
    }


def test_a_second_run_adds_to_the_log_and_reuses(tmp_path, cache):
    """What the first run built the second reuses, in the same file."""
    for _ in range(2):
        with watched({}, Silent(), cache, None) as watch:
            watch.keep(tmp_path)
            cache.artifact("index", {}, write)
    assert [line["reused"] for line in events(tmp_path, "artifact")] == [False, True]
    assert len(events(tmp_path, "begin")) == len(events(tmp_path, "end")) == 2


def test_the_time_goes_to_the_innermost_stage(cache):
    """Tasks, artifacts and stages within one another count once; the sum is the whole time."""
    begun = time.perf_counter()
    with watched({}, Silent(), cache, begun) as watch:
        with watch.stage("planning"):
            pass

        def build(folder: Path) -> None:
            with watch.task("load the embedder", 1):
                write(folder)

        with watch.task("predict base/rag-1", 1):
            cache.artifact("passages", {}, build)
    stages = watch.stages()
    assert [stage.stage for stage in stages] == ["loading", "planning", "retrieval", "predicting", "other"]
    assert sum(stage.seconds for stage in stages) == pytest.approx(time.perf_counter() - begun, abs=0.5)
    assert all(stage.seconds >= 0 for stage in stages)


def test_warnings_are_logged_and_shown_as_before(tmp_path, cache, caplog):
    """The harness's logger and Python's warnings reach the log, and whoever listened to them still does."""

    def warned() -> None:
        with watched({}, Silent(), cache, None) as watch:
            watch.keep(tmp_path)
            logging.getLogger("harness.runs.cache").warning("%s is damaged", "it")
            warnings.warn("beware", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="beware"):
        warned()
    assert [line["message"] for line in events(tmp_path, "log")] == ["it is damaged", "beware"]
    assert [line["level"] for line in events(tmp_path, "log")] == ["warning", "warning"]
    assert "it is damaged" in caplog.text


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InputError("no such thing"), "failed"),
        (ZeroDivisionError("a bug"), "failed"),
        (KeyboardInterrupt(), "interrupted"),
    ],
    ids=["bad input", "bug", "Ctrl-C"],
)
def test_an_error_is_the_end_of_the_log(tmp_path, cache, error, outcome):
    """How a run fails stands in its last line, with the traceback of what wasn't meant; the error goes on."""
    with pytest.raises(type(error)):
        failing({}, cache, tmp_path, "train full", error)
    (end,) = events(tmp_path, "end")
    assert (end["outcome"], end["level"]) == (outcome, "error")
    assert ("Traceback" in end["traceback"]) == (outcome == "failed")
    assert events(tmp_path, "task_end")[0]["done"] == 0


def test_secrets_in_command_request_and_errors_are_hidden(tmp_path, cache, monkeypatch):
    """Nothing that the environment holds as a key is in the log, wherever it came from."""
    monkeypatch.setenv("OPENAI_API_KEY", "correct-horse-battery")
    monkeypatch.setattr("sys.argv", ["harness", "compare", "--model", "correct-horse-battery"])
    told = "refused: Authorization: Bearer correct-horse-battery"
    with pytest.raises(InputError):
        failing({"model": told}, cache, tmp_path, told, InputError(told))
    text = (tmp_path / "log.jsonl").read_text(encoding="ascii")
    assert "horse" not in text
    assert "refused" in text


def test_a_run_without_a_folder_has_no_log(tmp_path, cache, monkeypatch):
    """A request that is refused before there is a run leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        failing({}, cache, None, "plan", InputError("no such suite"))
    assert list(tmp_path.iterdir()) == []


def test_the_cache_forgets_the_watch(tmp_path, cache):
    """After a run its cache tells nobody any more."""
    with watched({}, Silent(), cache, None) as watch:
        watch.keep(tmp_path)
    cache.artifact("index", {}, write)
    assert events(tmp_path, "artifact") == []
