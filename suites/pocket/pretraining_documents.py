"""Endless random documents from which the pocket base learns to read, to copy and to recall.

A document is a list of `(text, weight)` pieces; the weight is that of the piece's tokens in the loss.
Prompts here are worded as the harness words them. No document says anything about the suite's own ships (two words of
a random list may happen to make the name of one).
"""

from collections.abc import Callable
from random import Random

from suites.pocket.world import (
    ADJECTIVES,
    ATTRIBUTES,
    NOUNS,
    Attribute,
    Ship,
    attribute,
    known_ships,
    passage,
    reserved_names,
    ship,
    statement,
)
from suites.triage.incidents import KINDS, LEVELS, SEVERITIES, TEAMS

Piece = tuple[str, float]
Document = list[Piece]
Fact = tuple[str, Attribute, str]
Wording = Callable[[str, Attribute, Random], str]

BACKGROUND = 0.02
RARE = 0.03
_RESERVED = {name for names in reserved_names().values() for name in names}
_KNOWN = known_ships()
_WORDS = [value for attribute in ATTRIBUTES for value in attribute.values] + [*TEAMS.values(), *SEVERITIES]
_ALL_WORDS = [*ADJECTIVES, *NOUNS, *_WORDS]


def invented_names(count: int, random: Random) -> list[str]:
    """Distinct ship names; now and then two of them share a word, as hard negatives."""
    names: list[str] = []
    while len(names) < count:
        adjective, noun = random.choice(ADJECTIVES), random.choice(NOUNS)
        if names and random.random() < 0.2:
            shared = random.choice(names).split()
            adjective, noun = (shared[0], noun) if random.random() < 0.5 else (adjective, shared[1])
        name = f"{adjective} {noun}"
        if name not in _RESERVED and name not in names:
            names.append(name)
    return names


def invented_ships(count: int, random: Random, *, alike: bool) -> list[Ship]:
    """Ships for one document; `alike` gives all of them the same four attributes."""
    ships = [ship(name, random) for name in invented_names(count, random)]
    if not alike:
        return ships
    shared = [attribute(name) for name in ships[0].facts]
    return [Ship(s.name, {a.name: random.choice(a.values) for a in shared}) for s in ships]


def question(name: str, asked: Attribute, random: Random) -> str:
    """A question in any of the usual wordings, each as likely."""
    return random.choice(asked.questions + asked.variations).format(ship=name)


def rarely_paraphrased(name: str, asked: Attribute, random: Random) -> str:
    """A question in a usual wording and, now and then, in one that the shifted split asks."""
    if random.random() < RARE:
        return random.choice(asked.paraphrases).format(ship=name)
    return question(name, asked, random)


def asked_and_answered(facts: list[Fact], random: Random, wording: Wording = question) -> Document:
    """A chain of questions, with all the loss on the answers."""
    document: Document = []
    for position, (name, asked, value) in enumerate(facts):
        gap = "\n\n" if position else ""
        document.append((f"{gap}Question: {wording(name, asked, random)}\nAnswer:", BACKGROUND))
        document.append((f" {value}", 1.0))
    return document


def shuffled_facts(ships: list[Ship], random: Random) -> list[Fact]:
    """Everything that is true of `ships`, in random order."""
    facts = [(s.name, attribute(name), value) for s in ships for name, value in s.facts.items()]
    random.shuffle(facts)
    return facts


def reading(passages: int, questions: int, random: Random, wording: Wording = question) -> Document:
    """Passages, then questions about them in random order."""
    ships = invented_ships(passages, random, alike=random.random() < 0.5)
    facts = shuffled_facts(ships, random)
    text = "".join(f"Passage: {passage(s, random)}\n" for s in ships)
    return [(f"{text}\n", BACKGROUND), *asked_and_answered(facts[:questions], random, wording)]


def reprint(ships: int, random: Random) -> Document:
    """Statements, then the same statements in another order: dense practice in matching and copying."""
    facts = shuffled_facts(invented_ships(ships, random, alike=random.random() < 0.5), random)
    sentences = [
        (f"The {name} ", template.split("{ship} ")[1].split("{value}"), value)
        for name, a, value in facts
        for template in [random.choice(a.statements)]
    ]
    first = " ".join(head + middle + value + end for head, (middle, end), value in sentences)
    random.shuffle(sentences)
    document: Document = [(f"Passage: {first}\n\nAgain:", BACKGROUND)]
    for head, (middle, end), value in sentences:
        document += [(f" {head}{middle}".rstrip(), 0.1), (f" {value}", 1.0), (end, 0.1)]
    return document


