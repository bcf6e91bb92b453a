"""Identifiers, drawn from an injected stream. Draw them before the first write and store them."""

from __future__ import annotations

import random
import string
import uuid

_UPPER = string.ascii_uppercase + string.digits


class Ids:
    """Makes ids in AWS's shapes from one named stream."""

    def __init__(self, stream: random.Random) -> None:
        self._stream = stream

    def uuid(self) -> str:
        """A version 4 UUID: request ids, message ids, Lambda revisions."""
        return str(uuid.UUID(int=self._stream.getrandbits(128), version=4))

    def hex(self, digits: int) -> str:
        """So many lower-case hex digits: `hex(32)` is an ECS task id."""
        return f"{self._stream.getrandbits(4 * digits):0{digits}x}"

    def digits(self, count: int) -> str:
        """So many decimal digits, the first not zero: `digits(19)` is in an ECS deployment id."""
        return str(self._stream.randrange(10 ** (count - 1), 10**count))

    def upper(self, count: int) -> str:
        """Upper-case letters and digits: the tail of IAM ids such as AROA….

        >>> len(Ids(random.Random(1)).upper(17))
        17
        """
        return "".join(self._stream.choices(_UPPER, k=count))
