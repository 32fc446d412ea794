"""Models of a hub: by name, pinned to a revision, and found again without a network."""

from pathlib import Path

import pytest

from harness._hub import commit_of, fetch, split_revision
from harness.errors import InputError

OLD, NEW = "1" * 40, "2" * 40


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the hub's own library keeps of a model that was fetched in two revisions."""
    model = tmp_path / "models--acme--tiny"
    for commit in (OLD, NEW):
        (model / "snapshots" / commit).mkdir(parents=True)
        (model / "snapshots" / commit / "config.json").write_text(f'{{"of": "{commit}"}}')
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(NEW)
    (model / "refs" / "v1").write_text(OLD)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "commit"),
    [("acme/tiny", NEW), ("acme/tiny@v1", OLD), (f"acme/tiny@{OLD}", OLD), ("acme/tiny@main", NEW)],
    ids=["unpinned", "tag", "commit", "branch"],
)
def test_a_name_may_pin_a_revision(hub_cache: Path, name: str, commit: str) -> None:
    """The snapshot is that of the revision, and tells its commit."""
    folder = fetch(name)
    assert commit in (folder / "config.json").read_text()
    assert commit_of(folder) == commit


def test_a_revision_that_is_not_there_is_no_other(hub_cache: Path) -> None:
    """An unknown revision isn't replaced by the newest."""
    with pytest.raises(OSError, match=r"v2|snapshot"):
        fetch("acme/tiny@v2")


@pytest.mark.parametrize("name", ["acme/tiny@", "@v1", "@"])
def test_half_a_pin_is_told(name: str) -> None:
    """An @ without a revision is a mistake, not the newest revision."""
    with pytest.raises(InputError, match="OWNER/NAME@REVISION"):
        split_revision(name)


def test_other_folders_have_no_commit(tmp_path: Path) -> None:
    """A folder of the user's is no snapshot."""
    assert commit_of(tmp_path) is None
