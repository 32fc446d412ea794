"""The invented world of the pocket suite: ships, what is said about them, and how one asks.

Every sentence starts with the ship and ends with the value, so that a model of a few million
parameters can learn to read it. This file holds words and wordings only: it knows nothing of
suites, splits, tokenizers or models.
"""

from dataclasses import dataclass
from random import Random

ADJECTIVES = """
Able Agile Amber Ancient Arctic Austere Autumn Basic Bitter Blazing Blessed Bold Brave Brazen Brief Bright
Brisk Broken Bronze Calm Candid Careful Casual Cheerful Chosen Clever Cloudy Clumsy Coastal Cold Cosmic Cosy
Crooked Crystal Curious Daring Dawn Deep Distant Double Dusty Eager Early Earnest Eastern Elder Electric Empty
Endless Equal Faded Faithful Famous Feral Final Floral Fluent Formal Forlorn Fragile Free Fresh Frozen Gallant
Gentle Gilded Glad Gloomy Golden Grand Grateful Hasty Hidden Hollow Holy Honest Humble Hungry Idle Inner Iron
Jolly Joyful Keen Kind Latent Lavish Lazy Lively Lonely Loud Loyal Lucky Lunar Magic Mellow Merry Mighty Misty
Modest Narrow Neat Nimble Noble Northern Outer Patient Placid Plain Polar Polite Prime Proud Quick Quiet Rapid
Rare Restless Royal Rugged Rustic Sacred Salty Serene Shady Sharp Silent Silver Simple Sleepy Solar Solemn
Southern Stable Steady Stormy Stubborn Sturdy Sunny Swift Tender Thirsty Thorny Tidal Timid Tiny Tranquil
Urban Valiant Velvet Vivid Wandering Wary Western Wild Winter Wise Witty Young
""".split()

NOUNS = """
Acorn Anchor Anvil Arrow Atlas Axle Banner Barrel Basin Basket Beacon Bell Blade Blossom Bolt Book Bottle
Boulder Bow Branch Breeze Bridge Broom Bucket Buckle Button Cabin Canopy Canyon Castle Cave Chalice Chapel
Chest Cinder Circle Clock Clover Comet Compass Coral Corner Cradle Crater Crest Crown Cup Dagger Dial Diamond
Dome Door Drum Dune Echo Engine Feather Fern Fiddle Field Flame Flower Flute Forest Forge Fountain Gate Geyser
Glacier Grove Hammer Harbor Harp Harvest Hearth Helmet Hill Hinge Horizon Horn Island Jewel Kettle Key Kite
Ladder Lagoon Lake Lamp Lance Lantern Leaf Legend Lens Letter Locket Loom Mantle Maple Market Mask Meadow
Medal Melody Meteor Mirror Moon Mortar Mountain Needle Nest Oak Oasis Orchard Organ Paddle Palace Parade Pearl
Pebble Pillar Pilot Pine Planet Plow Prairie Prism Promise Pulley Quarry Quiver Rain Raven Reed Ribbon Ridge
River Rocket Root Rose Ruby Saddle Sail Scroll Shadow Shell Shield Signal Sky Spark Spear Spire Spoon Spring
Star Stone Storm Summit Sword Table Temple Thimble Thistle Thunder Torch Tower Trumpet Tulip Tunnel Valley
Violin Wagon Wave Wheel Whistle Willow Window
""".split()