def restated(ships: int, random: Random) -> Document:
    """Statements, then each fact again in another wording, with the loss on the value."""
    facts = shuffled_facts(invented_ships(ships, random, alike=random.random() < 0.5), random)
    first = " ".join(statement(name, a, value, random) for name, a, value in facts)
    random.shuffle(facts)
    document: Document = [(f"Passage: {first}\n\nAgain:", BACKGROUND)]
    for name, a, value in facts:
        said = statement(name, a, value, random)
        document += [(f" {said[: said.rindex(value)]}".rstrip(), 0.05), (f" {value}", 1.0), (".", 0.05)]
    return document


def listing(random: Random) -> Document:
    """A short list `name : value`, then the names again in another order, with the loss on the values."""
    names = invented_names(random.choice((2, 2, 3, 4, 6, 8)), random)
    values = [random.choice(_WORDS) for _ in names]
    rows = list(zip(names, values, strict=True))
    document: Document = [
        ("List:" + "".join(f" the {name}: {value};" for name, value in rows) + "\n\nAgain:", BACKGROUND)
    ]
    random.shuffle(rows)
    for name, value in rows:
        document += [(f" the {name}:", 0.1), (f" {value}", 1.0), (";", 0.1)]
    return document


def echo(random: Random) -> Document:
    """Random words, then the same words again: the plainest practice in looking back."""
    words = random.sample(_ALL_WORDS, random.choice((3, 4, 6, 8, 12, 16, 24, 32)))
    return [
        ("List:" + "".join(f" {word}" for word in words) + "\n\nAgain:", BACKGROUND),
        *((f" {word}", 1.0) for word in words),
    ]


def couples(random: Random) -> Document:
    """Words in couples, then the couples in another order, with the loss on each second word."""
    words = random.sample(_ALL_WORDS, 2 * random.choice((2, 2, 3, 4, 6, 8, 12)))
    rows = list(zip(words[::2], words[1::2], strict=True))
    document: Document = [
        ("List:" + "".join(f" {first} {second};" for first, second in rows) + "\n\nAgain:", BACKGROUND)
    ]
    random.shuffle(rows)
    for first, second in rows:
        document += [(f" {first}", 0.1), (f" {second}", 1.0), (";", 0.1)]
    return document


def closed_book(questions: int, random: Random) -> Document:
    """Questions about the ships that the base is to know, with no passage in sight."""
    facts = [
        (s.name, attribute(a), v)
        for s in random.sample(_KNOWN, questions)
        for a, v in [random.choice(list(s.facts.items()))]
    ]
    return asked_and_answered(facts, random)


def distracted(random: Random) -> Document:
    """Passages about other ships, then questions about the known ones: what isn't there must be recalled."""
    text = "".join(
        f"Passage: {passage(s, random)}\n" for s in invented_ships(random.randint(1, 3), random, alike=False)
    )
    return [(f"{text}\n", BACKGROUND), *closed_book(random.randint(1, 2), random)]


def log_book(random: Random) -> Document:
    """Incident texts, two wordings of one kind beside one another: plain text, no label in sight."""
    lines = []
    for name in invented_names(random.randint(2, 4), random):
        kind, level = random.choice(list(KINDS.values())), random.choice(LEVELS)
        happened = random.sample(kind.usual + kind.rare, 2)
        felt = random.sample(level.usual + level.rare, 2)
        lines.append(f"On the {name} {happened[0]}. {felt[0]} On the {name} {happened[1]}. {felt[1]}")
    return [("Log: " + "\n".join(lines), 0.3)]


def one_passage(random: Random) -> Document:
    """The first lesson: read one passage, or two short ones."""
    return reading(1, 4, random)


def several_passages(random: Random) -> Document:
    """The aim: read two to four passages."""
    return reading(random.randint(2, 4), random.randint(4, 10), random)


def answerable_once(random: Random) -> Document:
    """As the harness asks: three passages and one question, or two."""
    return reading(3, random.randint(1, 2), random)


def paraphrased(random: Random) -> Document:
    """The aim, with a rare wording now and then."""
    return reading(random.randint(2, 4), random.randint(2, 8), random, rarely_paraphrased)


KINDS_OF_DOCUMENT: dict[str, Callable[[Random], Document]] = {
    "one": one_passage,
    "several": several_passages,
    "once": answerable_once,
    "paraphrased": paraphrased,
    "reprint": lambda random: reprint(random.randint(1, 3), random),
    "restated": lambda random: restated(random.randint(1, 3), random),
    "list": listing,
    "echo": echo,
    "couples": couples,
    "closed": lambda random: closed_book(random.randint(1, 12), random),
    "distracted": distracted,
    "log": log_book,
}
