"""The graph of a comparison: index, find, write, tune, train, predict, choose and time, each a node.

The order is the one in which a single process should go: model by model. Knows nothing of who does the work.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.pipeline.answer import alpha_of, by_model, on_the_way, tried
from harness.pipeline.corpora import SEARCHED
from harness.pipeline.graph.resources import Need, needed
from harness.pipeline.plan import Plan
from harness.pipeline.predict import parts_of
from harness.pipeline.tasks import Task
from harness.runs import JSON
from harness.runs.executors import Graph, Node
from harness.variants import Context, Variant, Weights

WRITE = "write prompts and lessons"


class _Place(NamedTuple):
    """A task by where the plan has it."""

    kind: str
    number: int
    task: Task


def make_graph(plan: Plan) -> Graph:
    """All that has to be done before a comparison of `plan` can be put together from the cache."""
    return Graph(_Nodes(plan).all())


class _Nodes:
    """Makes the nodes of one plan, each once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._between = on_the_way(plan)
        self._tests = [_Place("test", number, task) for number, task in enumerate(plan.tasks)]
        self._validation = [_Place("validation", number, task) for number, task in enumerate(plan.validation)]
        self._made: dict[str, Node] = {}

    def all(self) -> list[Node]:
        """Every node after those that it needs."""
        found = [self._find(context, place) for context, place in self._searches()]
        self._add(WRITE, {"do": "write"}, found)
        for recipe in self._plan.recipes if self._plan.config.tune else ():
            self._add(_tune(recipe), {"do": "tune", "recipe": recipe}, [WRITE], Need.TRAIN)
        for chain in self._plan.chains():
            for seed in range(self._plan.config.seeds):
                self._train(chain, seed)
        timed: set[Variant] = set()
        for (weights, model_seed), asked in by_model(self._plan).items():
            for variant, seed in asked:
                self._answer(variant, seed, weights, model_seed, timed)
        return list(self._made.values())

    def _searches(self) -> Iterator[tuple[Context, _Place]]:
        """What is searched: for each retriever once, since it finds as many as any context shows."""
        judged = {v.context for v in self._plan.variants if v in self._between or v.weights.alpha == "best"}
        seen: set[tuple[str, str, int]] = set()
        for context in self._plan.contexts:
            places = self._tests + (self._validation if context in judged else []) if context.passages else []
            for place in places:
                if (key := (context.retriever, place.kind, place.number)) not in seen:
                    seen.add(key)
                    yield context, place

    def _find(self, context: Context, place: _Place) -> str:
        """The node that searches, after those that make what it searches; of one suite, one revision at a time.

        So what revisions have in common is embedded once.
        """
        task, retriever = place.task, self._plan.retrieval.retriever(context.retriever)
        suite = f"{task.suite.name} ({task.suite.hash[:8]})"
        as_of = f" as of {task.split.as_of}" if task.split.as_of else ""
        where: JSON = [place.kind, place.number]
        prepared = f"index {suite}{as_of} for {'+'.join(SEARCHED[retriever.kind]) or 'drawing'}"
        if prepared not in self._made:
            before = [name for name in self._made if name.startswith(f"index {suite}")][-1:]
            self._add(prepared, {"do": "index", "context": str(context), "task": where}, before, Need.EMBED)
        work: dict[str, JSON] = {"do": "find", "context": str(context), "task": where}
        return self._add(f"find by {context.retriever} for {task.name} of {suite}", work, [prepared], Need.EMBED)

    def _train(self, chain: tuple[str, ...], seed: int) -> None:
        before = [self._trained(chain[:-1], seed)] if len(chain) > 1 else [WRITE]
        work: dict[str, JSON] = {"do": "train", "chain": list(chain), "seed": seed, "tuned": self._tuned(chain)}
        self._add(self._trained(chain, seed), work, [*before, *self._tuned(chain).values()], Need.TRAIN, chain)

    def _answer(self, variant: Variant, seed: int, model: Weights, model_seed: int, timed: set[Variant]) -> None:
        """What one variant and seed are asked: first what an alpha is chosen by, and last how long an answer takes."""
        plan, chain = self._plan, model.stages
        seeds = range(plan.config.seeds) if model.alpha == "soup" else (model_seed,)
        tuned = self._tuned(chain)
        before = [*([self._trained(chain, one) for one in seeds] if chain else [WRITE]), *tuned.values()]
        common: dict[str, JSON] = {"variant": str(variant), "seed": seed, "tuned": tuned, "chosen": None}
        need = Need.MOVE if alpha_of(variant) is not None or variant.weights.alpha == "best" else Need.ANSWER
        if variant.weights.alpha == "best":
            judged = [
                name
                for candidate, _ in tried(variant)
                for name in self._predict(candidate, common | {"variant": str(candidate)}, self._validation, before)
            ]
            chosen = self._add(f"choose {self._label(variant, seed)}", {"do": "choose", **common}, [*before, *judged])
            common, before = common | {"chosen": chosen}, [*before, chosen]
        asked = self._predict(variant, common, self._tests, before, need)
        if variant in self._between:
            asked += self._predict(variant, common, self._validation, before, need)
        if variant not in timed:
            timed.add(variant)
            self._add(f"time {self._label(variant, seed)}", {"do": "time", **common}, [*before, *asked], need, chain)

    def _predict(
        self,
        variant: Variant,
        common: dict[str, JSON],
        places: Sequence[_Place],
        needs: Sequence[str],
        need: Need = Need.MOVE,
    ) -> list[str]:
        """The nodes that ask a variant those tasks: as many parts together as come to one shard."""
        batches: list[list[JSON]] = [[]]
        cases = 0
        for place in places:
            for part in parts_of(place.task, self._plan.config.shard):
                if cases and cases + part.stop - part.start > self._plan.config.shard:
                    batches.append([])
                    cases = 0
                batches[-1].append([[place.kind, place.number], part.start, part.stop])
                cases += part.stop - part.start
        kind = places[0].kind if places else "test"
        label = f"predict {self._label(variant, int(str(common['seed'])))} ({kind}"
        return [
            self._add(
                f"{label}, {number} of {len(batches)})" if len(batches) > 1 else f"{label})",
                {"do": "predict", **common, "parts": parts},
                needs,
                need,
                variant.weights.stages,
            )
            for number, parts in enumerate(batches, start=1)
            if parts
        ]

    def _add(
        self,
        name: str,
        work: dict[str, JSON],
        needs: Sequence[str] = (),
        need: Need = Need.NOTHING,
        chain: tuple[str, ...] = (),
    ) -> str:
        """The node called `name`: made, unless it is there already."""
        if name not in self._made:
            self._made[name] = Node(name, work, tuple(dict.fromkeys(needs)), needed(self._plan, need, chain))
        return name

    def _tuned(self, chain: tuple[str, ...]) -> dict[str, str]:
        """The recipes of `chain` that are tuned, with the nodes that do it."""
        return {name: _tune(name) for name in chain} if self._plan.config.tune else {}

    def _trained(self, chain: tuple[str, ...], seed: int) -> str:
        return f"train {'>'.join(chain)}{self._seed(seed)}"

    def _label(self, variant: Variant, seed: int) -> str:
        return f"{variant}{self._seed(seed)}"

    def _seed(self, seed: int) -> str:
        return f", seed {seed}" if self._plan.config.seeds > 1 else ""


def _tune(recipe: str) -> str:
    return f"tune {recipe}"
