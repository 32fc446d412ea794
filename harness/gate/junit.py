"""A gate's result as JUnit XML, which most CI systems show as tests. It computes no verdict.

What can't be told is a failure where it stops the run, and skipped where it doesn't; a reason against comparing is an
error.
"""

from xml.etree import ElementTree

from harness.gate.escape import xml
from harness.gate.records import Check, GateResult
from harness.gate.wording import OUTCOMES, figures, finding, place, refusal


def junit(result: GateResult) -> str:
    """The result as an XML document: a test case for each check, or for each reason against comparing."""
    cases = [_case(one, result.passed) for one in result.checks]
    cases += [_error(refusal(one), one.accept) for one in result.obstacles]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(len(result.obstacles)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
    }
    root = ElementTree.Element("testsuites", {"name": "harness gate", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "harness gate", **counts})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = xml("\n".join(result.summary))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(check: Check, passed: bool) -> ElementTree.Element:
    name = f"{place(check)}: {check.demand} (rule {check.rule})"
    case = ElementTree.Element("testcase", {"classname": xml(f"gate.{check.variant}"), "name": xml(name)})
    if check.outcome != "pass":
        kind = "skipped" if check.outcome == "unknown" and passed else "failure"
        told = f"{figures(check)}: {finding(check)}"
        details = {} if kind == "skipped" else {"type": OUTCOMES[check.outcome]}
        ElementTree.SubElement(case, kind, {"message": xml(told), **details})
    return case


def _error(told: str, name: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"classname": "gate.comparable", "name": xml(name)})
    ElementTree.SubElement(case, "error", {"message": xml(told), "type": OUTCOMES["not comparable"]})
    return case
