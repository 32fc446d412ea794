"""Whether a request can be answered by a server at all: known before anything is asked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.errors import InputError
from harness.pipeline.config import CompareConfig
from harness.pipeline.tasks import Task
from harness.runs import fingerprint
from harness.variants import BASE, Variant
from harness.weights import Base, Recipe

TRAINED_THERE = "api-finetune"  # the method of recipes that the server itself trains
_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]*")


def served_base(config: CompareConfig) -> Base:
    """The base model of a run on a server: its name there, and a hash of that name and the server's address.

    Its weights can't be read, so what the name stands for can change; runs record what replies say they are from.
    Raises InputError.
    """
    if config.server is None:
        raise InputError("--server is missing, so no server can have a base model. Give its URL.")
    server = config.server.server()
    if not config.model:
        raise InputError("--server needs --model: the name by which the server knows the base model.")
    return Base(config.model, Path(), fingerprint({"server": server.url, "model": config.model}))


def named_weights(config: CompareConfig) -> tuple[str, ...]:
    """The weights that are compared where the request names none: all of which the server was said to have."""
    return (BASE, *config.served)


def check_served(
    config: CompareConfig, variants: Sequence[Variant], tasks: Iterable[Task], recipes: Mapping[str, Recipe]
) -> None:
    """Raises one InputError for all that a server can't be asked, or that only one can be."""
    if config.server is None:
        if config.served:
            raise InputError("--served names models of a server, and there is none. Say which with --server URL.")
        there = ", ".join(recipe.name for recipe in recipes.values() if recipe.method == TRAINED_THERE)
        if there:
            raise InputError(
                f"{there}: is trained by the provider of a model behind a server, and the base is here. Name the "
                "server and its model, --server URL --model NAME, or a recipe that is trained here: `harness methods`."
            )
        return
    problems = [
        f"--served: {name!r} can't name weights. Write letters, digits, - and _, and not base."
        for name in config.served
        if not _NAME.fullmatch(name) or name == BASE
    ]
    problems += [
        f"--served {name}: names no model. Write NAME=MODEL." for name, model in config.served.items() if not model
    ]
    named = dict.fromkeys(variant.weights for variant in variants)
    for weights in named:
        if weights.alpha is not None or len(weights.stages) > 1:
            problems.append(
                f"{weights}: a server gives no weights, so none can be interpolated, averaged or trained further. "
                "Compare whole models, or run the base here (without --server)."
            )
    problems += [
        f"{recipe.name}: its method {recipe.method!r} trains here, and the base is behind a server. Use a recipe of "
        f"method {TRAINED_THERE}, or name a model that was fine-tuned already: --served {recipe.name}=MODEL."
        for recipe in recipes.values()
        if recipe.method != TRAINED_THERE
    ]
    problems += [
        f"{recipe.name}: is trained on conversations, and --endpoint completions asks in plain text. Ask by --endpoint "
        "chat, so that it is asked as it was taught."
        for recipe in recipes.values()
        if recipe.method == TRAINED_THERE and config.server.endpoint != "chat"
    ]
    here = [option for option, given in _held_here(config).items() if given]
    if here:
        problems.append(
            f"{', '.join(here)}: says how a base is computed here, and this one is behind a server, which knows it by "
            "itself. Leave that out."
        )
    problems += _tasks(config, list(tasks))
    if config.executor != "local":
        problems.append("--executor: a server is asked from this process alone. Raise --concurrency instead.")
    if problems:
        raise InputError("\n".join(problems))


def _held_here(config: CompareConfig) -> dict[str, bool]:
    """The options that only a base can follow which is computed here, and whether each is given."""
    return {
        "--backend": config.backend != "engine",
        "--load-in": config.load_in is not None,
        "--device-map": config.device_map != "none",
        "--dtype": config.dtype != "float32",
    }


def _tasks(config: CompareConfig, tasks: Sequence[Task]) -> list[str]:
    """What is wrong with asking a server these tasks."""
    if config.retention or any(task.lm_eval for task in tasks):
        return [
            "tasks of lm-evaluation-harness are asked in token ids, which a server doesn't take. Run them on a base "
            "here, or leave --retention out."
        ]
    chooses = [task.name for task in tasks if task.split.chooses]
    if not chooses or (config.server and config.server.endpoint == "completions"):
        return []
    rest = [task.name for task in tasks if not task.split.chooses]
    remedy = f"Ask the others only, --splits {','.join(rest)}" if rest else "Take a suite with written answers"
    return [
        f"{', '.join(chooses)}: cases with choices are scored by the log-likelihood of each choice, which no chat "
        f"gives. {remedy}, or a server that gives them at its completions endpoint, as vLLM does: --endpoint "
        "completions."
    ]
