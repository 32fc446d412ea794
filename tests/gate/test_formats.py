import re
from xml.etree import ElementTree

import pytest

from harness.gate import Check, GateResult, Obstacle, publish

HOSTILE = "full/<script>]]>&\"'|`::error::\x00\x1b[31m\n::add-mask::x ##[error]\ufffe%0A"


def _check(outcome, variant="full/zero-shot", **changes):
    figures = {"baseline": 0.8, "run": 0.7, "value": -0.1, "low": -0.15, "high": -0.05, "power": 0.4}
    return Check(
        **{
            **{"rule": 1, "demand": "fall", "variant": variant, "splits": ["in_domain"], "metric": "exact_match"},
            **{"cases": 150, "n": 150, "pass_line": -0.03, "fail_line": 0.0, "alpha": 0.05, "outcome": outcome},
            **figures,
            **changes,
        }
    )


@pytest.fixture
def written(tmp_path):
    """Publishes a result to all places and returns the log lines, the parsed XML, the summary and the JSON."""

    def write(result):
        files = {kind: tmp_path / kind for kind in ("junit", "summary", "json")}
        environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(files["summary"])}
        lines = publish(result, junit_file=files["junit"], json_file=files["json"], environment=environment)
        return (
            lines,
            ElementTree.parse(files["junit"]).getroot(),
            files["summary"].read_text(),
            files["json"].read_text(),
        )

    return write


def _result(*outcomes, passed=False, variant="full/zero-shot"):
    outcome = next(one for one in ("fail", "unknown", "pass") if one in outcomes)
    checks = tuple(_check(one, variant) for one in outcomes)
    return GateResult(outcome=outcome, passed=passed, checks=checks, summary=("So it is.",))


def test_every_format_tells_the_three_outcomes_apart(written):
    """A failure is a failure everywhere; what can't be told is a failure too where it stops the run."""
    lines, xml, summary, json = written(_result("pass", "fail", "unknown"))
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error"]
    assert "CANNOT TELL" in lines[1]
    assert (xml.get("tests"), xml.get("failures"), xml.get("skipped")) == ("3", "2", "0")
    assert [failure.get("type") for failure in xml.iter("failure")] == ["FAIL", "CANNOT TELL"]
    assert "## Gate: FAIL" in summary
    assert summary.index("| FAIL |") < summary.index("| CANNOT TELL |") < summary.index("1 checks passed")
    assert GateResult.model_validate_json(json).checks[1].outcome == "fail"


def test_what_is_let_pass_is_skipped_and_a_warning(written):
    """With --on-unknown pass, what can't be told stays visible and fails nothing."""
    lines, xml, summary, _ = written(_result("pass", "unknown", passed=True))
    assert [line.split(" ")[0] for line in lines] == ["::warning"]
    assert (xml.get("failures"), xml.get("skipped")) == ("0", "1")
    assert "## Gate: CANNOT TELL, and passes as it was told to" in summary


def test_what_is_not_comparable_is_an_error(written):
    """Each reason is an annotation, an XML error and a line of the summary, with what accepts it."""
    refused = GateResult(
        outcome="not comparable", passed=False, obstacles=(Obstacle(accept="variant a/b", reason="variant is missing"),)
    )
    lines, xml, summary, _ = written(refused)
    assert "--accept 'variant a/b'" in lines[0]
    assert xml.get("errors") == "1"
    assert "NOT COMPARABLE" in summary


def test_hostile_names_stay_text(written):
    """No name ends an element, begins a workflow command, breaks a table or carries what XML can't hold."""
    lines, xml, summary, _ = written(_result("fail", "pass", variant=HOSTILE))
    [line] = lines
    assert "\n" not in line
    assert re.match(r"::error title=[^:,\n]*::", line)
    assert "##[" not in line
    assert "%250A" in line
    assert len(list(xml.iter("testcase"))) == 2
    rows = [row for row in summary.splitlines() if row.startswith("| FAIL")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 5
    assert not any(row.startswith("::") for row in summary.splitlines())
    assert "`` full/<script>" in summary


def test_only_the_first_annotations_are_made(written):
    """GitHub shows ten; the others are counted."""
    lines, *_ = written(_result(*["fail"] * 13))
    assert len(lines) == 11
    assert "3 more" in lines[-1]


def test_a_summary_is_added_to(tmp_path):
    """A step's summary keeps what other commands wrote."""
    (tmp_path / "summary").write_text("before\n")
    publish(_result("pass", passed=True), summary_file=tmp_path / "summary", environment={})
    assert (tmp_path / "summary").read_text().startswith("before\n## Gate: PASS")


def test_outside_of_github_nothing_is_annotated():
    """Without GITHUB_ACTIONS no workflow command is printed."""
    assert publish(_result("fail"), environment={}) == []
