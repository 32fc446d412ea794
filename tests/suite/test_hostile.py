"""Suites are untrusted: whatever they hold, they load or are refused with a message, and nothing of them is run."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.prompting import Wording
from harness.suite import load_suite

WriteSuite = Callable[..., Path]
MANIFEST = "name: small\ncorpus: corpus.jsonl\nsplits:\n  test: {kind: in-domain, file: test.jsonl}\n"
CASE = b'{"id": "c1", "question": "q?", "references": ["salt"]}'
DOCUMENT = b'{"id": "d", "text": "The Swan carries salt."}'
FUZZED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.sampled_from(
    "name corpus splits test train kind file from as_of in-domain shifted metrics without sources path hub id prompt "
    "question passage decoding stop max_new_tokens base model recipes retrieval chunk case document references choices "
    "evidence every texts fields right first labels options at where limit seed format jsonl csv test.jsonl "
    "corpus.jsonl <<".split()
)
values = (
    words | st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | st.text(max_size=20)
)
trees = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | values, inner, max_size=5),
    max_leaves=20,
)
SELECTION = {"file": "test.jsonl", "format": "jsonl", "case": {"question": "q", "references": "a"}}


def loads_or_tells(files: dict[str, bytes]) -> None:
    """Loads a suite of these files, or gets an InputError that says something; anything else fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {"test.jsonl": CASE, "corpus.jsonl": DOCUMENT, **files}.items():
            (Path(folder) / name).write_bytes(content)
        try:
            load_suite(folder)
        except InputError as error:
            assert len(str(error)) > 20  # noqa: PT017
            str(error).encode()


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_suite(str(folder))
    return str(caught.value)


@FUZZED
@given(tree=st.dictionaries(words | values, trees, max_size=6))
def test_any_settings(tree: dict[Any, Any]) -> None:
    """Whatever structure stands in suite.yaml, it loads or is refused."""
    loads_or_tells({"suite.yaml": yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")})


@FUZZED
@given(
    place=st.sampled_from(["split", "splits", "corpus", "selection", "case", "options", "top"]), tree=trees, key=words
)
def test_settings_that_are_nearly_right(place: str, tree: Any, key: str) -> None:
    """A sound suite.yaml in which one value was replaced by anything loads or is refused."""
    selection: dict[str, Any] = {**SELECTION, "case": dict(SELECTION["case"])}
    manifest: dict[str, Any] = {
        "name": "small",
        "corpus": {"file": "corpus.jsonl"},
        "splits": {"test": {"kind": "in-domain", "from": selection}},
    }
    places = {
        "split": manifest["splits"]["test"],
        "splits": manifest["splits"],
        "corpus": manifest["corpus"],
        "selection": selection,
        "case": selection["case"],
        "options": selection.setdefault("options", {}),
        "top": manifest,
    }
    places[place][key] = tree
    loads_or_tells(
        {
            "suite.yaml": yaml.safe_dump(manifest).encode("utf-8", "surrogatepass"),
            "test.jsonl": b'{"q": "q?", "a": "a"}',
        }
    )


@FUZZED
@given(
    content=st.binary(max_size=200) | st.text(alphabet="ab:{}[]&*!<>|-#'\"%@` \n\t0.~", max_size=200).map(str.encode)
)
@example(content=b"!!python/object/apply:os.system ['touch was_run']")
@example(content=b"? [a, b]\n: c\n")
@example(content=b"? {a: b}\n: c\n")
@example(content=b"a: 1:2:3:4:5.5\nb: 0b1_0\nc: !!binary x\nd: !!set {x}\ne: !!omap [x: y]\nf: !!timestamp x")
def test_any_bytes_as_settings(content: bytes) -> None:
    """Whatever bytes suite.yaml holds, it loads or is refused."""
    loads_or_tells({"suite.yaml": content})


records = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=8) | trees,
        "question": st.text(max_size=8) | trees,
        "text": st.text(max_size=8) | trees,
        "references": st.lists(st.text(max_size=4), max_size=3) | trees,
        "choices": st.lists(st.text(max_size=4), max_size=3) | trees,
        "evidence": st.lists(st.just("d") | st.fixed_dictionaries({"document": words, "start": values}), max_size=2)
        | trees,
        "metadata": trees,
        "valid_from": st.dates() | values,
        "valid_until": st.dates() | values,
    },
)
lines = st.one_of(
    records.map(lambda record: json.dumps(record, default=str, skipkeys=True).encode()),
    trees.map(lambda tree: json.dumps(tree, default=str, skipkeys=True).encode()),
    st.binary(max_size=40),
    st.sampled_from(
        [CASE, DOCUMENT, b"", b"NaN", b'{"id": "c", "question": 1e999, "references": [-1e999]}', b"\xff\xfe{", b"\0"]
    ),
)


