"""Short incident texts of the harbour office, and the convention by which its desk labels them.

The texts say what happened (which decides the team) and how bad it is (which decides the severity).
The convention is arbitrary on purpose: no reading of a text tells it, it must be learnt.
Knows nothing of suites, splits or models.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Wordings:
    """Ways to say one thing: `usual` ones, and `rare` ones that only the shifted split uses."""

    usual: tuple[str, ...]
    rare: tuple[str, ...]


KINDS = {
    "hull": Wordings(
        (
            "water comes in below the deck",
            "a plank of the hull is cracked",
            "there is a leak near the keel",
            "the pumps run without rest",
            "a hole was found under the waterline",
            "the hull scraped along a rock",
        ),
        ("the bilge fills with water", "a seam of the planks has opened"),
    ),
    "rigging": Wordings(
        (
            "the main mast is bent",
            "a sail was torn by the wind",
            "the ropes of the mast have snapped",
            "two of the sails hang loose",
            "the yard fell onto the deck",
            "the shrouds are worn thin",
        ),
        ("the canvas of a sail is in shreds", "the top of the mast broke off"),
    ),
    "cargo": Wordings(
        (
            "barrels have rolled loose in the hold",
            "the sacks in the hold are wet",
            "some crates are missing",
            "the load has shifted to one side",
            "rats got into the grain sacks",
            "a crate was dropped on the pier",
        ),
        ("casks have burst in the hold", "part of the load was stolen"),
    ),
    "crew": Wordings(
        (
            "a sailor has a fever",
            "the cook has cut his hand",
            "two sailors had a fight",
            "a sailor fell from a ladder",
            "many of the crew are sick",
            "the mate has broken his arm",
        ),
        ("a deckhand lies ill in his bunk", "the crew refuse to work"),
    ),
    "papers": Wordings(
        (
            "the papers do not list the load",
            "the customs stamp is missing",
            "the permit ran out last week",
            "the harbour fee was not paid",
            "the list of the crew is wrong",
            "the seal on the letter is false",
        ),
        ("the customs form was never signed", "the permit bears another name"),
    ),
    "channel": Wordings(
        (
            "a buoy has drifted away",
            "the harbour light is out",
            "a wreck blocks the channel",
            "the fog hides the entrance",
            "the anchor chain lies across the channel",
            "a sandbank has grown at the entrance",
        ),
        ("the beacon at the entrance went dark", "a log floats in the channel"),
    ),
}

LEVELS = (
    Wordings(
        (
            "It can wait until next week.",
            "Nobody is in any hurry.",
            "It is only a small matter.",
            "There is no danger at all.",
        ),
        ("No haste is needed.",),
    ),
    Wordings(
        (
            "Please look at it today.",
            "It slows the work down.",
            "It should not wait long.",
            "The captain asks for help soon.",
        ),
        ("Help before evening would be good.",),
    ),
    Wordings(
        ("The ship cannot leave.", "All work has stopped.", "It grows worse by the hour.", "Help is needed at once."),
        ("The ship must stay until it is solved.",),
    ),
    Wordings(
        ("Lives are in danger.", "The ship may sink.", "The whole harbour is at risk.", "People are already hurt."),
        ("Someone could die.",),
    ),
)

TEAMS = {
    "hull": "Lynx",
    "rigging": "Puffin",
    "cargo": "Oriole",
    "crew": "Marten",
    "papers": "Kestrel",
    "channel": "Newt",
}
SEVERITIES = ("opal", "garnet", "topaz", "beryl")


@dataclass(frozen=True)
class Incident:
    """One text with its kind and its level (0 mild to 3 grave)."""

    text: str
    kind: str
    level: int

    @property
    def team(self) -> str:
        return TEAMS[self.kind]

    @property
    def severity(self) -> str:
        return SEVERITIES[self.level]


def incident(ship: str, random: Random, *, rare: bool = False) -> Incident:
    """A random incident on `ship`, in usual wordings or in the rare ones."""
    kind = random.choice(list(KINDS))
    level = random.randrange(len(LEVELS))
    said = KINDS[kind].rare if rare else KINDS[kind].usual
    felt = LEVELS[level].rare if rare else LEVELS[level].usual
    return Incident(f"On the {ship} {random.choice(said)}. {random.choice(felt)}", kind, level)
