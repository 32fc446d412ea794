"""The names of metrics: FAMILY or FAMILY(ARGUMENT), parsed into metrics whose `metric` is the name again."""

import re
from collections.abc import Sequence

from harness.errors import InputError, UnknownNameError
from harness.scoring.choice import Accuracy, AccuracyPerByte, AccuracyPerToken
from harness.scoring.modules import Module
from harness.scoring.number import FinalNumber
from harness.scoring.overlap import Bleu, Chrf, RougeL
from harness.scoring.pattern import Regex
from harness.scoring.quality import Given, QualityMetric
from harness.scoring.similarity import Similarity
from harness.scoring.text import ExactMatch, TokenF1

FAMILIES: dict[str, type[QualityMetric]] = {
    metric.family: metric
    for metric in (
        *(Accuracy, AccuracyPerByte, AccuracyPerToken),
        *(ExactMatch, TokenF1),
        *(RougeL, Bleu, Chrf),
        FinalNumber,
        Regex,
        Similarity,
        Module,
    )
}
DEFAULT: dict[bool, tuple[str, ...]] = {True: ("accuracy",), False: ("exact_match", "token_f1")}
_NAME = re.compile(r"(?P<family>[^()]+)(?:\((?P<argument>.*)\))?")


def parse_metrics(
    names: Sequence[str], *, chooses: bool, given: Given | None = None, place: str = ""
) -> tuple[QualityMetric, ...]:
    """The metrics called `names`, the first of which decides; what is usual if there are no names.

    `chooses` says whether the cases are choices, which other metrics judge than written answers. Raises one InputError
    for all names that can't be used, each line beginning with `place`.
    """
    metrics: list[QualityMetric] = []
    problems = []
    for name in names or DEFAULT[chooses]:
        try:
            metric = _parse(name, chooses, given or Given())
            if metric.metric in [other.metric for other in metrics]:
                raise InputError(f"the metric {name!r} is named twice. Name it once.")
            metrics.append(metric)
        except InputError as error:
            problems += str(error).splitlines()
    if problems:
        raise InputError("\n".join(f"{place}: {problem}" if place else problem for problem in problems))
    return tuple(metrics)


def _parse(name: str, chooses: bool, given: Given) -> QualityMetric:
    if not name.isprintable():
        raise InputError(f"{name!r} has line breaks or control characters, which no table can show. Take them out.")
    match = _NAME.fullmatch(name)
    family = FAMILIES.get(match["family"]) if match else None
    if not match or family is None:
        forms = ", ".join(metric.form for metric in FAMILIES.values() if metric.form and metric.chooses == chooses)
        advice = f"With an argument: {forms}." if forms else ""
        raise UnknownNameError("metric", name, _known(chooses), advice=advice)
    if family.chooses != chooses:
        asked, meant = ("choices", "written answers") if chooses else ("written answers", "choices")
        raise InputError(
            f"{name} judges {meant}, and these cases are {asked}. Take one of: {', '.join(sorted(_known(chooses)))}."
        )
    return family.of(match["argument"], given)


def _known(chooses: bool) -> list[str]:
    """The families of metrics that judge such cases."""
    return [name for name, metric in FAMILIES.items() if metric.chooses == chooses]
