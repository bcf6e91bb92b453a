"""Log groups, streams and events through the call table, without HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION, SetClock, a_plane, call
from windlass.fleet.messages import LogTarget
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.kernel.faults import Fault
from windlass.services.logs import SERVICE
from windlass.services.logs.ingest import LINE_CHARS_MAX, LogIngest
from windlass.services.logs.model import CHUNKS
from windlass.services.plane import Plane

NOW_MS = NOW // MILLISECOND


def a_log_plane(*streams: str, group: str = "/ecs/app") -> Plane:
    plane = a_plane(SERVICE, clock=SetClock())
    do(plane, "CreateLogGroup", logGroupName=group)
    for name in streams:
        do(plane, "CreateLogStream", logGroupName=group, logStreamName=name)
    return plane


def do(plane: Plane, operation: str, **params: Any) -> dict[str, Any]:
    return asyncio.run(call(plane, "logs", operation, **params))


def put(plane: Plane, stream: str, *events: tuple[int, str], group: str = "/ecs/app") -> dict[str, Any]:
    batch = [{"timestamp": NOW_MS + at, "message": message} for at, message in events]
    return do(plane, "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=batch)


def get(plane: Plane, stream: str, **more: Any) -> tuple[list[str], dict[str, Any]]:
    answer = do(plane, "GetLogEvents", logGroupName="/ecs/app", logStreamName=stream, **more)
    return [event["message"] for event in answer["events"]], answer


def test_pages_forward_until_the_token_repeats() -> None:
    """From the head, page by page; at the end the same forward token comes back, and new events follow it."""
    plane = a_log_plane("s")
    put(plane, "s", (0, "a"), (1, "b"))
    put(plane, "s", (1, "c"), (2, "d"))
    messages, first = get(plane, "s", startFromHead=True, limit=3)
    assert messages == ["a", "b", "c"]
    messages, second = get(plane, "s", nextToken=first["nextForwardToken"], limit=3)
    assert messages == ["d"]
    messages, third = get(plane, "s", nextToken=second["nextForwardToken"])
    assert messages == [] and third["nextForwardToken"] == second["nextForwardToken"]
    put(plane, "s", (3, "e"))
    assert get(plane, "s", nextToken=third["nextForwardToken"])[0] == ["e"]


def test_pages_backward_from_the_newest() -> None:
    """Without startFromHead the newest page comes first, each page in order of time."""
    plane = a_log_plane("s")
    put(plane, "s", *[(n, str(n)) for n in range(5)])
    messages, page = get(plane, "s", limit=2)
    assert messages == ["3", "4"]
    messages, page = get(plane, "s", limit=2, nextToken=page["nextBackwardToken"])
    assert messages == ["1", "2"]
    messages, page = get(plane, "s", limit=2, nextToken=page["nextBackwardToken"])
    assert messages == ["0"]
    messages, last = get(plane, "s", limit=2, nextToken=page["nextBackwardToken"])
    assert messages == [] and last["nextBackwardToken"] == page["nextBackwardToken"]


def test_times_bound_what_is_read() -> None:
    """startTime is included, endTime is not, in both directions; an empty stream can be followed."""
    plane = a_log_plane("s", "empty")
    put(plane, "s", *[(n, str(n)) for n in range(5)])
    bounds = {"startTime": NOW_MS + 1, "endTime": NOW_MS + 3}
    assert get(plane, "s", **bounds)[0] == ["1", "2"]
    assert get(plane, "s", startFromHead=True, **bounds)[0] == ["1", "2"]
    messages, page = get(plane, "empty", startFromHead=True)
    put(plane, "empty", (0, "x"))
    assert messages == [] and get(plane, "empty", nextToken=page["nextForwardToken"])[0] == ["x"]


def test_rejects_events_by_place() -> None:
    """Too old and too new events are left out and reported; the rest is kept."""
    plane = a_log_plane("s")
    hour = 3_600_000
    answer = put(plane, "s", (0, "now"), (2 * hour, "two hours"), (2 * hour + 1, "later"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2}
    answer = put(plane, "s", (-14 * 24 * hour - 1, "old"), (-14 * 24 * hour, "just"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    do(plane, "PutRetentionPolicy", logGroupName="/ecs/app", retentionInDays=1)
    assert put(plane, "s", (-24 * hour - 1, "x"))["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert get(plane, "s")[0] == ["just", "now", "two hours"]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([(1, "b"), (0, "a")], "Log events in a single PutLogEvents request must be in chronological order."),
        ([(0, "a"), (86_400_001, "b")], "The batch of log events in a single PutLogEvents request cannot"),
        ([(0, "x" * 1_048_551)], "Upload too large: 1048577 bytes exceeds limit of 1048576"),
    ],
)  # fmt: skip
def test_refuses_batches_of_the_wrong_form(events: list[tuple[int, str]], why: str) -> None:
    """Order, span and size of a batch are checked before anything is written."""
    plane = a_log_plane("s")
    with pytest.raises(Fault, match="InvalidParameterException") as error:
        put(plane, "s", *events)
    assert error.value.message.startswith(why)
    assert len(plane.store[CHUNKS]) == 0


def test_filters_a_group_in_order_of_time() -> None:
    """Streams are interleaved by time; pattern, streams, prefix and times choose; pages follow each other."""
    plane = a_log_plane("a/1", "a/2", "b/1")
    put(plane, "a/1", (0, "ERROR one"), (4, "ok"))
    put(plane, "a/2", (1, "ERROR two"), (2, "ERROR three"))
    put(plane, "b/1", (3, "ERROR four"))

    def search(**more: Any) -> list[str]:
        answer = do(plane, "FilterLogEvents", logGroupName="/ecs/app", **more)
        found = [event["message"] for event in answer["events"]]
        while token := answer.get("nextToken"):
            answer = do(plane, "FilterLogEvents", logGroupName="/ecs/app", nextToken=token, **more)
            found += [event["message"] for event in answer["events"]]
        return found

    every = ["ERROR one", "ERROR two", "ERROR three", "ERROR four"]
    assert search(filterPattern="ERROR") == every
    assert search(filterPattern="ERROR", limit=1) == every
    assert search(logStreamNamePrefix="a/", filterPattern="-ERROR") == ["ok"]
    assert search(logStreamNames=["b/1", "a/2"]) == ["ERROR two", "ERROR three", "ERROR four"]
    assert search(startTime=NOW_MS + 2, endTime=NOW_MS + 3) == ["ERROR three", "ERROR four"]
    with pytest.raises(Fault, match="Invalid character"):
        search(filterPattern="a.b")
    with pytest.raises(Fault, match="stream does not exist"):
        search(logStreamNames=["c"])
    with pytest.raises(Fault, match="nextToken"):
        do(plane, "FilterLogEvents", logGroupName="/ecs/app", nextToken="xyz")


def test_lists_groups_and_streams() -> None:
    """Prefixes fill their pages wherever they start; streams come by name or by their last event."""
    plane = a_log_plane("s3", "s1", "s2", "t")
    for n in range(60):
        do(plane, "CreateLogGroup", logGroupName=f"/a/{n:02}")
    page = do(plane, "DescribeLogGroups")
    rest = do(plane, "DescribeLogGroups", nextToken=page["nextToken"])
    assert len(page["logGroups"]) == 50 and len(rest["logGroups"]) == 11 and "nextToken" not in rest
    found = do(plane, "DescribeLogGroups", logGroupNamePrefix="/ecs/", limit=1)
    assert [row["logGroupName"] for row in found["logGroups"]] == ["/ecs/app"] and "nextToken" not in found
    (brief,) = do(plane, "DescribeLogGroups", logGroupNamePattern="app")["logGroups"]
    assert brief.keys() == {"logGroupName", "creationTime", "arn"}
    assert do(plane, "DescribeLogGroups", logGroupNamePattern="APP")["logGroups"] == []
    assert len(do(plane, "ListLogGroups", logGroupNamePattern="^/ecs|nothing")["logGroups"]) == 1
    put(plane, "s1", (5, "x"))
    put(plane, "s2", (9, "x"))

    def names(**more: Any) -> list[str]:
        found = do(plane, "DescribeLogStreams", logGroupName="/ecs/app", **more)
        return [row["logStreamName"] for row in found["logStreams"]]

    assert names() == ["s1", "s2", "s3", "t"]
    assert names(logStreamNamePrefix="s", descending=True) == ["s3", "s2", "s1"]
    assert names(orderBy="LastEventTime", descending=True, limit=2) == ["s2", "s1"]


def test_names_what_is_missing_or_there_already() -> None:
    """The faults of groups and streams carry AWS's codes."""
    plane = a_log_plane("s")
    exists, stream = "ResourceAlreadyExistsException", {"logGroupName": "/ecs/app", "logStreamName": "s"}
    for operation, params, code in [
        ("CreateLogGroup", {"logGroupName": "/ecs/app"}, exists),
        ("CreateLogStream", stream, exists),
        ("CreateLogStream", {"logGroupName": "x", "logStreamName": "s"}, "ResourceNotFoundException"),
        ("GetLogEvents", {"logGroupName": "/ecs/app", "logStreamName": "x"}, "ResourceNotFoundException"),
        ("GetLogEvents", {"logStreamName": "x"}, "InvalidParameterException"),
        ("DeleteLogGroup", {"logGroupName": "x"}, "ResourceNotFoundException"),
        ("PutRetentionPolicy", {**stream, "retentionInDays": 2}, "InvalidParameterException"),
        ("GetLogEvents", {**stream, "nextToken": "f/1"}, "InvalidParameterException"),
    ]:  # fmt: skip
        with pytest.raises(Fault) as error:
            do(plane, operation, **params)
        assert error.value.code == code, operation


