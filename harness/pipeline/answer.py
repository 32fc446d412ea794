"""All variants answer all tasks: model by model, so that no weights are loaded twice.

On the way `@best` is chosen, steps between base and trained are validated, and every variant is timed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison import Mean
from harness.pipeline.latency import Latency, Stopwatch
from harness.pipeline.models import Alpha, Models
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered, Predictor
from harness.pipeline.prompts import Prompts
from harness.pipeline.score import Scorer
from harness.pipeline.train import Trained
from harness.pipeline.validate import mean_score
from harness.variants import Variant, Weights

ALPHAS = tuple(number / 10 for number in range(11))


@dataclass(frozen=True)
class Chosen:
    """The alpha that `@best` stands for with one seed, and the validation score of each that was tried."""

    alpha: float
    scores: dict[float, float]


@dataclass(frozen=True)
class Answers:
    """What all variants say, and what was chosen for `@best`, by variant and seed.

    `validation` is the mean validation score of the variants on a way between base and trained, `latency` how long one
    query alone takes, where it was measured.
    """

    answered: list[Answered]
    chosen: dict[tuple[Variant, int], Chosen]
    validation: dict[Variant, Mean]
    latency: dict[Variant, Latency]


def answer_all(
    plan: Plan, prompts: Prompts, predictor: Predictor, trained: Trained, scorer: Scorer, stopwatch: Stopwatch
) -> Answers:
    """Asks every model its tasks; the answers come in the order of the variants."""
    answers = Answers([], {}, {}, {})
    validated: dict[Variant, list[Answered]] = defaultdict(list)
    between = _on_the_way(plan.variants) if plan.validation else set()
    for (recipe, soup, model_seed), asked in _by_model(plan).items():
        models = Models(plan, trained, prompts.tokenizer, Weights(recipe, "soup" if soup else None), model_seed)
        for variant, seed in sorted(asked, key=lambda pair: _alpha(pair[0]) is not None):  # the whole model first
            alpha = _alpha(variant)
            if variant.weights.alpha == "best":
                answers.chosen[variant, seed] = choose_alpha(plan, predictor, models, variant, seed, scorer)
                alpha = answers.chosen[variant, seed].alpha
            answers.answered.extend(predictor.predict(variant, seed, models, alpha, plan.tasks))
            if variant in between:
                validated[variant] += predictor.predict(variant, seed, models, alpha, plan.validation)
            if variant not in answers.latency and (latency := stopwatch.measure(variant, seed, models, alpha)):
                answers.latency[variant] = latency
    places = {variant: place for place, variant in enumerate(plan.variants)}
    answers.answered.sort(key=lambda answer: places[answer.variant])
    answers.validation.update({variant: mean_score(found, scorer) for variant, found in validated.items()})
    return answers


def _on_the_way(variants: Sequence[Variant]) -> set[Variant]:
    """The steps between base and trained of every recipe and context that has such steps, the ends among them."""
    steps = {(variant.weights.recipe, variant.context) for variant in variants if _alpha(variant) is not None}
    ends = {(variant.weights.recipe, variant.context) for variant in variants if variant.weights.alpha is None}
    ends &= steps | {(Weights().recipe, context) for _, context in steps}
    wanted = {Variant(Weights(recipe), context) for recipe, context in ends}
    return {variant for variant in variants if _alpha(variant) is not None or variant in wanted}


def choose_alpha(
    plan: Plan, predictor: Predictor, models: Models, variant: Variant, seed: int, scorer: Scorer
) -> Chosen:
    """The alpha with the highest validation score in the context of `variant`; of equal ones the least."""
    scores = {}
    for alpha in ALPHAS:
        tried = Variant(Weights(variant.weights.recipe, alpha), variant.context)
        scores[alpha] = mean_score(predictor.predict(tried, seed, models, alpha, plan.validation), scorer).value
    return Chosen(max(scores, key=lambda alpha: (scores[alpha], -alpha)), scores)


def _alpha(variant: Variant) -> Alpha:
    """The alpha that the name of `variant` says; None where it says none."""
    return variant.weights.alpha if isinstance(variant.weights.alpha, float) else None


def _by_model(plan: Plan) -> dict[tuple[str, bool, int], list[tuple[Variant, int]]]:
    """The variants and seeds that each training answers: by chain, whether it is a soup, and training seed."""
    needed: dict[tuple[str, bool, int], list[tuple[Variant, int]]] = defaultdict(list)
    for variant in plan.variants:
        weights = variant.weights
        for seed in plan.seeds(variant):
            own = weights.trained and weights.alpha != "soup"
            needed[weights.recipe, weights.alpha == "soup", seed if own else 0].append((variant, seed))
    return needed
