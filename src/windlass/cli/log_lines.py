"""Log streams as lines: those of several streams in the order of time, each told apart, and followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.cli.admin_client import aws_client
from windlass.cli.output import clock_time

FOLLOW_PERIOD_S = 0.5
QUIET_LOOKS = 2
"""So often nothing new must come after the end, until nothing is expected any more."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A stream, as an admin endpoint names it, and what its lines begin with ("" : nothing)."""

    stream: dict[str, str]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The streams that there are now. `over`: nobody writes to them any more."""

    streams: Sequence[Labelled]
    over: bool = False


@dataclass(slots=True)
class _Reader:
    """Reads on where it stopped."""

    endpoint: str
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def new(self, stream: dict[str, str]) -> Iterator[tuple[float, str]]:
        """(milliseconds, text) of the lines that came since it was last asked about the stream."""
        key = tuple(stream[part] for part in ("account", "region", "group", "stream"))
        client = self._client(key[0], key[1])
        while True:
            after = {"nextToken": self.tokens[key]} if key in self.tokens else {}
            page = client.get_log_events(
                logGroupName=stream["group"], logStreamName=stream["stream"], startFromHead=True, **after
            )
            yield from ((event["timestamp"], event["message"].rstrip("\n")) for event in page["events"])
            token = page["nextForwardToken"]
            over = self.tokens.get(key) == token or not page["events"]
            self.tokens[key] = token
            if over:
                return

    def _client(self, account: str, region: str) -> Any:
        if (account, region) not in self.clients:
            self.clients[account, region] = aws_client("logs", self.endpoint, account, region)
        return self.clients[account, region]


def show(endpoint: str, find: Callable[[], Sources], follow: bool) -> None:
    """Print the lines of all streams, oldest first; with `follow`, go on until they are over.

    `find` is asked again each time: streams may come while one follows.
    """
    reader = _Reader(endpoint)
    quiet = 0
    while True:
        found = find()
        lines = [
            (at_ms, f"{one.label}  {text}" if one.label else text)
            for one in found.streams
            for at_ms, text in reader.new(one.stream)
        ]
        for at_ms, text in sorted(lines, key=lambda line: line[0]):
            print(f"{clock_time(at_ms / 1000)}  {text}", flush=True)
        quiet = quiet + 1 if found.over and not lines else 0
        if not follow or quiet >= QUIET_LOOKS:
            return
        time.sleep(FOLLOW_PERIOD_S)