def test_deleting_takes_the_events_away_and_the_bytes() -> None:
    """A deleted stream's bytes leave the group; a protected group stays; a new one of that name is empty."""
    plane = a_log_plane("s", "t")
    put(plane, "s", (0, "abc"))
    put(plane, "t", (0, "abcd"))

    def stored() -> int:
        return int(do(plane, "DescribeLogGroups")["logGroups"][0]["storedBytes"])

    assert stored() == 3 + 26 + 4 + 26
    do(plane, "DeleteLogStream", logGroupName="/ecs/app", logStreamName="s")
    assert stored() == 4 + 26
    name = {"logGroupIdentifier": "/ecs/app"}
    do(plane, "PutLogGroupDeletionProtection", **name, deletionProtectionEnabled=True)
    with pytest.raises(Fault, match="deletion protection"):
        do(plane, "DeleteLogGroup", logGroupName="/ecs/app")
    do(plane, "PutLogGroupDeletionProtection", **name, deletionProtectionEnabled=False)
    do(plane, "DeleteLogGroup", logGroupName="/ecs/app")
    assert len(plane.store[CHUNKS]) == 0


def test_tags_through_both_apis() -> None:
    """What one API tags the other lists; both untag."""
    plane = a_log_plane()
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/app"
    do(plane, "TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    do(plane, "TagLogGroup", logGroupName="/ecs/app", tags={"c": "3"})
    for operation, more in (
        ("TagResource", {"resourceArn": arn}),
        ("TagLogGroup", {"logGroupName": "/ecs/app"}),
        ("CreateLogGroup", {"logGroupName": "/new"}),
    ):
        with pytest.raises(Fault, match="reserved: AWS:x"):
            do(plane, operation, tags={"AWS:x": ""}, **more)
    do(plane, "UntagResource", resourceArn=f"{arn}:*", tagKeys=["a"])
    do(plane, "UntagLogGroup", logGroupName="/ecs/app", tags=["c"])
    assert do(plane, "ListTagsForResource", resourceArn=arn) == {"tags": {"b": "2"}}
    assert do(plane, "ListTagsLogGroup", logGroupName="/ecs/app") == {"tags": {"b": "2"}}
    with pytest.raises(Fault, match="TooManyTagsException"):
        do(plane, "TagResource", resourceArn=arn, tags={str(n): "" for n in range(50)})


def test_output_of_tasks_makes_its_group_and_stream() -> None:
    """Lines from a node are kept in order of their time; empty ones are dropped, long ones cut."""
    plane = a_plane(SERVICE, clock=SetClock())
    target = LogTarget(ACCOUNT, REGION, "/ecs/app", "app/web/1")
    lines = [(NOW + SECOND, "second"), (NOW, "first"), (NOW, ""), (NOW, "x" * (LINE_CHARS_MAX + 1))]
    ingest = LogIngest(plane.store, plane.clock)
    asyncio.run(ingest.take(target, lines))
    asyncio.run(ingest.take(target, []))
    messages, _ = get(plane, "app/web/1", startFromHead=True)
    assert [len(message) for message in messages] == [5, LINE_CHARS_MAX, 6]
    assert messages[0] == "first" and messages[2] == "second"
