"""Datagrams between the agent and processes that become environments: JSON with descriptors (SOCK_SEQPACKET).

Their end of it; part of function_zygote.py and function_template.py. Runs under the interpreters of functions
(3.8 and later, so no newer syntax).
"""

from __future__ import annotations

import array
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would be a slow import
    from typing import Any, NoReturn

REQUEST_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 16
NOT_STARTED = 127
READY = b"ready"
"""What the fork of a template says when it has its place. The kernel tells the agent who said it."""


def receive(end: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message and its descriptors; ends the process when there will be none."""
    numbers = array.array("i")
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * numbers.itemsize)
    data, ancillary, _, _ = end.recvmsg(REQUEST_BYTES_MAX, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        os._exit(0)
    for _, _, payload in ancillary:
        numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
    return json.loads(data), list(numbers)


def fail(end: int, error: BaseException) -> NoReturn:
    """Say why on that socket, and end."""
    number = error.errno if isinstance(error, OSError) else 0
    name = getattr(error, "filename", None) or ""
    try:
        os.write(end, json.dumps([number or 0, str(error), str(name)]).encode())
    finally:
        os._exit(NOT_STARTED)
