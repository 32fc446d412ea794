"""Answers questions as the exported variant did when it was compared: `python answer.py "QUESTION"`.

`--check` answers the cases in check.json again and says what differs from what was recorded when they were scored.
"""

import argparse
import json
import sys
import warnings
from typing import Any

from assistant import HERE, Assistant  # type: ignore[import-not-found] # lies beside this file in an export
from transformers.utils.logging import disable_progress_bar


def differences(assistant: Assistant, check: dict[str, Any]) -> list[str]:
    """What is other than it was recorded, case by case; log-likelihoods may differ by the tolerance.

    Of a text that was written the log-likelihood is compared too: models that differ may write the same.
    """
    told = []
    for case in check["cases"]:
        question, choices, expected = case["question"], case["choices"], case["expected"]
        got = assistant.choose(question, choices) if choices else assistant.write(question)
        if not choices and "loglikelihoods" in expected:
            room = assistant.decoding["max_new_tokens"]
            got["loglikelihoods"] = assistant.scores(question, [expected["text"].strip()], room)["loglikelihoods"]
        wanted, given = expected.get("loglikelihoods", []), got.get("loglikelihoods", [])
        slack = [check["absolute"] + check["relative"] * abs(one) for one in wanted]
        near = all(abs(one - other) <= most for one, other, most in zip(wanted, given, slack, strict=True))
        odd = [name for name in ("prompt", "passages") if got[name] != expected[name]]
        odd += ["loglikelihoods"] if not near else []
        odd += ["text"] if not choices and got["text"] != expected["text"] else []
        told += [f"{case['case']}: {name}: {got[name]!r}, recorded: {expected[name]!r}" for name in odd]
    return told


def main() -> None:
    """Answers what the command line asks."""
    parser = argparse.ArgumentParser(description="Answers a question as the exported variant did.")
    parser.add_argument("question", nargs="?")
    parser.add_argument("--choices", nargs="+", help="choose among these, by log-likelihood")
    parser.add_argument("--check", action="store_true", help="answer the recorded cases again")
    asked = parser.parse_args()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    warnings.simplefilter("ignore", FutureWarning)  # of how libraries use one another
    if bool(asked.question) == asked.check:
        parser.error("give a question, or --check")
    assistant = Assistant()
    if asked.check:
        check = json.loads((HERE / "check.json").read_text(encoding="utf-8"))
        told = differences(assistant, check)
        print("\n".join(told) or f"{len(check['cases'])} cases answered as recorded")
        sys.exit(1 if told else 0)
    choices = asked.choices or assistant.settings["choices"]
    got = assistant.choose(asked.question, choices) if choices else assistant.write(asked.question)
    print(got["text"].strip())


if __name__ == "__main__":
    main()
