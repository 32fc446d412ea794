import json
import sys
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.runs import code_hash, file_hash, fingerprint, folder_hash, library_versions


def test_order_of_keys() -> None:
    """Two mappings with the same items have the same fingerprint, whatever the order of their keys."""
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})


@pytest.mark.parametrize("other", [[2, 1], [1, 2, None], ["1", 2], [1.0, 2], [True, 2], [[1], 2], {"0": 1, "1": 2}])
def test_other_values(other: object) -> None:
    """Values that differ in order, type or nesting have different fingerprints."""
    assert fingerprint([1, 2]) != fingerprint(other)  # type: ignore[arg-type]


def test_known_value() -> None:
    """The fingerprint is the SHA-256 of the canonical JSON, so that another tool can compute it."""
    # printf '{"a":[1,"\\u00e9"]}' | sha256sum
    assert fingerprint({"a": (1, "é")}) == "83a175c500b5b96c13553ef38f7d1acfb22f0f69d64880f0156110554c0b2b0c"


def test_keys_that_json_would_confuse() -> None:
    """A key that is no string is refused, because JSON would write 1 and "1" alike."""
    with pytest.raises(TypeError, match="keys that are strings"):
        fingerprint({"outer": [{1: "x"}]})  # type: ignore[dict-item]


def test_not_a_number() -> None:
    """A NaN is refused, because it equals nothing."""
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint(float("nan"))


def test_hostile_text() -> None:
    """A lone surrogate, which UTF-8 can't hold, still has a fingerprint."""
    assert fingerprint("\ud800") != fingerprint("\ud801")


def test_folder_hash_ignores_place(tmp_path: Path) -> None:
    """Folders with the same names and bytes have the same hash, in whatever order the files were made."""
    for folder, names in (("one", ["a", "sub/b"]), ("two", ["sub/b", "a"])):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    assert folder_hash(tmp_path / "one") == folder_hash(tmp_path / "two")


def test_folder_hash_sees_every_file(tmp_path: Path) -> None:
    """Changing a byte, a name or the number of files changes a folder's hash."""
    (tmp_path / "a").write_text("1")
    hashes = [folder_hash(tmp_path)]
    (tmp_path / "a").write_text("2")
    hashes.append(folder_hash(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    hashes.append(folder_hash(tmp_path))
    (tmp_path / "c").touch()
    hashes.append(folder_hash(tmp_path))
    assert len(set(hashes)) == 4


def test_folder_hash_of_patterns(tmp_path: Path) -> None:
    """Only files that match a pattern count."""
    (tmp_path / "model.safetensors").write_text("weights")
    before = folder_hash(tmp_path, ["*.safetensors", "*.json"])
    (tmp_path / "README.md").write_text("words")
    assert folder_hash(tmp_path, ["*.safetensors", "*.json"]) == before


def test_folder_hash_of_nothing(tmp_path: Path) -> None:
    """A folder that is missing or has no such file is an error, since it would equal every other empty one."""
    with pytest.raises(InputError, match="nothing to hash"):
        folder_hash(tmp_path / "missing")


def test_file_hash_of_missing_file(tmp_path: Path) -> None:
    """A file that can't be read is named in the error."""
    with pytest.raises(InputError, match=r"gone\.txt"):
        file_hash(tmp_path / "gone.txt")


def test_code_hash_follows_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a package's source, also in a nested module, changes its code hash; the package isn't imported."""
    package = tmp_path / "stage_for_code_hash"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "inner" / "part.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_hash("stage_for_code_hash")
    assert code_hash("stage_for_code_hash") == before
    (package / "inner" / "part.py").write_text("x = 2")
    assert code_hash("stage_for_code_hash") != before


def test_code_hash_of_modules() -> None:
    """A module may be given itself or by its name; the order of several doesn't count."""
    assert code_hash(json, "harness.errors") == code_hash("harness.errors", "json")
    assert code_hash("harness.errors") != code_hash(json)


def test_code_hash_of_unknown_module() -> None:
    """A name that is no module is an error, not an empty hash."""
    with pytest.raises(ModuleNotFoundError, match="no module 'harness_nowhere'"):
        code_hash("harness_nowhere")


def test_library_versions() -> None:
    """An installed library is told with its version, without importing it, and an absent one as None."""
    versions = library_versions(["pytest", "no-such-distribution"])
    assert versions == {"no-such-distribution": None, "pytest": sys.modules["pytest"].__version__}
