"""`harness cache`: what it prints and writes, and how it ends."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness.cli import main
from harness.pipeline.served.asking import REPLIES
from harness.runs import Cache
from harness.runs.inventory import State, entries

Run = Callable[..., tuple[int, str, str]]
DAY = 86_400


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with three artifacts, used 1, 40 and 50 days ago, a store, and an old checkpoint."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    cache = Cache(tmp_path / "cache")
    for kind, days, size in (("weights", 1, 3_000), ("weights", 40, 2_000), ("predictions", 50, 1_000)):
        made = cache.artifact(
            kind, {"days": days}, lambda folder, size=size: (folder / "data").write_bytes(b"x" * size)
        )
        use(made.path.parent, days)
    store = cache.folder("vectors", {})
    store.mkdir(parents=True)
    (store / f"{sha256(b'segment').hexdigest()}.npy").write_bytes(b"segment")
    use(store, 2)
    checkpoint = cache.unfinished("weights", {"days": 60})
    checkpoint.mkdir()
    (checkpoint / "step").write_text("half")
    use(checkpoint, 60)
    return cache.root


def use(folder: Path, days: float) -> None:
    """Makes `folder` look as if it was used last so many days ago."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - days * DAY,) * 2)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line; returns exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["harness", "cache", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        output = capsys.readouterr()
        return int(exited.value.code or 0), output.out, output.err

    return run


def rows(shown: str) -> dict[str, list[str]]:
    """The lines of a table by their first column, without what is between columns."""
    lines = (re.split(r" {2,}", line.strip()) for line in shown.splitlines())
    return {line[0]: line[1:] for line in lines if len(line) > 1}


def test_list_shows_kinds(root: Path, harness: Run) -> None:
    """Each kind has its number, size and last use; checkpoints have a line of their own; sizes add up to the total."""
    code, shown, _ = harness("list")
    found = entries(root)
    table = rows(shown)
    assert code == 0
    assert str(root) in shown
    assert {name: [row[0], row[-1]] for name, row in table.items() if name not in {"kind", "total"}} == {
        "predictions": ["1", "50 d ago"],
        "vectors": ["1", "2 d ago"],
        "weights": ["2", "1 d ago"],
        "weights, unfinished": ["1", "60 d ago"],
    }
    assert table["total"] == ["5", f"{sum(entry.bytes for entry in found) / 1e3:.2f} kB"]


def test_list_shows_artifacts_of_a_kind(root: Path, harness: Run) -> None:
    """With --kind there is one line an artifact, the last used first."""
    _, shown, _ = harness("list", "--kind", "weights")
    assert re.findall(r"\d+ d ago", shown) == ["1 d ago", "40 d ago", "60 d ago"]
    for entry in entries(root, "weights"):
        assert entry.key[:16] in shown


def test_list_as_json(root: Path, harness: Run) -> None:
    """--json has every artifact with its whole key, bytes and time of last use in UTC."""
    code, written, _ = harness("list", "--json")
    content = json.loads(written)
    assert code == 0
    assert content["root"] == str(root)
    assert content["bytes"] == sum(row["bytes"] for row in content["artifacts"]) == sum(e.bytes for e in entries(root))
    assert {row["key"] for row in content["artifacts"]} == {entry.key for entry in entries(root)}
    assert all(row["used"].endswith("+00:00") for row in content["artifacts"])


