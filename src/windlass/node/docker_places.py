"""How far the logs of containers were read, kept in a file: where an agent that comes after goes on reading.

Written at most once a second, so that after a kill of the agent the lines of the last second may come twice.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec

from windlass.node.docker_output import Place

WRITE_AFTER_S = 1.0

log = logging.getLogger("windlass.agent")


class Places:
    """Places by container id."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: Path) -> None:
        self._loop = loop
        self._file = file
        self._places: dict[str, Place] = {}
        self._timer: asyncio.TimerHandle | None = None

    def load(self) -> None:
        """Read the file; a damaged or missing one says nothing."""
        try:
            self._places = msgspec.msgpack.decode(self._file.read_bytes(), type=dict[str, Place])
        except (OSError, msgspec.DecodeError):
            self._places = {}

    def get(self, container_id: str) -> Place:
        return self._places.get(container_id, Place())

    def set(self, container_id: str, place: Place) -> None:
        self._places[container_id] = place
        self._change()

    def forget(self, container_id: str) -> None:
        if self._places.pop(container_id, None) is not None:
            self._change()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._write()

    def _change(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(WRITE_AFTER_S, self._write)

    def _write(self) -> None:
        self._timer = None
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._file.with_suffix(".new")
            fresh.write_bytes(msgspec.msgpack.encode(self._places))
            fresh.replace(self._file)
        except OSError as error:  # a full disk: lines would come twice, nothing worse
            log.error("the places of logs cannot be written: %s", error)
