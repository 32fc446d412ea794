"""The process in which files are taken apart: `python -m harness.suite.documents.worker LIMITS`.

Whatever a file does to the library that reads it, it does here: this process may use so much memory and compute for so
long, and has nothing to lose. It reads a line of JSON (`format`, `size`) and then that many bytes, answers with a line
of JSON (`text`, `title`, `metadata`, or else `problem`), and so on until its input ends.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.html import read_html
from harness.suite.documents.limits import Limits
from harness.suite.documents.markdown import read_markdown
from harness.suite.documents.pdf import read_pdf
from harness.suite.documents.text import read_text


def main() -> None:
    """Answers until the input ends."""
    limits = Limits(**json.loads(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # nothing that a library prints becomes an answer
    for line in sys.stdin.buffer:
        request = json.loads(line)
        content = sys.stdin.buffer.read(request["size"])
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)  # nobody handles its signal, so that ends the process
        answer = json.dumps(_answer(request["format"], content, limits))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(answer, file=answers, flush=True)


def _answer(format_: str, content: bytes, limits: Limits) -> dict[str, Any]:
    readers: dict[str, Callable[[bytes], Extracted]] = {
        "markdown": read_markdown,
        "text": read_text,
        "html": read_html,
        "pdf": partial(read_pdf, pages=limits.pages),
    }
    try:
        return asdict(_checked(readers[format_](content), limits))
    except UnreadableError as error:
        return {"problem": str(error)}
    except MemoryError:
        return {"problem": f"needs more than {limits.memory_bytes:,} bytes of memory to be read; split it"}
    except Exception as error:  # hostile bytes raise anything, and one file must not end the reading of the others
        return {"problem": f"can't be read ({type(error).__name__}: {str(error)[:200]}); save it anew"}


def _checked(extracted: Extracted, limits: Limits) -> Extracted:
    if not extracted.text.strip():
        raise UnreadableError("holds no text")
    try:
        "".join([extracted.text, extracted.title, *extracted.metadata, *extracted.metadata.values()]).encode()
    except UnicodeEncodeError:
        raise UnreadableError("holds half a surrogate pair, which no text file can; mend its escapes") from None
    number, most = len(extracted.text), limits.characters
    if number > most:
        raise UnreadableError(f"holds {number:,} characters, more than the {most:,} that one may have; split it")
    return extracted


if __name__ == "__main__":
    main()
