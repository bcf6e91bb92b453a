"""Regular expressions that users write: RE2, whose time is linear in the text, whatever the expression is.

Python's own `re` may take exponential time, and the plane and its agents each run on one thread. RE2's
grammar is that of Go's regexp: no look-around and no back references.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

MEMORY_BYTES_MAX = 2**20
"""What one compiled expression may take; RE2's own default is eight times as much."""

Search: TypeAlias = Callable[[str], bool]
"""Whether the expression is found somewhere in the text."""


class BadRegex(Exception):
    """What RE2 does not take; the text says why."""


def searcher(expression: str) -> Search:
    """Compile it. Raises BadRegex.

    >>> searcher("^E")("E1"), searcher("^E")(" at E")
    (True, False)
    """
    import re2  # few need it, and every process would pay for it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES_MAX
    try:
        search = re2.compile(expression, options=options).search
    except re2.error as error:
        raise BadRegex(error.args[0].decode(errors="replace")) from error
    except UnicodeEncodeError as error:
        raise BadRegex("half a character") from error
    return lambda text: search(text) is not None
