import pytest

from harness.errors import InputError
from harness.gate import gate, read_snapshot, write_baseline

GROUPS = {f"case-{place:04}": f"document-{place // 5}" for place in range(100)}


@pytest.fixture
def mixed(store, world):
    """A run with two seeds, right and wrong, fractions, unscored cases and documents."""
    values = [1.0, 0.0, None, 2 / 3] * 25
    rows = [
        row
        for seed in (0, 1)
        for row in [
            *world.rows({"full/zero-shot": {"in_domain": world.hits(60 + seed)}}, seed=seed),
            *world.rows({"full/zero-shot": {"in_domain": values}}, metric="token_f1", seed=seed),
        ]
    ]
    return store("mixed", rows, groups=GROUPS)


def test_a_baseline_file_comes_back_as_it_was(mixed, tmp_path):
    """What is written of a run, and of what was read from that, are the same bytes."""
    first = write_baseline(read_snapshot(mixed), tmp_path / "first.json")
    second = write_baseline(read_snapshot(first), tmp_path / "second.json")
    assert first.read_bytes() == second.read_bytes()


def test_a_gate_concludes_the_same_from_folder_and_file(store, mixed, world, tmp_path):
    """Against the file, every figure of a gate is what it is against the folder."""
    run = [row for seed in (0, 1) for row in world.rows({"full/zero-shot": {"in_domain": world.hits(50)}}, seed=seed)]
    file = write_baseline(read_snapshot(mixed), tmp_path / "baseline.json")
    folder = store("run", run, groups=GROUPS)
    accepted = ["metric token_f1"]
    assert gate(folder, file, accept=accepted) == gate(folder, mixed, accept=accepted)


def test_one_changed_answer_is_one_changed_line(store, scores, world, tmp_path):
    """A person who reviews a baseline sees which cell moved, and by how much."""
    other = {**scores, "base/rag-3": {"in_domain": world.hits(81), "paraphrase": world.hits(75)}}
    before, after = (
        write_baseline(read_snapshot(store(name, some)), tmp_path / f"{name}.json").read_text().splitlines()
        for name, some in (("before", scores), ("after", other))
    )
    [(old, new)] = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert '"base/rag-3", "split": "in_domain"' in old
    assert '"mean": 0.8, "n": 100' in old
    assert '"mean": 0.81, "n": 100' in new


def test_a_baseline_that_was_edited_is_refused(store, scores, tmp_path):
    """Figures that don't fit their scores, a lost score and a word that is no number are told at once."""
    path = write_baseline(read_snapshot(store("run", scores)), tmp_path / "baseline.json")
    text = path.read_text().replace('"mean": 0.8,', '"mean": 0.9,').replace('"scores": {"0": "11', '"scores": {"0": "1')
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_snapshot(path)
    assert "has 99 scores in seed 0 for the 100 cases" in str(error.value)
    path.write_text(text.replace('"scores": {"0": "1', '"scores": {"0": "11').replace("111111", "1x1111", 1))
    with pytest.raises(InputError) as error:
        read_snapshot(path)
    assert "could not convert" in str(error.value)
    assert "has the mean 0.800000 where it says 0.900000" in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"primary": "exact_match"', '"primary": "token_f1"', "the primary metric of 'in_domain', 'paraphrase' has no"),
        ('"name": "paraphrase"', '"name": "in_domain"', "a split stands twice"),
        ("0000", "0700", "has the score 7, and a score lies between 0 and 1"),
        ("0000", "0x00", "could not convert"),
    ],
)
def test_an_edit_that_would_drop_or_bend_checks_is_refused(store, scores, tmp_path, old, new, told):
    """What would leave a split unchecked, or put a score where no bound holds, is told."""
    path = write_baseline(read_snapshot(store("run", scores)), tmp_path / "baseline.json")
    before, cells, after = path.read_text().partition('"cells"')
    path.write_text(before.replace(old, new) + cells + after.replace(old, new))
    with pytest.raises(InputError, match=told):
        read_snapshot(path)


@pytest.mark.parametrize(("content", "told"), [("{", "EOF"), ('{"schema": "harness.comparison/2"}', "baseline/1")])
def test_what_is_no_baseline_is_told(tmp_path, content, told):
    """A file of another kind is an error with the command that makes a baseline."""
    (tmp_path / "baseline.json").write_text(content)
    with pytest.raises(InputError, match="--update") as error:
        read_snapshot(tmp_path / "baseline.json")
    assert told in str(error.value)


def test_a_missing_baseline_is_told(tmp_path):
    """A path that leads nowhere is an error with what to do."""
    with pytest.raises(InputError, match="nothing to hold a run against"):
        read_snapshot(tmp_path / "nowhere")
