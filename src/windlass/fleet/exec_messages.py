"""Commands that are run in a container beside its own (ECS Exec), between plane and node.

Part of messages.py, which has the unions. Nothing of it is durable: when the session between plane and node
ends, so do all commands that came over it. Both directions are bounded: whoever sends data has
EXEC_WINDOW_BYTES, and gets back what the other side has taken.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

EXEC_WINDOW_BYTES = 64 * 1024
"""Bytes of one command's output, or input, that are sent and not yet taken."""


class ExecMessage(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Base of these messages."""

    exec_id: str


# plane → node


class ExecStart(ExecMessage, frozen=True, tag="exec_start"):
    """Run these words in that container, on a terminal of that size, as ECS Exec does.

    `quiet`: whoever asks has no terminal: nothing is echoed, no newline is changed, no byte is a signal.
    """

    unit_id: str
    container: str
    command: tuple[str, ...]
    columns: int = 80
    rows: int = 24
    quiet: bool = False


class ExecInput(ExecMessage, frozen=True, tag="exec_input"):
    """What was typed."""

    data: bytes


class ExecSize(ExecMessage, frozen=True, tag="exec_size"):
    """The terminal has that size now."""

    columns: int
    rows: int


class ExecRoom(ExecMessage, frozen=True, tag="exec_room"):
    """So many bytes of output were taken: as many more may come."""

    size: int


class ExecEnd(ExecMessage, frozen=True, tag="exec_end"):
    """The terminal is closed: the command gets SIGHUP."""


# node → plane


class ExecOutput(ExecMessage, frozen=True, tag="exec_output"):
    """What the command wrote."""

    data: bytes


class ExecTaken(ExecMessage, frozen=True, tag="exec_taken"):
    """So many bytes of input went to the command: as many more may come."""

    size: int


class ExecEnded(ExecMessage, frozen=True, tag="exec_ended"):
    """The command ended, all its output was sent; `why` when it could not be started, or was ended."""

    exit_code: int | None = None
    why: str = ""


ExecToNode: TypeAlias = ExecStart | ExecInput | ExecSize | ExecRoom | ExecEnd
ExecToPlane: TypeAlias = ExecOutput | ExecTaken | ExecEnded