@FUZZED
@given(cases=st.lists(lines, max_size=5), documents=st.lists(lines, max_size=5))
def test_any_lines(cases: list[bytes], documents: list[bytes]) -> None:
    """Whatever lines the files of a suite hold, it loads or is refused."""
    loads_or_tells(
        {"suite.yaml": MANIFEST.encode(), "test.jsonl": b"\n".join(cases), "corpus.jsonl": b"\n".join(documents)}
    )


@FUZZED
@given(
    format_=st.sampled_from(["jsonl", "json", "csv", "tsv", "squad"]),
    content=st.lists(lines, max_size=4).map(b"\n".join) | st.text('ab,\t"\n²9', max_size=60).map(str.encode),
    right=st.booleans(),
)
@example(format_="csv", content="q,a\nx,²\n".encode(), right=True)
@example(format_="csv", content=b"q,a\nx," + b"9" * 5000 + b"\n", right=True)
@example(format_="csv", content=b'q,a\nx,"' + b"9" * 200_000, right=False)
def test_any_rows(format_: str, content: bytes, right: bool) -> None:
    """Whatever a file of rows holds, a suite that takes its cases from it loads or is refused."""
    case = (
        {"question": "q", "right": "a", "choices": {"texts": ["x", "y"]}}
        if right
        else {"question": "q", "references": "a"}
    )
    selection = {"file": "rows", "format": format_, "case": case}
    manifest = {"name": "small", "splits": {"test": {"kind": "in-domain", "from": selection}}}
    loads_or_tells({"suite.yaml": yaml.safe_dump(manifest).encode(), "rows": content})


def test_a_long_line(write_suite: WriteSuite) -> None:
    """A document of 5 MB in one line is read, to its last word."""
    text = "salt " * 1_000_000 + "end"
    suite = load_suite(str(write_suite(corpus=[{"id": "swan", "text": text}])))
    assert suite.documents[0].text == text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (DOCUMENT + b"\n" + b'{"id": "e", "text": "a\0b"}', "corpus.jsonl:2: not valid JSON"),
        (DOCUMENT + b"\n\0\0\0\0", "corpus.jsonl:2: not valid JSON"),
        (b'{"id": "d", "text": "caf\xe9"}', "corpus.jsonl: can't be read"),
        (DOCUMENT.decode().encode("utf-16"), "corpus.jsonl: can't be read"),
        (DOCUMENT + b'\n{"id": "e", "text": " \\n"}', "corpus.jsonl:2: text: is blank"),
        (b"", "holds no documents"),
        (b'{"id": "d", "text": "a", "text_": "b"}', "unknown key 'text_'"),
        (b'{"id": "d", "text": "\\udc80"}', "corpus.jsonl:1: not valid JSON"),
        (b'{"id": "d", "text": "a", "metadata": {"x": 1e400}}', "corpus.jsonl:1: metadata.x"),
    ],
)
def test_broken_documents(content: bytes, told: str, write_suite: WriteSuite) -> None:
    """NUL bytes, other encodings, empty documents and the like are refused with file and line."""
    folder = write_suite()
    (folder / "corpus.jsonl").write_bytes(content)
    assert told in message(folder)


