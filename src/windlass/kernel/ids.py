"""Identifiers, drawn from an injected stream. Draw them before the first write and store them."""

from __future__ import annotations

import random
import string

_NOT_VERSION = ~(0xF << 76 | 0x3 << 62)
_VERSION_4 = 0x4 << 76 | 0x2 << 62
_UPPER = string.ascii_uppercase + string.digits


class Ids:
    """Makes ids in AWS's shapes from one named stream."""

    def __init__(self, stream: random.Random) -> None:
        self._stream = stream

    def uuid(self) -> str:
        """A version 4 UUID: request ids, message ids, Lambda revisions."""
        bits = self._stream.getrandbits(128) & _NOT_VERSION | _VERSION_4
        text = f"{bits:032x}"  # by hand: uuid.UUID takes three times as long, and every message has one
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

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
