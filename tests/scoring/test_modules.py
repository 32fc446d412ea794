import re
import sys
from pathlib import Path

import evaluate
import pytest

from harness.errors import InputError
from harness.scoring import Given, parse_metrics
from harness.scoring.modules import Module

HEAD = """
import datasets
import evaluate

class Local(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({{"predictions": {prediction}, "references": {references}}})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        open({log!r}, "a").write("x")
        {body}
"""
EQUAL = "values = [float(p == r) for p, r in zip(predictions, references)]"


@pytest.fixture(scope="module")
def modules_cache(tmp_path_factory):
    """One folder for all tests, since Python imports the package that it holds only once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", tmp_path_factory.mktemp("modules"))
        patch.setattr(sys, "path", [place for place in sys.path if not Path(place, "evaluate_modules").is_dir()])
        for name in [name for name in sys.modules if name.partition(".")[0] == "evaluate_modules"]:
            patch.delitem(sys.modules, name)  # of another folder, by an earlier test
        yield


@pytest.fixture
def module(modules_cache, tmp_path, monkeypatch):
    """Writes a module of the given name and body into a folder, and gives its path as it stands in a metric's name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, body: str, prediction: str = "text", references: str = "text") -> str:
        (tmp_path / name).mkdir()
        source = HEAD.format(body=body, prediction=prediction, references=references, log=str(tmp_path / "log"))
        (tmp_path / name / f"{name}.py").write_text(source, encoding="utf-8")
        return f"./{name}"

    return write


def parsed(argument: str, trusted: str) -> Module:
    (metric,) = parse_metrics([f"evaluate({argument})"], chooses=False, given=Given(trusted=(trusted,)))
    assert isinstance(metric, Module)
    assert metric.metric == f"evaluate({argument})"
    return metric


def cases(metric: Module, *pairs: tuple[str, list[str]]) -> list[float | None]:
    return metric.compute(predictions=[p for p, _ in pairs], references=[r for _, r in pairs])["cases"]


def test_not_without_leave(module, tmp_path) -> None:
    """A module that the caller doesn't trust isn't even loaded: its code would run."""
    name = module("eager", f'{EQUAL}; return {{"eager": values}}\n\nopen("ran", "w")')
    for trusted in ((), ("eager",), (f"{name}:eager",)):
        with pytest.raises(InputError, match=r"If you trust it, add `--trust-metric \./eager`"):
            parse_metrics([f"evaluate({name})"], chooses=False, given=Given(trusted=trusted))
    assert not (tmp_path / "ran").exists()
    parsed(name, name)
    assert (tmp_path / "ran").exists()


def test_a_number_a_case(module, tmp_path) -> None:
    """A module that gives a number a case is asked once for all, beside the trial when it is loaded."""
    metric = parsed(module("listed", f'{EQUAL}; return {{"listed": values}}'), "./listed")
    assert cases(metric, ("a", ["a"]), ("a", ["b"]), ("a", ["b", "a"])) == [1.0, 0.0, 1.0]
    assert re.fullmatch(r"\./listed:[0-9a-f]{8}\|evaluate:.*", metric.signature)
    assert (tmp_path / "log").read_text() == "xx"


def test_one_number(module) -> None:
    """A module that gives one number for all is asked case by case, and the best reference counts."""
    metric = parsed(module("meant", f'{EQUAL}; return {{"meant": sum(values) / len(values)}}'), "./meant")
    assert cases(metric, ("a", ["a"]), ("a", ["b"]), ("a", ["b", "a"])) == [1.0, 0.0, 1.0]


def test_lists_of_references(module) -> None:
    """A module that takes several references gets them all."""
    body = 'return {"some": [float(p in r) for p, r in zip(predictions, references)]}'
    metric = parsed(module("some", body, references="datasets.Sequence(text)"), "./some")
    assert cases(metric, ("a", ["b", "a"]), ("a", ["b", "c"])) == [1.0, 0.0]


def test_several_results(module) -> None:
    """Where a module has several results, the name says which counts; without it the error lists them."""
    name = module("double", f'{EQUAL}; return {{"up": values, "down": [1 - v for v in values]}}')
    assert cases(parsed(f"{name}:down", name), ("a", ["a"])) == [0.0]
    for argument in (name, f"{name}:middle"):
        with pytest.raises(InputError, match=r"which result counts\? Its results: up, down"):
            parsed(argument, name)


def test_unscored(module) -> None:
    """What isn't a number between 0 and 1, or makes the module fail, is unscored; the other cases have their number."""
    body = """values = {"a": 1.0, "b": 87.5, "c": float("nan"), "d": None}
        return {"odd": [values.get(p, 0.5) if p else 1 / len(p) for p in predictions]}"""
    metric = parsed(module("odd", body), "./odd")
    result = metric.compute(predictions=["a", "b", "c", "d", ""], references=[["x"]] * 5)
    assert result["cases"] == [1.0, None, None, None, None]
    assert result[metric.metric] == 1.0
    assert result["reasons"] == [
        None,
        "the module gave 87.5, and a score lies between 0 and 1",
        "the module gave no finite number",
        "the module gave no finite number",
        "evaluate(./odd) failed: division by zero",
    ]


@pytest.mark.parametrize(
    ("body", "prediction", "told"),
    [
        ('return {"bad": [0.0]}', 'datasets.Value("int32")', "judges no texts"),
        ('raise KeyError("lang")', "text", "can't be used"),
        ('return {"bad": "good"}', "text", "none that is a number"),
    ],
)
def test_unusable(module, body: str, prediction: str, told: str) -> None:
    """A module that takes no texts, needs more than texts or gives no number is refused when it is loaded."""
    with pytest.raises(InputError, match=told):
        parsed(module("bad", body, prediction), "./bad")


def test_not_found(module) -> None:
    """A module that isn't there is told with what it needs: the right name, or a network."""
    with pytest.raises(InputError, match=r"can't be loaded .* the network"):
        parsed("./nothing", "./nothing")


def test_a_folder_here_is_no_module_of_the_hub(module) -> None:
    """A name that could mean a folder here as well as a module of the hub is refused, so neither runs by mistake."""
    module("bleu", "return {}")
    assert Path("bleu").is_dir()
    with pytest.raises(InputError, match=r"Write \./bleu for the one here"):
        parsed("bleu", "bleu")