@pytest.mark.parametrize("file", ["corpus.jsonl", "test.jsonl"])
def test_links_out_of_the_suite(file: str, write_suite: WriteSuite, tmp_path: Path) -> None:
    """A file that is a link out of the suite is refused, and nothing of what it leads to is shown."""
    folder = write_suite()
    (folder / file).rename(tmp_path / "outside.jsonl")
    (tmp_path / "outside.jsonl").write_text("secret")
    (folder / file).symlink_to(tmp_path / "outside.jsonl")
    told = message(folder)
    assert f"{file!r} lies outside the suite" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "name", ["../outside.jsonl", "/etc/passwd", "linked/outside.jsonl", ".", "", "a\\0b", "x" * 5000]
)
@pytest.mark.parametrize("key", ["file: ", "from: {format: jsonl, file: "])
def test_names_out_of_the_suite(name: str, key: str, write_suite: WriteSuite, tmp_path: Path) -> None:
    """A name of a file that leads out of the suite, or is none, is refused; so is one through a linked folder."""
    (tmp_path / "outside.jsonl").write_bytes(CASE)
    folder = write_suite(f'name: x\nsplits: {{t: {{kind: in-domain, {key}"{name}"{"}" * key.count("{")}}}}}')
    (folder / "linked").symlink_to(tmp_path)
    assert any(text in message(folder) for text in ("there is no file", "lies outside", "has no cases"))


@pytest.mark.parametrize("name", ["suite.yaml", "corpus.jsonl", "test.jsonl"])
def test_pipes(name: str, write_suite: WriteSuite) -> None:
    """A pipe in place of a file is refused; nobody waits for what it might say."""
    folder = write_suite()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert name in message(folder)


@pytest.mark.parametrize(
    "line",
    [
        *("description: 0x" + "f" * 5000, "description: " + "9" * 5000, "? 0x" + "f" * 5000 + "\n: x"),
        "decoding: {max_new_tokens: 0x" + "f" * 5000 + "}",
        "decoding: {max_new_tokens: " + ":59" * 5 + "}",
        "description: 1" + ":59" * 3000,
        "base: {model: 1.0e+999}",
    ],
)
def test_huge_numbers(line: str, write_suite: WriteSuite) -> None:
    """A number that is too large to be written out is refused like any other value of the wrong kind."""
    assert "suite.yaml" in message(write_suite(f"{MANIFEST}{line}\n"))


ALIASES = {
    "lists": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 19)),
    "merges": "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 19)),
    "circle": "a: &a {b: *a}\n",
}


@pytest.mark.parametrize("laughs", ALIASES)
def test_aliases(laughs: str, write_suite: WriteSuite) -> None:
    """A few lines of YAML that stand for a million values, or for themselves, are refused before they are."""
    nested = "".join(f"  {line}\n" for line in ALIASES[laughs].splitlines())
    assert "not valid YAML (its aliases" in message(write_suite(f"{MANIFEST}retrieval:\n{nested}"))


def test_an_alias_that_saves_typing(write_suite: WriteSuite) -> None:
    """An alias of a few values is what it stands for."""
    suite = load_suite(str(write_suite(f"{MANIFEST}retrieval: {{a: &a {{b: [c]}}, d: {{<<: *a}}, e: *a}}\n")))
    assert suite.retrieval == {"a": {"b": ["c"]}, "d": {"b": ["c"]}, "e": {"b": ["c"]}}


def test_large_settings(write_suite: WriteSuite) -> None:
    """A suite.yaml of 50 MB is refused by its size, unread."""
    folder = write_suite()
    with (folder / "suite.yaml").open("a") as file:
        file.write("x: " + "[a, b]\n" * 7_200_000)
    assert "suite.yaml: is too large" in message(folder)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ text.__class__.__mro__ }}",
        "{{ text['__class__'] }}",
        "{{ text|attr('__class__') }}",
        "{{ self }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ text.format(text) }}",
        "{{ '%s' % text }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}",
        "{% set x = text %}{{ x }}",
        "{{ lipsum() }}",
        "{{ text * 1000000000 }}",
        "{{ text|replace('', text) }}",
        "{{ " + "(" * 5000 + "text" + ")" * 5000 + " }}",
    ],
)
def test_templates(template: str, write_suite: WriteSuite) -> None:
    """A template that reaches for more than the values it is given is refused, in a prompt and in a mapping."""
    manifest = {**yaml.safe_load(MANIFEST), "prompt": {"passage": template}}
    with pytest.raises(InputError, match="the prompt template 'passage' can't be used"):
        Wording(**load_suite(str(write_suite(yaml.safe_dump(manifest)))).prompt.model_dump())
    selection = {"file": "test.jsonl", "format": "jsonl", "case": {"question": template, "references": "references"}}
    manifest = {"name": "x", "splits": {"t": {"kind": "in-domain", "from": selection}}}
    folder = write_suite(yaml.safe_dump(manifest), test=[{"text": "x", "references": "y"}])
    assert "template" in message(folder)
