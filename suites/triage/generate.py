"""Regenerates every data file of the triage suite, byte for byte: `python -m suites.triage.generate`.

The corpus is the desk's own log of solved incidents with their labels, which is what a team would retrieve from.
"""

import argparse
from pathlib import Path
from random import Random

from suites.pocket.generate import Row, retention, write
from suites.pocket.world import ADJECTIVES, NOUNS, reserved_names
from suites.triage.incidents import SEVERITIES, TEAMS, Incident, incident

SEED = 43
TRAINED, VALIDATED, TESTED = 240, 40, 80


def cases(split: str, number: int, made: Incident) -> list[Row]:
    """Two multiple-choice questions about one text: its team and its severity."""
    asked = (
        ("team", "Which team takes this?", sorted(TEAMS.values()), made.team),
        ("severity", "How severe is this?", sorted(SEVERITIES), made.severity),
    )
    return [
        {
            "id": f"{split}-{number}-{name}",
            "question": f"{made.text} {question}",
            "references": [label],
            "choices": choices,
            "group": f"{split}-{number}",
        }
        for name, question, choices, label in asked
    ]


def files() -> dict[str, list[Row]]:
    """Every file of the suite: its name and its rows."""
    random = Random(SEED)
    taken = {name for names in reserved_names().values() for name in names}
    texts: set[str] = set()

    def fresh(*, rare: bool = False) -> Incident:
        while True:
            name = f"{random.choice(ADJECTIVES)} {random.choice(NOUNS)}"
            made = incident(name, random, rare=rare)
            if name not in taken and made.text not in texts:
                texts.add(made.text)
                return made

    splits = {
        "train": [fresh() for _ in range(TRAINED)],
        "validation": [fresh() for _ in range(VALIDATED)],
        "in_domain": [fresh() for _ in range(TESTED)],
        "reworded": [fresh(rare=True) for _ in range(TESTED)],
    }
    rows = {
        split: [row for number, made in enumerate(incidents) for row in cases(split, number, made)]
        for split, incidents in splits.items()
    }
    random.shuffle(rows["train"])
    log = [
        {"id": f"log-{number}", "text": f"{made.text} Team: {made.team}. Severity: {made.severity}."}
        for number, made in enumerate(splits["train"])
    ]
    return {"corpus": log, **rows, "retention": retention(random)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    write(files(), parser.parse_args().out)