def test_list_of_nothing(tmp_path: Path, harness: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that isn't there yet is empty, and isn't made by looking."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "none"))
    assert harness("list")[0] == harness("verify")[0] == harness("prune", "--all")[0] == 0
    assert not (tmp_path / "none").exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def test_verify(root: Path, harness: Run) -> None:
    """All intact is 0; damage is 1 and named; --remove drops just that, after which all is intact again."""
    assert harness("verify")[0] == 0
    (damaged,) = entries(root, "predictions")
    flip(damaged.path / "files" / "data")
    (segment,) = root.glob("vectors/*/*.npy")
    flip(segment)
    for _ in range(2):
        code, shown, _ = harness("verify")
        assert code == 1
        assert f"{damaged.name}: data has other bytes than were written" in shown
        assert f"{segment.relative_to(root).as_posix()}: its content isn't what was written" in shown
        assert "2 damaged" in shown
    code, written, _ = harness("verify", "--remove", "--json")
    assert code == 1
    assert [(row["kind"], row["removed"]) for row in json.loads(written)["damaged"]] == [
        ("predictions", True),
        ("vectors", True),
    ]
    assert harness("verify")[0] == 0
    assert {entry.kind for entry in entries(root)} == {"vectors", "weights"}


PRUNED = {
    "older": (["--older-than", "30d"], ["weights 60", "predictions 50", "weights 40"]),
    "older, of a kind": (["--older-than", "6w", "--kind", "weights"], ["weights 60"]),
    "unfinished": (["--unfinished"], ["weights 60"]),
    "size": (["--to", "6kB"], ["weights 60", "predictions 50"]),
    "everything": (["--all"], ["weights 60", "predictions 50", "weights 40", "vectors 2", "weights 1"]),
}


@pytest.mark.parametrize(("options", "gone"), PRUNED.values(), ids=PRUNED.keys())
def test_prune(options: list[str], gone: list[str], root: Path, harness: Run) -> None:
    """A dry run tells what would go, and removes nothing; then just that goes, the least recently used first."""
    before = entries(root)
    days = {entry.path: f"{entry.kind} {(time.time() - entry.used) / DAY:.0f}" for entry in before}
    code, written, _ = harness("prune", *options, "--dry-run", "--json")
    told = json.loads(written)
    assert code == 0
    assert [days[Path(row["path"])] for row in told["removed"]] == gone
    assert entries(root) == before
    assert "would free" in harness("prune", *options, "--dry-run")[1]
    code, shown, _ = harness("prune", *options)
    assert (code, "freed" in shown) == (0, True)
    left = entries(root)
    assert sorted(days[entry.path] for entry in left) == sorted(set(days.values()) - set(gone))
    assert sum(entry.bytes for entry in left) == sum(entry.bytes for entry in before) - told["freed_bytes"]


def test_prune_spares_what_is_in_use(root: Path, harness: Run) -> None:
    """What a living process was given stays, and is told."""
    Cache(root).artifact("weights", {"days": 40}, lambda folder: None)  # this process lives
    code, shown, _ = harness("prune", "--all")
    assert (code, "1 stay, since running commands use or build them" in shown) == (0, True)
    assert [(entry.kind, entry.state) for entry in entries(root)] == [("weights", State.FINISHED)]
    assert "but the rest is in use" in harness("prune", "--to", "0GB")[1]


@pytest.fixture
def replies(root: Path) -> Path:
    """Beside all that, 500 bytes of replies of a server, used 70 days ago."""
    folder = Cache(root).folder(REPLIES, {"server": "http://host/v1"})
    folder.mkdir(parents=True)
    (folder / "some.jsonl").write_bytes(b"r" * 500)
    use(folder, 70)
    return folder


@pytest.mark.parametrize("options", [["--older-than", "30d"], ["--to", "0GB"], ["--to", "4kB", "--unfinished"]])
def test_prune_spares_what_was_paid_for(options: list[str], root: Path, replies: Path, harness: Run) -> None:
    """Replies stay whatever their age and the size that is asked for, and are told by name with what removes them."""
    code, written, _ = harness("prune", *options, "--dry-run", "--json")
    told = json.loads(written)
    assert (code, [row["path"] for row in told["paid"]]) == (0, [str(replies)])
    assert str(replies) not in [row["path"] for row in told["removed"]]
    shown = harness("prune", *options)[1]
    assert "1 stay (500 B), replies of a server that were paid for" in shown
    assert (f"replies/{replies.name}" in shown, "Remove them, too, with --replies." in shown) == (True, True)
    assert ("but the rest is what was paid for" in shown) == (options == ["--to", "0GB"])
    assert (replies / "some.jsonl").read_bytes() == b"r" * 500


@pytest.mark.parametrize(
    "options",
    [
        ["--older-than", "60d", "--replies"],
        ["--older-than", "60d", "--kind", "replies"],
        ["--to", "0GB", "--replies"],
        ["--all"],
    ],
)
def test_prune_removes_what_was_paid_for_where_it_is_asked_to(
    options: list[str], root: Path, replies: Path, harness: Run
) -> None:
    """Named by an option, by their kind, or among everything, replies go as anything else does."""
    shown = harness("prune", *options)[1]
    assert f"replies/{replies.name}" in shown
    assert "paid for" not in shown
    assert not replies.exists()


def test_replies_that_nobody_wants_gone_are_not_told(root: Path, replies: Path, harness: Run) -> None:
    """What would have stayed anyway, by age and size, is no news."""
    assert "paid for" not in harness("prune", "--older-than", "90d")[1]
    assert "paid for" not in harness("prune", "--to", "1GB")[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prune"], "nothing says what may go"),
        (["prune", "--dry-run"], "nothing says what may go"),
        (["prune", "--all", "--to", "1GB"], "--all removes everything"),
        (["prune", "--to", "20"], "--to 20: is no size"),
        (["prune", "--to", "-1GB"], "--to -1GB: is no size"),
        (["prune", "--older-than", "30 moons"], "--older-than 30 moons: is no time"),
        (["list", "--kind", "weight"], "Did you mean 'weights'?"),
        (["verify", "--kind", "../weights"], "unknown kind"),
    ],
)
def test_bad_input(arguments: list[str], told: str, root: Path, harness: Run) -> None:
    """What can't be meant is one message and exit code 2, and nothing is removed."""
    before = entries(root)
    code, _, problem = harness(*arguments)
    assert (code, told in " ".join(problem.split())) == (2, True)
    assert entries(root) == before


def test_a_root_that_is_a_file(tmp_path: Path, harness: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that can't be read is one message."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    code, _, problem = harness("list")
    assert (code, "can't be read" in problem) == (2, True)


def test_no_model_library_is_loaded(root: Path) -> None:
    """The commands answer without torch."""
    code = (
        "import sys\nfrom harness.cli import main\nsys.argv[1:] = ['cache', 'list']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*({'torch', 'transformers', 'fsspec', 's3fs'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "weights" in done.stdout
    assert done.stderr.split() == []


def test_a_file_that_vanishes_is_one_message(root: Path, harness: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the cache that somebody removes while a command reads it ends it with a remedy, not a traceback."""
    from harness.runs import inventory

    def vanished(*arguments: object) -> None:
        (root / "weights" / "gone" / "files" / "data").read_bytes()

    monkeypatch.setattr(inventory, "entries", vanished)
    code, _, problem = harness("list")
    assert (code, "is gone from the cache" in problem) == (2, True)
