"""Regular expressions that users write: RE2, whose time is linear in the text, whatever the expression is.

Python's own `re` may take exponential time, and the plane and its agents each run on one thread. RE2's
grammar is that of Go's regexp: no look-around and no back references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

MEMORY_BYTES_MAX = 2**20
"""What one compiled expression may take; RE2's own default is eight times as much."""

Search: TypeAlias = Callable[[str], bool]
"""Whether the expression is found somewhere in the text."""


Replace: TypeAlias = Callable[[str], str | None]
"""The text with what was found replaced; None: it is not found."""


class BadRegex(Exception):
    """What RE2 does not take; the text says why."""


def searcher(expression: str) -> Search:
    """Compile it. Raises BadRegex.

    >>> searcher("^E")("E1"), searcher("^E")(" at E")
    (True, False)
    """
    search = _compiled(expression).search
    return lambda text: search(text) is not None


def replacer(expression: str, replacement: str) -> Replace:
    """Replace the first place where it is found; `$1` to `$9` in the replacement are its groups,

    `$0` is all of it. A group that took no part, or that there is not, is empty; `$$` is a dollar.
    Raises BadRegex.

    >>> replacer("^/api/(.+)$", "/$1")("/api/users")
    '/users'
    """
    search = _compiled(expression).search
    pieces = _pieces(replacement)

    def replace(text: str) -> str | None:
        found = search(text)
        if found is None:
            return None
        groups = (found.group(), *found.groups())

        def filled(piece: str | int) -> str:
            if isinstance(piece, str):
                return piece
            return (groups[piece] if piece < len(groups) else None) or ""

        return "".join([text[: found.start()], *map(filled, pieces), text[found.end() :]])

    return replace


class Expressions:
    """Many expressions at once: which of them are found in a text, in one pass over it.

    >>> Expressions(["^a", "b", "c$"]).found("abc")
    [0, 1, 2]
    """

    def __init__(self, expressions: Sequence[str]) -> None:
        """Raises BadRegex."""
        import re2

        for expression in expressions:
            _compiled(expression)
        self._all = list(range(len(expressions)))
        options = _options()
        options.max_mem = MEMORY_BYTES_MAX * (1 + len(expressions) // 16)
        self._set: Any = re2.Set.SearchSet(options)
        for expression in (*expressions, ""):  # the last one is always found, unless the set gave up
            self._set.Add(expression)
        try:
            self._set.Compile()
        except re2.error:
            self._set = None

    def found(self, text: str) -> list[int]:
        """Their places in order. Together they may need more memory than there is: then all of them, so who

        asks must look closer (`searcher`) at what is found.
        """
        found = sorted(self._set.Match(text)) if self._set is not None else []
        return found[:-1] if found and found[-1] == len(self._all) else self._all


def _options() -> Any:
    import re2  # few need it, and every process would pay for it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES_MAX
    return options


def _compiled(expression: str) -> Any:
    import re2

    try:
        return re2.compile(expression, options=_options())
    except re2.error as error:
        raise BadRegex(error.args[0].decode(errors="replace")) from error
    except UnicodeEncodeError as error:
        raise BadRegex("half a character") from error


def _pieces(replacement: str) -> list[str | int]:
    """ "/$1/x" → ["/", 1, "/x"]: texts, and numbers of groups."""
    pieces: list[str | int] = []
    text = ""
    rest = iter(replacement)
    for one in rest:
        following = next(rest, "") if one == "$" else ""
        if following.isascii() and following.isdigit():
            pieces += [text, int(following)]
            text = ""
        else:
            text += "$" if following == "$" else one + following
    return [*pieces, text]
