"""All variants answer all tasks: model by model, so that no weights are loaded twice.

What was asked before, here or elsewhere, is found.
On the way `@best` is chosen, steps between base and trained are validated, and every variant is timed.
"""

from collections import defaultdict
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
    between = on_the_way(plan)
    for (weights, model_seed), asked in by_model(plan).items():
        models = Models(plan, trained, prompts.tokenizer, weights, model_seed)
        for variant, seed in asked:
            alpha = alpha_of(variant)
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


def on_the_way(plan: Plan) -> set[Variant]:
    """The variants that are validated too: the steps between base and trained of every recipe and context, and ends.

    None where the suite has no validation cases.
    """
    steps = {(variant.weights.recipe, variant.context) for variant in plan.variants if alpha_of(variant) is not None}
    ends = {(variant.weights.recipe, variant.context) for variant in plan.variants if variant.weights.alpha is None}
    ends &= steps | {(Weights().recipe, context) for _, context in steps}
    wanted = {Variant(Weights(recipe), context) for recipe, context in ends}
    between = {variant for variant in plan.variants if alpha_of(variant) is not None or variant in wanted}
    return between if plan.validation else set()


def tried(variant: Variant) -> list[tuple[Variant, float]]:
    """What `@best` is chosen of, with the alpha of each."""
    return [(Variant(Weights(variant.weights.recipe, alpha), variant.context), alpha) for alpha in ALPHAS]


def choose_alpha(
    plan: Plan, predictor: Predictor, models: Models, variant: Variant, seed: int, scorer: Scorer
) -> Chosen:
    """The alpha with the highest validation score in the context of `variant`; of equal ones the least."""
    scores = {}
    for candidate, alpha in tried(variant):
        scores[alpha] = mean_score(predictor.predict(candidate, seed, models, alpha, plan.validation), scorer).value
    return Chosen(max(scores, key=lambda alpha: (scores[alpha], -alpha)), scores)


def alpha_of(variant: Variant) -> Alpha:
    """The alpha that the name of `variant` says; None where it says none."""
    return variant.weights.alpha if isinstance(variant.weights.alpha, float) else None


def by_model(plan: Plan) -> dict[tuple[Weights, int], list[tuple[Variant, int]]]:
    """The variants and seeds that each model answers: by chain or soup, and training seed; whole models first."""
    needed: dict[tuple[Weights, int], list[tuple[Variant, int]]] = defaultdict(list)
    for variant in plan.variants:
        for seed in plan.seeds(variant):
            needed[model_of(variant, seed)].append((variant, seed))
    return {model: sorted(asked, key=lambda pair: alpha_of(pair[0]) is not None) for model, asked in needed.items()}


def model_of(variant: Variant, seed: int) -> tuple[Weights, int]:
    """The weights that are loaded for `variant`, and the seed that they were trained with."""
    weights = variant.weights
    if weights.alpha == "soup":
        return weights, 0
    return Weights(weights.recipe), seed if weights.trained else 0
