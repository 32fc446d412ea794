"""A comparison of models behind a server, from the plan to the answers: found, worded, asked, proved."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from statistics import fmean

from harness.api import ApiClient
from harness.comparison import Failure
from harness.errors import HarnessError
from harness.inference.served import ServedModel
from harness.pipeline.answer import Answers
from harness.pipeline.conclude import Done
from harness.pipeline.examples import Lessons
from harness.pipeline.find import Finder
from harness.pipeline.graph import Stages
from harness.pipeline.latency import Latency
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered
from harness.pipeline.prompts import Prompts
from harness.pipeline.served.asking import Asker
from harness.pipeline.served.lessons import ServedLessons
from harness.pipeline.served.prompts import ServedPrompts
from harness.pipeline.served.proof import prove_others
from harness.pipeline.served.settings import ServerSettings
from harness.pipeline.served.train import teach_all
from harness.runs import JSON, Cache
from harness.runs.progress import Progress
from harness.variants import Variant, Weights

_THINKING = "<think>"

logger = logging.getLogger(__name__)


class ServedStages(Stages):
    """The stages of a run on a server: its prompts are worded for it, and no model is loaded here."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress, settings: ServerSettings) -> None:
        """Raises InputError for metrics that can't be used."""
        super().__init__(plan, cache, progress)
        self.settings = settings

    @cached_property
    def prompts(self) -> Prompts:
        """What words the questions; raises InputError for a tokenizer that can't be had."""
        return ServedPrompts(self.plan, self.finder, self.settings)

    @cached_property
    def lessons(self) -> Lessons:
        """What makes the examples that the server trains on."""
        return ServedLessons(self.plan, self.prompts, self.finder)


def ask_server(stages: ServedStages) -> Done:
    """Asks all that the plan says; a variant that isn't shown to be another model than the base is left out.

    Raises ApiError where the server refuses or fails, and ProofError where no variant is left.
    """
    plan = stages.plan
    for context in plan.contexts:
        for task in plan.tasks if context.passages else ():
            stages.finder.find(task, context)  # what can't be had is told before anything is asked
    stages.prompts.build_all(stages.progress)
    taught = teach_all(plan, stages.lessons, stages.settings.server(), stages.cache, stages.progress)
    names = model_names(plan) | taught.names()
    asked = [variant for variant in plan.variants if variant.weights not in taught.failed]
    with ApiClient(stages.settings.server()) as client:
        asker = Asker(stages.settings, client, stages.prompts, stages.cache, stages.progress)
        answered = [
            answer
            for variant in asked
            for seed in plan.seeds(variant)
            for answer in asker.ask(
                variant, seed, taught.models.get((variant.weights, seed), names[variant.weights]), plan.tasks
            )
        ]
        others = prove_others(replace(plan, variants=tuple(asked)), asker, names, answered)
        failed: dict[Weights, HarnessError] = {**taught.failed, **others}
        for model in asker.models:
            _warn(model)
        for variant in asked:
            _warn_of_answers(variant, [answer for answer in answered if answer.variant == variant])
    left = tuple(variant for variant in plan.variants if variant.weights not in failed)
    if not left:
        raise next(iter(failed.values()))
    failures = [
        Failure(variant=str(variant), reason=str(failed[variant.weights]))
        for variant in plan.variants
        if variant.weights in failed
    ]
    answered = [answer for answer in answered if answer.variant in left]
    answers = Answers(answered, {}, {}, _latencies(asker, stages.finder, plan))
    return Done(replace(plan, variants=left), taught.trained, answers, failures, served=_record(stages.settings, asker))


def model_names(plan: Plan) -> dict[Weights, str]:
    """By which name the server knows the model of each weights that were not trained by this run."""
    known = {Weights(): plan.base.name, **{Weights(name): model for name, model in plan.config.served.items()}}
    asked = dict.fromkeys([Weights(), *(variant.weights for variant in plan.variants)])
    return {weights: known[weights] for weights in asked if weights in known}


def _latencies(asker: Asker, finder: Finder, plan: Plan) -> dict[Variant, Latency]:
    """How long each query of each variant took: from request to reply, and a query's share of the retrieval."""
    found = {}
    for variant, waited in asker.waited.items():
        tasks = plan.tasks if variant.context.passages else ()
        searching = [finder.find(task, variant.context).seconds_per_query for task in tasks]
        if waited:
            found[variant] = Latency(tuple(seconds + (fmean(searching) if searching else 0.0) for seconds in waited), 0)
    return found


def _warn(model: ServedModel) -> None:
    """Says where one name was answered by several models, or not as it should be."""
    if len(model.answered_by) > 1:
        told = ", ".join(f"{who.model} {who.fingerprint}".strip() for who in sorted(model.answered_by))
        logger.warning(
            "%s: its replies say that they are from %s, so what stands behind this name changed. Give the name of one "
            "dated version, and ask anew (server.fresh).",
            model.model,
            told,
        )
    if model.without:
        logger.warning("%s: doesn't take %s, so it was asked without.", model.model, ", ".join(model.without))


def _warn_of_answers(variant: Variant, answered: Sequence[Answered]) -> None:
    """Says how many cases have no answer, and why most of them; and where answers begin with the model's thinking."""
    predictions = [one for answer in answered for one in answer.predictions]
    reasons = Counter(one.failure for one in predictions if one.failure)
    if reasons:
        logger.warning(
            "%s: %d of %d cases have no answer, so they are unscored: %s",
            variant,
            reasons.total(),
            len(predictions),
            reasons.most_common(1)[0][0],
        )
    thinks = sum((one.text or "").lstrip().startswith(_THINKING) for one in predictions)
    if thinks:
        logger.warning(
            "%s: %d of %d answers begin with the model's thinking (%s), which is scored as the answer. Have the server "
            "take it out, as vLLM does with --reasoning-parser, and give the suite a max_new_tokens that holds both.",
            variant,
            thinks,
            len(predictions),
            _THINKING,
        )


def _record(settings: ServerSettings, asker: Asker) -> Mapping[str, JSON]:
    """What the manifest says of the server: `greedy` text isn't the same to the bit from one day to another."""
    return {
        "url": asker.url,
        "endpoint": settings.endpoint,
        "deterministic": False,
        "models": {
            model.model: {
                "answered_by": [
                    {"model": who.model, "system_fingerprint": who.fingerprint, "replies": count}
                    for who, count in sorted(model.answered_by.items())
                ],
                "asked_without": model.without,
            }
            for model in asker.models
        },
    }
