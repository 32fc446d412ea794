"""Artifacts exchanged through a real S3 server (moto, on this machine), a folder and memory."""

import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CacheError, InputError
from harness.runs import JSON, Cache, artifact_key
from harness.runs.fsspec_storage import FsspecStorage

INPUTS: dict[str, JSON] = {"seed": 0}
KEY = artifact_key("weights", INPUTS)
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


def write(content: str = "payload") -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "data.txt").write_text(content)
        (folder / "other.txt").write_text("other")

    return build


def never(folder: Path) -> None:
    raise AssertionError("built although it was there")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def credentials(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the S3 libraries read from the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return s3


@pytest.fixture(params=["s3", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty shared store of each kind."""
    if request.param == "file":
        return f"file://{tmp_path}/share"
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/share"
    request.getfixturevalue("credentials")
    import s3fs

    bucket = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/teams/ours"


def stored(url: str) -> dict[str, bytes]:
    """Everything in the store, by its name below the URL."""
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url, skip_instance_cache=True)
    found = {path: files.cat_file(path) for path in files.find(root)}
    return {path.removeprefix(root).lstrip("/"): content for path, content in found.items()}


def overwrite(url: str, name: str, content: bytes) -> None:
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url, skip_instance_cache=True)
    files.pipe_file(f"{root}/{name}", content)


def test_what_one_machine_builds_another_has(url: str, tmp_path: Path) -> None:
    """An artifact that one cache built is in another's hands with the same bytes, hash and seconds, and isn't built."""
    built = Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    pulled = Cache(tmp_path / "two", url).artifact("weights", INPUTS, never)
    assert (built.reused, pulled.reused) == (False, True)
    assert (pulled.hash, pulled.seconds, pulled.bytes) == (built.hash, built.seconds, built.bytes)
    assert (pulled.path / "sub" / "data.txt").read_text() == "payload"
    assert Cache(tmp_path / "two", "").find("weights", INPUTS) is not None, "it lies in the local cache now"


@pytest.mark.parametrize("ask", ["find", "get"])
def test_finding_pulls(ask: str, url: str, tmp_path: Path) -> None:
    """`find` and `get` know what the store has, and that it has nothing else."""
    Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    cache = Cache(tmp_path / "two", url)
    found = cache.find("weights", INPUTS) if ask == "find" else cache.get("weights", KEY)
    assert found is not None
    assert (found.path / "other.txt").read_text() == "other"
    assert cache.find("weights", {"seed": 1}) is None
    assert cache.get("weights", "f" * 64) is None
    assert cache.get("weights", "../../escape") is None


def test_layout(url: str, tmp_path: Path) -> None:
    """Files lie under the hash of their content, beside the manifest, and nothing half-written is left."""
    built = Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    assert sorted(stored(url)) == [
        "harness.json",
        f"weights/{KEY}/{built.hash}/other.txt",
        f"weights/{KEY}/{built.hash}/sub/data.txt",
        f"weights/{KEY}/manifest.json",
    ]


def test_manifest_comes_last(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push that is cut off leaves nothing that looks finished, and is made up for when the artifact is next used."""
    upload, done = FsspecStorage.upload, []

    def cut_off(storage: FsspecStorage, path: Path, name: str) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(name)
        upload(storage, path, name)

    with monkeypatch.context() as patched:
        patched.setattr(FsspecStorage, "upload", cut_off)
        with pytest.raises(KeyboardInterrupt):
            Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    assert Cache(tmp_path / "two", url).find("weights", INPUTS) is None
    assert Cache(tmp_path / "one", url).artifact("weights", INPUTS, never).reused
    assert Cache(tmp_path / "two", url).artifact("weights", INPUTS, never).reused


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_what_was_built_without_the_store_is_pushed_later(url: str, tmp_path: Path) -> None:
    """A cache that was filled before it was shared gives what is used of it to the store."""
    Cache(tmp_path / "one", "").artifact("weights", INPUTS, write())
    Cache(tmp_path / "one", url).artifact("weights", INPUTS, never)
    assert Cache(tmp_path / "two", url).artifact("weights", INPUTS, never).reused


DAMAGES: dict[str, Callable[[str, str], None]] = {
    "flipped byte": lambda url, hash_: overwrite(url, f"weights/{KEY}/{hash_}/sub/data.txt", b"pbyload"),
    "torn file": lambda url, hash_: overwrite(url, f"weights/{KEY}/{hash_}/other.txt", b"oth"),
    "torn manifest": lambda url, hash_: overwrite(url, f"weights/{KEY}/manifest.json", b"{"),
    "missing file": lambda url, hash_: remove(url, f"weights/{KEY}/{hash_}/other.txt"),
}


def remove(url: str, name: str) -> None:
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url, skip_instance_cache=True)
    files.rm_file(f"{root}/{name}")


@pytest.mark.parametrize(
    ("url", "damage"), [("s3", "flipped byte"), *(("file", damage) for damage in DAMAGES)], indirect=["url"]
)
def test_damage_in_the_store(damage: str, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged artifact there is named in one warning, isn't used, and is replaced by what is built."""
    built = Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    DAMAGES[damage](url, built.hash)
    with caplog.at_level(logging.WARNING):
        again = Cache(tmp_path / "two", url).artifact("weights", INPUTS, write())
    assert (again.reused, again.hash) == (False, built.hash)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("harness")]
    assert [f"weights/{KEY}" in message for message in told] == [True]
    assert Cache(tmp_path / "three", url).artifact("weights", INPUTS, never).hash == built.hash


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_local_damage_is_mended_from_the_store(url: str, tmp_path: Path) -> None:
    """A damaged local artifact is pulled anew instead of being built."""
    built = Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    (built.path / "other.txt").write_text("OTHER")
    assert Cache(tmp_path / "one", url).artifact("weights", INPUTS, never).hash == built.hash


def test_builders_with_different_bytes_do_not_mix(url: str, tmp_path: Path) -> None:
    """Of two machines that build the same key to other bytes the first one's stays, whole, and both go on."""
    late = Cache(tmp_path / "late", url)

    def overtaken(folder: Path) -> None:
        write("slow")(folder)
        Cache(tmp_path / "early", url).artifact("weights", INPUTS, write("quick"))

    assert (late.artifact("weights", INPUTS, overtaken).path / "sub" / "data.txt").read_text() == "slow"
    third = Cache(tmp_path / "third", url).artifact("weights", INPUTS, never)
    assert (third.path / "sub" / "data.txt").read_text() == "quick"
    assert len([name for name in stored(url) if name.endswith("data.txt")]) == 1


@pytest.mark.parametrize("name", ["../../../escape.txt", "/tmp/escape.txt", "a//b", "a\\b", "."])
def test_hostile_manifest(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A manifest in the store that names a file outside of the artifact is damaged, and nothing is written there."""
    from harness.runs.manifest import Manifest, StoredFile

    url = f"file://{tmp_path}/share"
    hostile = Manifest.model_construct(
        kind="weights", inputs=INPUTS, files={name: StoredFile(sha256="0" * 64, size=1)}, seconds=0.0, seal=""
    )
    Cache(tmp_path / "one", url).artifact("index", {}, write())  # makes the store
    (tmp_path / "share" / "weights" / KEY).mkdir(parents=True)
    hostile.write(tmp_path / "share" / "weights" / KEY / "manifest.json")
    with caplog.at_level(logging.WARNING):
        assert not Cache(tmp_path / "two", url).artifact("weights", INPUTS, write()).reused
    assert "damaged" in caplog.text
    assert list(tmp_path.rglob("escape.txt")) == []


def build_in_process(root: Path, url: str, content: str) -> None:
    Cache(root, url).artifact("weights", INPUTS, write(content))


@pytest.mark.parametrize("url", ["s3", "file"], indirect=True)
def test_machines_at_once(url: str, tmp_path: Path) -> None:
    """Processes with caches of their own that build the same key at once leave one whole artifact in the store."""
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=build_in_process, args=(tmp_path / name, url, name)) for name in ("one", "two")]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    found = Cache(tmp_path / "three", url).artifact("weights", INPUTS, never)
    assert (found.path / "sub" / "data.txt").read_text() in {"one", "two"}


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_what_is_local_stays_local(url: str, tmp_path: Path) -> None:
    """Checkpoints of unfinished builds, and folders that many runs add to, aren't shared."""
    cache = Cache(tmp_path / "one", url)

    def stop(folder: Path) -> None:
        cache.unfinished("weights", INPUTS).mkdir()
        (cache.unfinished("weights", INPUTS) / "checkpoint").write_text("half")
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        cache.artifact("weights", INPUTS, stop)
    cache.folder("vectors", {}).mkdir(parents=True)
    (cache.folder("vectors", {}) / "segment").write_text("vectors")
    assert list(stored(url)) == ["harness.json"]


def test_environment_names_the_store(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HARNESS_SHARED_CACHE is the default, an empty URL is none, and a pickled cache has the same store."""
    monkeypatch.setenv("HARNESS_SHARED_CACHE", url)
    assert Cache(tmp_path).shared == url
    assert Cache(tmp_path, "").shared is None
    cache = Cache(tmp_path / "one")
    cache.artifact("weights", INPUTS, write())
    copy = pickle.loads(pickle.dumps(cache))  # as Ray sends it
    assert (copy.root, copy.shared) == (cache.root, cache.shared)
    assert copy.artifact("weights", INPUTS, never).reused


@pytest.mark.parametrize("wrong", ["no bucket", "nobody listens", "no credentials"])
def test_unreachable_s3(
    wrong: str, credentials: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bucket that isn't there, a server that doesn't answer and missing credentials are one clear message each."""
    if wrong == "nobody listens":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    if wrong == "no credentials":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CacheError, match=r"can't be (read|written).*HARNESS_SHARED_CACHE") as caught:
        Cache(tmp_path / "one", "s3://no-such-bucket/prefix").artifact("weights", INPUTS, never)
    assert "s3://no-such-bucket/prefix" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


def test_what_was_built_outlives_a_store_that_fails(tmp_path: Path) -> None:
    """Where the push fails the artifact is kept, and pushed when the same is asked for again."""
    share = tmp_path / "share"
    url = f"file://{share}"

    def cut_the_line(folder: Path) -> None:
        write()(folder)
        share.rename(tmp_path / "away")
        share.write_text("no folder")

    with pytest.raises(CacheError, match="is kept in the local cache"):
        Cache(tmp_path / "one", url).artifact("weights", INPUTS, cut_the_line)
    share.unlink()
    (tmp_path / "away").rename(share)
    assert Cache(tmp_path / "one", url).artifact("weights", INPUTS, never).reused
    assert Cache(tmp_path / "two", url).artifact("weights", INPUTS, never).reused


def test_store_of_a_later_harness(tmp_path: Path) -> None:
    """A store with another layout is refused before anything is written to it."""
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "harness.json").write_text('{"schema": "harness.shared/2"}')
    with pytest.raises(CacheError, match="another prefix"):
        Cache(tmp_path / "one", f"file://{tmp_path}/share").artifact("weights", INPUTS, never)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/mnt/share", "is no URL"),
        ("nonsense://bucket", "nonsense://bucket"),
        (f"sftp://me:{SECRET}@host/folder", "password"),
        (f"abfs://container/folder?sig={SECRET}", "query"),
    ],
)
def test_url_that_is_refused(url: str, told: str, tmp_path: Path) -> None:
    """What is no URL, what nothing can speak to, and a URL with a secret are refused, and the secret isn't shown."""
    with pytest.raises(InputError, match=told) as caught:
        Cache(tmp_path, url).find("weights", INPUTS)
    assert SECRET not in str(caught.value)


def test_missing_library(tmp_path: Path) -> None:
    """Without s3fs the message holds the pip command."""
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from pathlib import Path\nfrom harness.runs import Cache\n"
        "Cache(Path(sys.argv[1]), 's3://bucket/prefix').find('weights', {})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "InputError: s3://bucket/prefix" in done.stderr
    assert 'pip install "harness[s3]"' in done.stderr


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_disk_that_fills_up_while_pulling(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a local disk without room the message speaks, not of the store, and nothing is left behind."""
    import errno

    Cache(tmp_path / "one", url).artifact("weights", INPUTS, write())
    cache = Cache(tmp_path / "two", url)

    def full(self: Any, name: str, path: Path) -> bool:
        with self._told("read", spare={errno.ENOSPC}):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FsspecStorage, "download", full)
    with pytest.raises(CacheError, match=r"HARNESS_CACHE to a folder") as caught:
        cache.artifact("weights", INPUTS, never)
    assert str(tmp_path / "two") in str(caught.value)
    assert [path.name for path in (tmp_path / "two" / "weights").iterdir()] == [f"{KEY}.lock"]
