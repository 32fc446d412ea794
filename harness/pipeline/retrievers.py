"""What a request says of retrieval, and whether its variants' retrievers can be what their names say."""

from collections.abc import Sequence

from harness._settings import merge, validate
from harness.errors import InputError, UnknownNameError
from harness.pipeline.config import CompareConfig
from harness.pipeline.tasks import Task
from harness.retrieval import RetrievalSettings
from harness.suite import Suite
from harness.variants import Context

ORACLE = "oracle"


def retrieval_settings(config: CompareConfig, suite: Suite) -> RetrievalSettings:
    """What the suite says of retrieval, with the request laid over it; raises InputError for all mistakes in it."""
    place = f"retrieval (in {suite.path / 'suite.yaml'} and the request)"
    return validate(merge(suite.retrieval, config.retrieval), RetrievalSettings, place=place)


def check_retrievers(contexts: Sequence[Context], settings: RetrievalSettings, tasks: Sequence[Task]) -> None:
    """Raises InputError for retrievers that aren't known, and for an oracle that would know nothing of `tasks`."""
    named = list(dict.fromkeys(context.retriever for context in contexts if context.passages))
    unknown = [UnknownNameError("retriever", name, settings.names) for name in named if name not in settings.names]
    if unknown:
        raise InputError("\n".join(map(str, unknown)))
    oracles = [name for name in named if settings.retriever(name).kind == ORACLE]
    if oracles and tasks and not any(case.evidence for task in tasks for case in task.split.cases):
        asked = ", ".join(dict.fromkeys(task.name for task in tasks))
        raise InputError(
            f"the retriever {oracles[0]!r} shows each case's evidence, and no case of {asked} names any, so it would "
            "be plain dense retrieval under another name. Add evidence to the cases, or leave it out."
        )
