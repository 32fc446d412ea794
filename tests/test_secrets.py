"""Secrets don't get into what is shown or kept, and what is no secret stays as it is."""

import pytest

from harness._secrets import scrub, scrub_all, secret_name

ENVIRONMENT = {
    "OPENAI_API_KEY": "correct-horse-battery",
    "HF_TOKEN": "hunter2!",
    "DB_PASSWORD": 'sl/ash "quoted"\nlines',
    "aws_secret_access_key": "lowercase+too/",
    "TOKENIZERS_PARALLELISM": "parallelism",
    "PWD": "/where/it/is",
    "EMPTY_KEY": "",
    "SHORT_KEY": "a",
    "USE_KEY": "true",
    "LOCAL_API_KEY": "EMPTY",
}


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("sent correct-horse-battery to it", "sent *** to it"),
        ("hunter2!hunter2!", "******"),
        ('the sl/ash "quoted"\nlines', "the ***"),
        ("?p=sl%2Fash%20%22quoted%22%0Alines", "?p=***"),
        (r'{"p": "sl/ash \"quoted\"\nlines"}', '{"p": "***"}'),
        ("lowercase+too/", "***"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: ***"),
        ("{'authorization': 'Basic dXNlcg=='}", "{'authorization': '***'}"),
        ("x-api-key: 12345", "x-api-key: ***"),
        ("https://me:word@host.org/x", "https://***@host.org/x"),
        ("postgresql://me:p@ss@host/db", "postgresql://***@host/db"),
        ("https://host/x?a=1&api_key=abc&b=2", "https://host/x?a=1&api_key=***&b=2"),
        ("https://s3.host/x?X-Amz-Signature=0a1b", "https://s3.host/x?X-Amz-Signature=***"),
        ("OTHER_TOKEN=abc harness compare", "OTHER_TOKEN=*** harness compare"),
        ("harness x --api-key abc --limit 3", "harness x --api-key *** --limit 3"),
        ("hf_abcdefghijklmnopqrstuv and sk-proj-0123456789abcdef", "*** and ***"),
    ],
    ids=lambda text: text[:24].replace("\n", " "),
)
def test_secrets_are_hidden(text, scrubbed):
    """Values of the environment in any quoting, headers, URLs, options and well-known shapes become three stars."""
    assert scrub(text, ENVIRONMENT) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "parallelism in /where/it/is is true a",
        "OPENAI_API_KEY: is not set",
        "--max-new-tokens 8 and 54 prompt tokens",
        "an EMPTY list is not None",
        "basic knowledge, and the bearer of news",
        "git@host.org:x/y and https://host.org/a@b",
        "sqlite:///runs.db",
    ],
)
def test_other_text_stays(text):
    """Names of variables, tokens that are counted, and paths aren't secrets."""
    assert scrub(text, ENVIRONMENT) == text


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    """Without an environment, that of the process is asked, as it is at that moment."""
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "as-it-is-now")
    assert scrub("x as-it-is-now") == "x ***"


@pytest.mark.parametrize("piece", ["a.", "a-", "--a", "a://", "authorization ", "key", "sk-", "bearer ", "https://a:"])
def test_hostile_text_is_scrubbed_in_its_length(piece):
    """Half a million characters that nearly match take a moment, where the square of them would take hours."""
    assert scrub(piece * (500_000 // len(piece)), ENVIRONMENT)


def test_records_are_scrubbed_all_through():
    """Texts at any depth are scrubbed, and those under a secret's name hidden whole; numbers stay."""
    record = {"api_key": "abc", "tokens": 3, "key": None, "list": [{"told": "hunter2!"}], "hunter2!": 1.5}
    assert scrub_all(record, ENVIRONMENT) == {
        "api_key": "***",
        "tokens": 3,
        "key": None,
        "list": [{"told": "***"}],
        "***": 1.5,
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [("HF_TOKEN", True), ("token", True), ("AWS_ACCESS_KEY_ID", True), ("MONKEY", False), ("prompt_tokens", False)],
)
def test_names_of_secrets(name, secret):
    """A name tells a secret by a whole word of it."""
    assert secret_name(name) is secret
