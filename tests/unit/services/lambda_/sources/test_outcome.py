"""Which messages are deleted after an invocation: every case that AWS names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.lambda_.sources.batch import Record
from windlass.services.lambda_.sources.outcome import Outcome, decide, unblocked

BATCH = [Record(f"m{n}", f"r{n}", "ab"[n % 2], b"{}") for n in range(4)]


def ids(records: tuple[Record, ...]) -> list[str]:
    return [record.message_id for record in records]


def left(payload: bytes, error: str = "", item_failures: bool = True) -> list[str]:
    """What stays; all else is deleted, and only what stays needs a reason."""
    outcome = decide(BATCH, error, payload, item_failures)
    assert sorted(outcome.done + outcome.left, key=BATCH.index) == BATCH
    assert bool(outcome.why) == bool(outcome.left)
    return ids(outcome.left)


EVERY = ["m0", "m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("payload", "stays"),
    [
        (b"null", []),
        (b"", []),
        (b"{}", []),
        (b'{"batchItemFailures": null}', []),
        (b'{"batchItemFailures": []}', []),
        (b'{"statusCode": 200}', []),
        (b'{"batchItemFailures": [{"itemIdentifier": "m2"}]}', ["m2"]),
        (b'{"batchItemFailures": [{"itemIdentifier": "m3"}, {"itemIdentifier": "m1"}]}', ["m1", "m3"]),
        (b'{"batchItemFailures": [{"itemIdentifier": "m2"}, {"itemIdentifier": "m2"}]}', ["m2"]),
        (b"{no", EVERY),
        (b'"ok"', EVERY),
        (b"[]", EVERY),
        (b'{"batchItemFailures": "m1"}', EVERY),
        (b'{"batchItemFailures": ["m1"]}', EVERY),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', EVERY),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', EVERY),
        (b'{"batchItemFailures": [{"itemIdentifier": 1}]}', EVERY),
        (b'{"batchItemFailures": [{"id": "m1"}]}', EVERY),
        (b'{"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m9"}]}', EVERY),
    ],
)
def test_item_failures(payload: bytes, stays: list[str]) -> None:
    assert left(payload) == stays


def test_without_item_failures() -> None:
    """The response says nothing; an error fails the batch either way, but slows down only this one."""
    assert left(b'{"batchItemFailures": [{"itemIdentifier": "m2"}]}', item_failures=False) == []
    for item_failures in (False, True):
        assert left(b"{}", "Unhandled", item_failures) == EVERY
        assert decide(BATCH, "Unhandled", b"{}", item_failures).failed is not item_failures


def objects(inner: Any) -> Any:
    return st.dictionaries(st.sampled_from(["batchItemFailures", "itemIdentifier", "x"]), inner)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | objects(inner)))
def test_any_response_is_taken(response: Any) -> None:
    """Whatever comes back, each message is either done with or left."""
    left(msgspec.json.encode(response))


def test_order_within_a_group() -> None:
    """What was received behind a failed message of its group stays too; standard queues have no order."""
    rest = [Record("m4", "r", "a", b"{}"), Record("m5", "r", "b", b"{}")]
    assert ids(unblocked(rest, Outcome((), (BATCH[0],)))) == ["m5"]
    assert ids(unblocked(rest, Outcome((BATCH[0],)))) == ["m4", "m5"]
    plain = [Record("m4", "r", "", b"{}")]
    assert ids(unblocked(plain, Outcome((), (Record("m0", "r", "", b"{}"),)))) == ["m4"]
