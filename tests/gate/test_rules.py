import pytest

from harness.errors import InputError
from harness.gate import Rule, Rules, read_rules, write_rules
from harness.gate.rules import matches


@pytest.mark.parametrize(
    ("patterns", "names", "found"),
    [
        (("*",), ("full@0.5/rag-3",), True),
        (("full/*", "lora/*"), ("lora/zero-shot",), True),
        (("*", "!*/rag-*"), ("base/rag-3",), False),
        (("!base/*",), ("lora/zero-shot",), True),
        (("shifted",), ("noisy", "shifted"), True),
        (("!retention",), ("facts", "retention"), False),
    ],
)
def test_patterns(patterns, names, found):
    """A name is matched by any pattern, and by none that begins with an exclamation mark; a split by its kind too."""
    assert matches(patterns, *names) is found


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    """An unknown key, a rule without a demand and an impossible one are told together, each with its place."""
    (tmp_path / "gate.yaml").write_text(
        "rules:\n- {marign: 0.03}\n- {variants: full/*}\n- {max_drop: 0}\n- {max_drop: 0.1, margin: 0.05}\n"
    )
    with pytest.raises(InputError) as error:
        read_rules(tmp_path / "gate.yaml")
    told = str(error.value)
    assert "unknown key 'rules.0.marign' (did you mean 'margin'?)" in told
    assert "rules.1: demands nothing" in told
    assert "rules.2: max_drop: 0 needs a margin" in told
    assert "rules.3: max_drop: 0.1 is above margin: 0.05" in told
    assert "has nothing in it" not in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rules: []", "rules: has nothing in it"),
        ("rules: [{variants: [], margin: 0.1}]", "variants: has nothing in it"),
        ("rules: [{alpha: 0.001, margin: 0.1}]", "alpha: should be greater than or equal to 0.01"),
    ],
)
def test_rules_that_could_never_stop_a_run_are_refused(tmp_path, content, told):
    """No rule, a rule about nothing, and a level at which no fall could be shown are mistakes."""
    (tmp_path / "gate.yaml").write_text(content)
    with pytest.raises(InputError, match=told):
        read_rules(tmp_path / "gate.yaml")


def test_a_name_alone_is_a_list_of_one(tmp_path):
    """`variants: full/*` is `variants: [full/*]`."""
    (tmp_path / "gate.yaml").write_text("rules: [{variants: full/*, margin: 0.02}]\n")
    assert read_rules(tmp_path / "gate.yaml").rules == (Rule(variants=("full/*",), margin=0.02),)


def test_rules_come_back_from_their_file(tmp_path):
    """What is written is read as it was."""
    rules = Rules(rules=(Rule(splits=("!noisy",), margin=0.04, max_drop=0.01), Rule(floor=0.6)), accept=("template",))
    assert read_rules(write_rules(rules, tmp_path / "gate.yaml")) == rules