@dataclass(frozen=True)
class Attribute:
    """One thing that a ship has, with every way to state it and to ask for it.

    `questions` are the wordings that the suite trains and asks; `variations` are known to the base as well;
    `paraphrases` the base has seen rarely, and the shifted split asks them.
    """

    name: str
    values: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    variations: tuple[str, ...]
    paraphrases: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "port",
        tuple(
            """Brindle Corvo Dunmere Estal Farrow Galdin Hythe Ilmar Jorvik Kessel Lundy Marrow Norden Ostia Penzan
            Quill Rasmor Selby Torvik Ulster Vasto Wexley Yarrow Zandor""".split()
        ),
        (
            "The {ship} sails from {value}.",
            "The {ship} has its home port at {value}.",
            "The {ship} has a berth in {value}.",
        ),
        (
            "What is the home port of the {ship}?",
            "Where does the {ship} sail from?",
            "Which port is home to the {ship}?",
            "Where does the {ship} have its home port?",
        ),
        (
            "In which harbour is the berth of the {ship}?",
            "Name the place where the {ship} has a berth.",
        ),
        (
            "When the {ship} comes home, where does it tie up?",
            "At which quay do you wait for the {ship}?",
        ),
    ),
    Attribute(
        "cargo",
        tuple(
            """salt timber wool copper barley honey silk pepper marble candles tar rope olives coal paper sugar
            glass ivory linen tin rum tea cotton grain""".split()
        ),
        (
            "The {ship} carries {value}.",
            "The {ship} has a cargo of {value}.",
            "The {ship} is loaded with {value}.",
        ),
        (
            "What does the {ship} carry?",
            "What is the cargo of the {ship}?",
            "Which cargo does the {ship} carry?",
            "What cargo has the {ship}?",
        ),
        (
            "With what is the hold of the {ship} loaded?",
            "Name the goods that load the {ship}.",
        ),
        (
            "What would you find in a crate of the {ship}?",
            "What do merchants load onto the {ship}?",
        ),
    ),
    Attribute(
        "captain",
        tuple(
            """Moss Hale Byrne Costa Drake Egan Frost Grant Hobbs Innes Joyce Kerr Lowe Munro Nash Owens Pratt
            Reyes Shaw Tully Usher Vance Webb York""".split()
        ),
        (
            "The {ship} is led by {value}.",
            "The {ship} sails under captain {value}.",
            "The {ship} is commanded by {value}.",
        ),
        (
            "Who is the captain of the {ship}?",
            "Who leads the {ship}?",
            "Under which captain does the {ship} sail?",
            "Which captain leads the {ship}?",
        ),
        (
            "By whom is the {ship} commanded?",
            "Name the person who commands the {ship}.",
        ),
        (
            "Whose orders does everybody on the {ship} obey?",
            "Who stands at the helm of the {ship}?",
        ),
    ),
    Attribute(
        "hull",
        tuple(
            """red blue green white black yellow purple orange brown grey pink teal crimson violet ochre indigo
            scarlet beige maroon cream lilac navy mauve khaki""".split()
        ),
        (
            "The {ship} has a hull painted {value}.",
            "The {ship} has a hull of colour {value}.",
            "The {ship} is painted {value}.",
        ),
        (
            "What colour is the hull of the {ship}?",
            "What is the hull colour of the {ship}?",
            "Which colour is the {ship} painted?",
            "What colour has the {ship}?",
        ),
        (
            "In which paint does the hull of the {ship} shine?",
            "Name the paint on the {ship}.",
        ),
        (
            "Of what shade are the planks of the {ship}?",
            "Seen from afar, what tint has the {ship}?",
        ),
    ),
    Attribute(
        "figurehead",
        tuple(
            """mermaid dragon cherub giant minotaur queen knight wizard siren griffin saint monk hunter dancer
            bowman jester king pilgrim goddess centaur sphinx phoenix warrior maiden""".split()
        ),
        (
            "The {ship} has a figurehead of a {value}.",
            "The {ship} shows on its bow a {value}.",
            "The {ship} wears a carved {value}.",
        ),
        (
            "What is the figurehead of the {ship}?",
            "What figure has the {ship} on its bow?",
            "Which figurehead does the {ship} wear?",
            "What does the {ship} show on its bow?",
        ),
        (
            "As what is the front of the {ship} carved?",
            "Name the figure carved for the {ship}.",
        ),
        (
            "Which shape greets you at the prow of the {ship}?",
            "What did the sculptor make for the {ship}?",
        ),
    ),
    Attribute(
        "builder",
        tuple(
            """Ashby Barlow Cromer Dalton Elwood Fenner Gibson Harlow Irving Jessop Kendal Larkin Milner Norton
            Oakley Parker Quincy Royce Sutton Thorpe Upton Vickers Walton Yates""".split()
        ),
        (
            "The {ship} was built by {value}.",
            "The {ship} came from the yard of {value}.",
            "The {ship} was made by {value}.",
        ),
        (
            "Who built the {ship}?",
            "Who was the builder of the {ship}?",
            "From which yard came the {ship}?",
            "Which builder made the {ship}?",
        ),
        (
            "In whose yard did work on the {ship} begin?",
            "Name the maker of the {ship}.",
        ),
        (
            "Thanks to whom does the {ship} exist?",
            "Whose workers laid down the {ship}?",
        ),
    ),
    Attribute(
        "destination",
        tuple(
            """Aldara Belmont Cadora Delphi Elysia Fiora Genova Havana Isola Jaffa Kintara Lisboa Malaga Napoli
            Odessa Palmyra Riga Samos Tunis Urania Verona Windau Xanthos Zara""".split()
        ),
        (
            "The {ship} is bound for {value}.",
            "The {ship} is on its way to {value}.",
            "The {ship} sails next to {value}.",
        ),
        (
            "Where is the {ship} bound for?",
            "What is the destination of the {ship}?",
            "Where does the {ship} sail next?",
            "To which destination is the {ship} bound?",
        ),
        (
            "At what place will the {ship} arrive?",
            "Name the goal of the voyage of the {ship}.",
        ),
        (
            "Where will the journey of the {ship} end?",
            "For what shore did the {ship} set its course?",
        ),
    ),
    Attribute(
        "mascot",
        tuple(
            """cat dog parrot monkey goat hen rabbit turtle ferret crow pig mouse hawk weasel fox duck toad gull
            pony badger lizard snail robin goose""".split()
        ),
        (
            "The {ship} has on board a {value}.",
            "The {ship} keeps as its mascot a {value}.",
            "The {ship} keeps as a pet a {value}.",
        ),
        (
            "What is the mascot of the {ship}?",
            "Which animal is on board the {ship}?",
            "What animal does the {ship} keep?",
            "Which mascot does the {ship} keep?",
        ),
        (
            "What creature lives with the crew of the {ship}?",
            "Name the pet of the crew of the {ship}.",
        ),
        (
            "Which beast do the sailors of the {ship} feed?",
            "What sleeps in the cabin of the {ship}?",
        ),
    ),
)

