"""`harness doctor`: what it finds, what it says is missing, and that its bug report tells nothing personal."""

import json
import platform
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness._secrets import anonymous
from harness.cli import main
from harness.pipeline.doctor import libraries, models, storage
from harness.pipeline.doctor.check import Check
from harness.pipeline.doctor.examine import _looked
from harness.reporting.doctor import bug_report, outcome


@pytest.fixture(autouse=True)
def away_from_home(monkeypatch, tmp_path):
    """A cache of its own, and no network but this machine."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # it reads the variable when it is imported


@pytest.fixture
def doctor(monkeypatch, capsys):
    """Runs `harness doctor`; returns exit code and standard output."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["harness", "doctor", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        return int(exited.value.code or 0), capsys.readouterr().out

    return run


@pytest.fixture
def server():
    """The address of an OpenAI-compatible server that lists two models."""

    class Models(BaseHTTPRequestHandler):
        def do_GET(self):
            content = json.dumps({"data": [{"id": "tiny"}, {"id": "tiny:tuned"}]}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/v1"
    listening.shutdown()
    listening.server_close()


def by_name(checks) -> dict[str, Check]:
    """Findings by what was looked at."""
    return {check.name: check for check in checks}


def test_a_machine_that_tests_the_harness_can_run_it(doctor, monkeypatch, server):
    """Exit code 0, the outcome in words, the server's models, and a block to copy; secrets are named and not told."""
    monkeypatch.setenv("HF_TOKEN", "correct-horse")
    monkeypatch.setenv("OPENAI_API_KEY", "battery-staple")
    code, shown = doctor("--server", server)
    assert code == 0
    for told in (
        "harness compare can run here.",
        "tiny, tiny:tuned",
        "HF_TOKEN",
        "<details>",
        platform.python_version(),
    ):
        assert told in shown
    assert "correct-horse" not in shown
    assert "battery-staple" not in shown


def test_what_was_asked_for_and_is_missing_ends_with_1(doctor):
    """A base model that is nowhere and a server that is away are told with what to do, as JSON too."""
    code, shown = doctor("--json", "--model", "nobody/nothing", "--server", "http://127.0.0.1:9/v1")
    found = by_name(Check(**check) for check in json.loads(shown))
    assert code == 1
    assert (found["model"].state, found["server"].state) == ("wrong", "wrong")
    assert "nobody/nothing" in found["model"].told
    assert found["model"].remedy


def test_a_base_in_a_folder_is_found(tiny_base):
    """A folder is looked at without a hub, and one that is no model is refused with the reason."""
    (found,) = models.base_model(str(tiny_base))
    assert found.state == "fine"
    (found,) = models.base_model(str(Path(__file__).parent))
    assert (found.state, "config.json" in found.told) == ("wrong", True)


def test_missing_and_outdated_libraries_are_told_with_the_command(monkeypatch, tmp_path):
    """What is needed and isn't there, or is of another version, is wrong; what an extra lacks is lacking."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["pydantic>=2", "numpy<1", "no-such-library>=3; python_version > \'3\'"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\npigeons = ["no-such-pigeon[fast]>=2", "pytest"]\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(libraries, "CHECKOUT", tmp_path / "pyproject.toml")
    found = by_name(libraries.required())
    assert found["no-such-library"].state == found["numpy"].state == "wrong"
    assert found["no-such-library"].remedy == 'pip install "no-such-library>=3"'
    assert "<1 is needed" in found["numpy"].told
    assert "1 of 3" in found["needed"].told
    pigeons, test = libraries.extras()
    assert (pigeons.name, pigeons.state) == ("pigeons", "lacking")
    assert pigeons.told == "lacks no-such-pigeon[fast]>=2"
    assert pigeons.remedy == 'pip install "harness[pigeons]"'
    assert (test.name, test.state) == ("test", "fine")


def test_an_installed_harness_reads_its_metadata(monkeypatch, tmp_path):
    """Without a checkout the installed metadata says what is needed."""
    monkeypatch.setattr(libraries, "CHECKOUT", tmp_path / "none")
    found = by_name(libraries.required())
    assert "torch" in found["needed"].told
    assert "test" in by_name(libraries.extras())


def test_a_cache_that_cannot_be_written_is_wrong(monkeypatch, tmp_path):
    """The folder is tried by writing, in the nearest one that exists, and nothing is left there."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "file").write_bytes(b"x" * 2_000_000)
    found = by_name(storage.folders())
    assert found["cache"].state == "fine"
    assert "2 MB in 1 files" in found["cache"].told
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["file"]

    def full(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    found = by_name(storage.folders())
    assert (found["cache"].state, "Permission denied" in found["cache"].told) == ("wrong", True)
    assert "HARNESS_CACHE" in found["cache"].remedy


def test_a_broken_part_is_a_finding():
    """What fails unexpectedly, such as a library that can't be imported, is told and doesn't end the examination."""

    def torch_build() -> list[Check]:
        raise ImportError("libcudart.so.12: no such file")

    (found,) = _looked("torch", torch_build)
    assert (found.topic, found.name, found.state) == ("torch", "torch build", "wrong")
    assert "libcudart" in found.told
    assert "torch build" in outcome([found]).plain


def test_the_bug_report_tells_nothing_personal(monkeypatch):
    """Home folder, user, machine and secrets are left out, and no finding can end the block."""
    monkeypatch.setenv("HOME", "/home/grace-hopper")
    monkeypatch.setenv("LOGNAME", "grace-hopper")
    monkeypatch.setattr("platform.node", lambda: "mark-one.navy.example")
    told = "/home/grace-hopper/x, /data/grace-hopper, mark-one.navy.example, mark-one, /home/grace-hoppers, "
    told += "``` Bearer abcdefgh"
    assert anonymous(told) == "~/x, /data/USER, HOST, HOST, /home/grace-hoppers, ``` Bearer ***"
    block = bug_report([Check("folders", "cache", "fact", told)])
    assert block.count("```") == 2
    assert "grace-hopper," not in block
