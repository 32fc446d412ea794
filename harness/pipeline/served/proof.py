"""Proves that a model with another name is another model: it must answer something otherwise than the base does.

A server may lead two names to one model, or answer by whatever it has loaded, and a training may have changed nothing.
"""

from collections.abc import Mapping, Sequence
from math import isclose

from harness.errors import ProofError
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered
from harness.pipeline.served.asking import Asker, outcomes
from harness.variants import Variant, Weights

_SAME_NATS = 1e-3  # a server's log-likelihoods differ by less from one time to the next


def prove_others(
    plan: Plan, asker: Asker, names: Mapping[Weights, str], answered: Sequence[Answered]
) -> dict[Weights, ProofError]:
    """The weights that answer every prompt as the base does, with the error that says so.

    Where the base wasn't asked in any context that they were, it is asked now, task by task, until it differs.
    """
    failed = {}
    for weights in dict.fromkeys(variant.weights for variant in plan.variants if variant.weights.trained):
        own = [answer for answer in answered if answer.variant.weights == weights]
        base = [answer for answer in answered if not answer.variant.weights.trained]
        if not outcomes(own).keys() & outcomes(base).keys():
            base = _asked_now(asker, names[Weights()], own)
        cases = len(outcomes(own).keys() & outcomes(base).keys())
        if not _differ(own, base):
            failed[weights] = ProofError(
                f"{weights}: the model {names[weights]!r} answers all {cases} prompts exactly as {names[Weights()]!r} "
                "does, so it isn't shown to be another model, and it is not scored as one. Check that the server knows "
                "both names (one that serves a single model ignores them), or ask more cases."
            )
    return failed


def _asked_now(asker: Asker, base: str, own: Sequence[Answered]) -> list[Answered]:
    """The base's answers to the same prompts, up to the first task on which it differs."""
    found: list[Answered] = []
    for answer in own:
        variant = Variant(Weights(), answer.variant.context)
        seed = answer.predictions[0].seed if answer.predictions else 0
        found += asker.ask(variant, seed, base, [answer.task])
        if _differ(own, found):
            break
    return found


def _differ(own: Sequence[Answered], base: Sequence[Answered]) -> bool:
    """Whether any prompt that both answered was answered otherwise."""
    ours, theirs = outcomes(own), outcomes(base)
    return any(not _same(ours[key], theirs[key]) for key in ours.keys() & theirs.keys())


def _same(one: tuple[str | None, tuple[float, ...]], other: tuple[str | None, tuple[float, ...]]) -> bool:
    values = zip(one[1], other[1], strict=True)
    return one[0] == other[0] and all(isclose(a, b, rel_tol=0, abs_tol=_SAME_NATS) for a, b in values)
