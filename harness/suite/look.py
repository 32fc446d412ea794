"""What one looks at first: which suites come with the harness, and some cases of one."""

from difflib import get_close_matches

from harness._settings import read_yaml
from harness.errors import UnknownNameError
from harness.suite.load import MANIFEST, locate_suite, suite_names
from harness.suite.records import Case, Split, Suite

_NAMED = 10  # ids in the message about an unknown one


def described_suites() -> list[tuple[str, str]]:
    """Name and description of every shipped suite, without reading its data."""
    return [(name, str(read_yaml(locate_suite(name) / MANIFEST).get("description", ""))) for name in suite_names()]


def some_cases(suite: Suite, split: str | None, case: str | None, count: int) -> list[tuple[Split, Case]]:
    """The first `count` cases of `split`, by default of the first test split, or else the one whose id is `case`.

    Raises UnknownNameError for a split or case that there isn't.
    """
    if split is not None and split not in suite.splits:
        raise UnknownNameError("split", split, suite.splits)
    searched = [suite.splits[split]] if split else list(suite.splits.values())
    if case is None:
        first = searched[0] if split else suite.tests[0]
        return [(first, found) for found in first.cases[:count]]
    known = {found.id: (part, found) for part in searched for found in part.cases}
    if case not in known:
        raise UnknownNameError("case", case, get_close_matches(case, known, n=_NAMED, cutoff=0.0))
    return [known[case]]
