"""What is told of an asynchronous event when all is over: the letters to its destinations. Pure.

Source: Lambda developer guide, "Capturing records of Lambda asynchronous invocations"; recordings (fact
sheet lambda, section 9). What `responseContext` says of an event that never ran is not documented: here it
has the status of the last refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from windlass.kernel.clock import MILLISECOND, SECOND, Instant
from windlass.services.lambda_.event_model import AsyncEvent, EventInvokeConfig, Letter, LetterKind
from windlass.services.lambda_.retries import Given

Condition = Given | Literal["Success"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the last attempt ended. `payload` is None when the function did not run."""

    status: int
    payload: bytes | None = None
    error: str = ""
    """"Unhandled"; empty for success."""
    message: str = ""
    """Why it was refused, for those that did not run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose event it was: the ARN with its qualifier, what that meant, and what the function says of it."""

    function_arn: str
    version: str
    role: str
    dead_letter: str = ""
    """ARN of the function's own dead-letter queue."""


def letters(
    event: AsyncEvent,
    origin: Origin,
    config: EventInvokeConfig | None,
    condition: Condition,
    outcome: Outcome,
    now: Instant,
) -> list[Letter]:
    """What is to be handed over: a record to the destination for this outcome, and after a failure the event

    itself to the dead-letter queue; each only if there is one. Both may be configured, then both get theirs.
    """
    succeeded = condition == "Success"
    made: list[Letter] = []

    def add(kind: LetterKind, target: str, body: str) -> None:
        made.append(
            Letter(
                id=f"{event.id}/{kind}",
                kind=kind,
                account=event.account,
                region=event.region,
                function=event.function,
                target=target,
                body=body,
                written_at=now,
                due_at=now,
                role=origin.role,
                function_arn=origin.function_arn,
                succeeded=succeeded,
                request_id=event.id,
                error_status=outcome.status,
                error_message=error_message(outcome) or condition,
            )
        )

    target = "" if config is None else config.on_success if succeeded else config.on_failure
    if target:
        add("destination", target, record(event, origin, condition, outcome, now))
    if origin.dead_letter and not succeeded:
        add("dead_letter", origin.dead_letter, event.payload.decode())
    return made


def record(event: AsyncEvent, origin: Origin, condition: Condition, outcome: Outcome, now: Instant) -> str:
    """The invocation record. Payloads stand in it as they are; a result that is no JSON, as a string."""
    context: dict[str, object] = {"statusCode": outcome.status, "executedVersion": origin.version}
    if outcome.error:
        context["functionError"] = outcome.error
    return msgspec.json.encode(
        {
            "version": "1.0",
            "timestamp": iso_milliseconds(now),
            "requestContext": {
                "requestId": event.id,
                "functionArn": origin.function_arn,
                "condition": condition,
                "approximateInvokeCount": event.invokes,
            },
            "requestPayload": _json(event.payload),
            "responseContext": context,
            "responsePayload": None if outcome.payload is None else _json(outcome.payload),
        }
    ).decode()


def error_message(outcome: Outcome) -> str:
    """What went wrong, for people: the errorMessage of the function's answer, else all of it."""
    if outcome.payload is None:
        return outcome.message
    try:
        read = msgspec.json.decode(outcome.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = None
    if isinstance(read, dict) and isinstance(read.get("errorMessage"), str):
        return str(read["errorMessage"])
    return outcome.payload.decode(errors="replace")


def iso_milliseconds(at: Instant) -> str:
    """
    >>> iso_milliseconds(1_573_755_365_568_000_000)
    '2019-11-14T18:16:05.568Z'
    """
    whole = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % SECOND // MILLISECOND:03d}Z"


def _json(payload: bytes) -> msgspec.Raw | str:
    """The bytes as they are when they are JSON: numbers keep their digits, and nothing large is built."""
    try:
        payload.decode()
        return msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode(errors="replace")
