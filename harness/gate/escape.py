"""Makes untrusted text safe within the formats of CI systems. Knows nothing of what the text says."""

import re

from harness.comparison.phrases import code, printable

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """`text` as one line that neither a terminal nor a log reader obeys; `##[` begins a command within any line."""
    return printable(text).replace("##[", "## [")


def xml(text: str) -> str:
    """`text` without the characters that no XML 1.0 document may hold, not even escaped."""
    return _NOT_IN_XML.sub("?", text)


def cell(text: str) -> str:
    """`text` as a Markdown code span within a table, whose columns `|` would end."""
    return code(plain(text)).replace("|", "\\|")


def message(text: str) -> str:
    """`text` as the message of a workflow command of GitHub."""
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def attribute(text: str) -> str:
    """`text` as an attribute of a workflow command of GitHub."""
    return message(text).replace(":", "%3A").replace(",", "%2C")