ATTRIBUTES_PER_SHIP = 4


@dataclass(frozen=True)
class Ship:
    """A ship's name and its facts, attribute name to value."""

    name: str
    facts: dict[str, str]


def ship(name: str, random: Random) -> Ship:
    """A ship with four of the eight attributes and random values."""
    attributes = random.sample(ATTRIBUTES, ATTRIBUTES_PER_SHIP)
    return Ship(name, {attribute.name: random.choice(attribute.values) for attribute in attributes})


def attribute(name: str) -> Attribute:
    """The attribute called `name`; raises KeyError if there is none."""
    return _BY_NAME[name]


def statement(name: str, attribute: Attribute, value: str, random: Random) -> str:
    """One sentence that says `value`, in a random wording."""
    return random.choice(attribute.statements).format(ship=name, value=value)


def passage(ship: Ship, random: Random) -> str:
    """All that is said about one ship, in random order and wordings."""
    facts = list(ship.facts.items())
    random.shuffle(facts)
    return " ".join(statement(ship.name, attribute(name), value, random) for name, value in facts)


def reserved_names(seed: int = 2026) -> dict[str, list[str]]:
    """The ships that pretraining must not invent: the suite's (never seen) and the known ones (closed book).

    Suite ships share no word with one another, so that retrieval by name is well posed; the known ships
    reuse the same words in other pairs, so that learning the one can disturb the other.
    """
    random = Random(seed)
    adjectives, nouns = ADJECTIVES[:], NOUNS[:]
    random.shuffle(adjectives)
    random.shuffle(nouns)
    suite = [f"{a} {n}" for a, n in zip(adjectives[:110], nouns[:110], strict=True)]
    random.shuffle(nouns)
    known: list[str] = []
    for candidate in (f"{a} {n}" for a, n in zip(adjectives[:60], nouns[:60], strict=True)):
        if candidate not in suite and len(known) < 40:
            known.append(candidate)
    return {"suite": suite, "known": known}


def known_ships(seed: int = 2027) -> list[Ship]:
    """The ships that the base model knows by heart."""
    random = Random(seed)
    return [ship(name, random) for name in reserved_names()["known"]]


_BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
