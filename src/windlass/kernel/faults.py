"""Three kinds of wrong. `Fault`: the caller is. `Retry`: the world is. `Bug`: we are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.kernel.clock import Instant


class Fault(Exception):
    """The caller is wrong; carries what AWS would answer.

    `code` is the error's shape name in the service model (`ClusterNotFoundException`), or a code that the
    model does not list (`ThrottlingException`). `status` is only needed when the model gives none and the
    answer is not 400. `members` are further modelled members of the error. `query_code` overrides the code
    of query-compatible services when the model does not know the shape.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        members: Mapping[str, Any] | None = None,
        query_code: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})
        self.query_code = query_code


class Retry(Exception):
    """The world is wrong (disk full, link lost). `at` says when to look again, if anyone knows."""

    def __init__(self, why: str, *, at: Instant | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


class Bug(AssertionError):
    """We are wrong. Stops the loop it happens in, loudly; `story` holds the rows that led here."""

    def __init__(self, what: str, *story: object) -> None:
        super().__init__(what, *story)
        self.what = what
        self.story = story
