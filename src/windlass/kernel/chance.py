"""Named random streams from one seed, so that a new draw in one place changes nothing elsewhere.

The idea is omicron's (nexus/reconfigurator/planning/src/planner/rng.rs). Streams are for ids, jitter and
simulated worlds; secrets come from `Chance.secret()`, which on a real plane is the system's entropy.
"""

from __future__ import annotations

import hashlib
import os
import random


class Chance:
    """All randomness of one plane. `Chance(7).stream("ecs.task")` gives the same draws in every process."""

    def __init__(self, seed: int | None = None) -> None:
        self._seeded = seed is not None
        self.seed = int.from_bytes(os.urandom(16), "big") if seed is None else seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """The stream of that name; the same object each time."""
        found = self._streams.get(name)
        if found is None:
            digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
            found = self._streams[name] = random.Random(int.from_bytes(digest, "big"))
        return found

    def token(self) -> str:
        """An unguessable text of 256 bits, in hexadecimal."""
        return self.secret(32).hex()

    def secret(self, size: int) -> bytes:
        """`size` unguessable bytes; reproducible only in a seeded (simulated) world."""
        if self._seeded:
            return self.stream("secret").randbytes(size)
        return os.urandom(size)
