"""Regenerates every data file of the pocket suite, byte for byte: `python -m suites.pocket.generate`.

The dates tell the story: the corpus of January is what training knows, new ships are added in February, and
in March three of the four facts of every old ship change.
"""

import argparse
import json
from pathlib import Path
from random import Random
from typing import Any

from suites.pocket.world import Ship, attribute, known_ships, passage, reserved_names, ship

SEED = 42
TRAINED, NEW, BYSTANDERS = 50, 40, 20
TESTED = 150
FOUNDED, GROWN, REVISED = "2026-01-01", "2026-02-01", "2026-03-01"

Row = dict[str, Any]
Fact = tuple[Ship, str]


def document(ship: Ship, random: Random, **dates: str) -> Row:
    return {"id": slug(ship.name), "title": f"The {ship.name}", "text": passage(ship, random), **dates}


def case(split: str, fact: Fact, wording: str, **more: Any) -> Row:
    owner, name = fact
    return {
        "id": f"{split}-{slug(owner.name)}-{name}",
        "question": wording.format(ship=owner.name),
        "references": [owner.facts[name]],
        **more,
    }


def slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def facts(ships: list[Ship]) -> list[Fact]:
    return [(s, name) for s in ships for name in s.facts]


def revised(old: Ship, random: Random) -> Ship:
    """The ship with new values for all facts but one."""
    changing = random.sample(sorted(old.facts), len(old.facts) - 1)
    changes = {
        name: random.choice([value for value in attribute(name).values if value != old.facts[name]])
        for name in changing
    }
    return Ship(old.name, {**old.facts, **changes})


def mistyped(text: str, random: Random, errors: int = 2) -> str:
    """`text` with letters swapped, dropped, doubled or replaced by a neighbour in the alphabet."""
    for _ in range(errors):
        place = random.choice([i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()])
        before, letter, after = text[:place], text[place], text[place + 1 :]
        neighbour = chr((ord(letter.lower()) - 97 + 1) % 26 + 97)
        text = random.choice(
            [
                before + after[0] + letter + after[1:],
                before + after,
                before + letter * 2 + after,
                before + neighbour + after,
            ]
        )
    return text


def retention(random: Random) -> list[Row]:
    """Questions about the ships that the base knows by heart."""
    known = random.sample(facts(known_ships()), TESTED)
    return [
        case("retention", fact, random.choice(attribute(fact[1]).questions), group=slug(fact[0].name)) for fact in known
    ]


def files() -> dict[str, list[Row]]:
    """Every file of the suite: its name and its rows."""
    random = Random(SEED)
    names = reserved_names()["suite"]
    old = [ship(name, random) for name in names[:TRAINED]]
    new = [ship(name, random) for name in names[TRAINED : TRAINED + NEW]]
    bystanders = [ship(name, random) for name in names[TRAINED + NEW : TRAINED + NEW + BYSTANDERS]]
    changed = [revised(s, random) for s in old]
    corpus = [document(s, random, valid_from=FOUNDED, valid_until=REVISED) for s in old]
    corpus += [document(s, random, valid_from=FOUNDED) for s in bystanders]
    corpus += [document(s, random, valid_from=GROWN) for s in new]
    corpus += [document(s, random, valid_from=REVISED) for s in changed]

    taught = facts(old)
    held_out = {fact_key(fact): random.choice(attribute(fact[1]).questions) for fact in taught}
    tested = random.sample(taught, TESTED)
    tested_keys = {fact_key(fact) for fact in tested}
    train = []
    for fact in taught:
        wordings = [w for w in attribute(fact[1]).questions if w != held_out[fact_key(fact)]]
        train += [
            case(f"train-{number}", fact, wording, evidence=[slug(fact[0].name)])
            for number, wording in enumerate(wordings)
        ]
    random.shuffle(train)
    asked_again = [
        case("paraphrase", fact, random.choice(attribute(fact[1]).paraphrases), evidence=[slug(fact[0].name)])
        for fact in tested
    ]
    updated = []
    for before, after in zip(old, changed, strict=True):
        updated += [
            case(
                "updated", (after, name), held_out[fact_key((before, name))], stale=[value], evidence=[slug(after.name)]
            )
            for name, value in before.facts.items()
            if after.facts[name] != value
        ]
    fresh = random.sample(facts(new), TESTED)
    in_domain = [case("in-domain", fact, held_out[fact_key(fact)], evidence=[slug(fact[0].name)]) for fact in tested]
    return {
        "corpus": corpus,
        "train": train,
        "validation": [
            case("validation", fact, held_out[fact_key(fact)], evidence=[slug(fact[0].name)])
            for fact in taught
            if fact_key(fact) not in tested_keys
        ],
        "in_domain": in_domain,
        "paraphrase": asked_again,
        "new_facts": [
            case("new", fact, random.choice(attribute(fact[1]).questions), evidence=[slug(fact[0].name)])
            for fact in fresh
        ],
        "updated_facts": random.sample(updated, TESTED),
        "noisy": [
            {**row, "id": row["id"].replace("in-domain", "noisy"), "question": mistyped(row["question"], random)}
            for row in in_domain
        ],
        "retention": retention(random),
    }


def fact_key(fact: Fact) -> tuple[str, str]:
    return fact[0].name, fact[1]


def write(files: dict[str, list[Row]], folder: Path) -> None:
    """Writes each file as JSON lines."""
    for name, rows in files.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    write(files(), parser.parse_args().out)
