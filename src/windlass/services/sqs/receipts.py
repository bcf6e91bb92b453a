"""Receipt handles: which message of which queue, and which receive of it. Pure.

A handle names its queue, so that one of another queue is told apart from one whose message is gone.
"""

from __future__ import annotations

import base64
import binascii

from windlass.services.sqs import errors
from windlass.services.sqs.model import Message

_HANDLE_MAX = 1_024  # characters; DG sqs-queue-message-identifiers


def handle(queue_name: str, message: Message) -> str:
    """The handle of the message's latest receive."""
    return base64.b64encode(b"%b/%d/%d" % (queue_name.encode(), message.number, message.receives)).decode()


def opened(text: str, queue_name: str) -> tuple[int, int]:
    """(number, receives) of a handle of this queue; ReceiptHandleIsInvalid otherwise."""
    try:
        name, number, receives = base64.b64decode(text[:_HANDLE_MAX], validate=True).split(b"/")
        if name.decode() == queue_name:
            return int(number), int(receives)
    except (binascii.Error, ValueError):
        pass
    raise errors.invalid_handle(text)
