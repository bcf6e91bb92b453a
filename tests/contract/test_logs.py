"""CloudWatch Logs over the wire with boto3: groups, streams, events, paging, tails, faults."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until

Client = Callable[..., Any]
GROUP = "/ecs/app"


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Code and message of the error that the call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def logs(client: Client) -> Any:
    """A client whose account has one group with the streams a and b."""
    made = client("logs", inject_host_prefix=False)
    made.create_log_group(logGroupName=GROUP, tags={"k": "v"})
    for name in ("a", "b"):
        made.create_log_stream(logGroupName=GROUP, logStreamName=name)
    return made


def put(logs: Any, stream: str, *messages: str) -> list[int]:
    """Put messages a millisecond apart, ending now; returns their times."""
    start = int(time.time() * 1000) - len(messages)
    times = [start + n for n in range(len(messages))]
    batch = [{"timestamp": at, "message": text} for at, text in zip(times, messages, strict=True)]
    answer = logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=batch)
    assert answer["nextSequenceToken"] and "rejectedLogEventsInfo" not in answer
    return times


def test_events_are_read_back(logs: Any) -> None:
    """Messages, their times and the time they came in; newest page by default, head on demand."""
    times = put(logs, "a", "one", "två", "three")
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName="a", startFromHead=True)
    assert [(e["timestamp"], e["message"]) for e in answer["events"]] == list(
        zip(times, ["one", "två", "three"], strict=True)
    )
    assert all(event["ingestionTime"] >= times[-1] for event in answer["events"])
    answer = logs.get_log_events(logGroupIdentifier=GROUP, logStreamName="a", limit=1)
    assert [event["message"] for event in answer["events"]] == ["three"]
    assert answer["nextForwardToken"].startswith("f/") and answer["nextBackwardToken"].startswith("b/")


def test_paginators_see_every_event_once(logs: Any) -> None:
    """botocore's filter paginator over both streams: in order of time, nothing twice."""
    put(logs, "a", *[f"a{n}" for n in range(25)])
    put(logs, "b", *[f"b{n}" for n in range(25)])
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, PaginationConfig={"PageSize": 7}
    )
    found = [event for page in pages for event in page["events"]]
    assert len(found) == 50 and len({event["eventId"] for event in found}) == 50
    assert [event["timestamp"] for event in found] == sorted(event["timestamp"] for event in found)
    only = logs.filter_log_events(logGroupName=GROUP, filterPattern='"a1"', logStreamNamePrefix="a")
    assert [event["message"] for event in only["events"]] == ["a1", *[f"a1{n}" for n in range(10)]]


def test_ten_thousand_events_in_one_put(logs: Any) -> None:
    """The largest batch is taken; it comes back in pages of at most 10,000 events and 1 MB."""
    put(logs, "a", *[str(n) for n in range(10_000)])
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName="a", startFromHead=True)
    assert [event["message"] for event in answer["events"]] == [str(n) for n in range(10_000)]
    put(logs, "b", *["x" * 1000] * 900)
    sizes = []
    token: dict[str, Any] = {"startFromHead": True}
    while True:
        answer = logs.get_log_events(logGroupName=GROUP, logStreamName="b", **token)
        if answer["nextForwardToken"] == token.get("nextToken"):
            break
        sizes.append(len(answer["events"]))
        token = {"nextToken": answer["nextForwardToken"]}
    assert sum(sizes) == 900


def test_streams_and_groups_are_described(logs: Any) -> None:
    """Times of events show up on streams, retention and bytes on groups."""
    times = put(logs, "a", "x", "yy")
    found = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)
    first, second = found["logStreams"]
    assert first["logStreamName"] == "a" and first["arn"].endswith(f"log-group:{GROUP}:log-stream:a")
    assert (first["firstEventTimestamp"], first["lastEventTimestamp"]) == (times[0], times[1])
    assert "lastEventTimestamp" not in second
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/ecs")["logGroups"]
    assert group["retentionInDays"] == 7 and group["storedBytes"] == 3 + 2 * 26
    assert group["arn"] == f"{group['logGroupArn']}:*"
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"k": "v"}
    logs.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]


def test_what_is_refused(logs: Any) -> None:
    """Faults carry AWS's codes over the wire."""
    assert refusal(logs.create_log_group, logGroupName=GROUP) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert refusal(logs.get_log_events, logGroupName=GROUP, logStreamName="x") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
    assert refusal(logs.put_retention_policy, logGroupName=GROUP, retentionInDays=2)[0] == (
        "InvalidParameterException"
    )
    late = [{"timestamp": 2, "message": "a"}, {"timestamp": 1, "message": "b"}]
    assert refusal(logs.put_log_events, logGroupName=GROUP, logStreamName="a", logEvents=late)[0] == (
        "InvalidParameterException"
    )
    assert refusal(logs.create_log_group, logGroupName="a b")[0] == "InvalidParameterException"
    old = [{"timestamp": 1, "message": "a"}]
    answer = logs.put_log_events(logGroupName=GROUP, logStreamName="a", logEvents=old)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}


def test_a_live_tail(logs: Any) -> None:
    """A session starts, shows what comes, and ends when the client closes it."""
    arn = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    stream = logs.start_live_tail(logGroupIdentifiers=[arn], logStreamNames=["a"])["responseStream"]
    events = iter(stream)
    assert next(events)["sessionStart"]["logGroupIdentifiers"] == [arn]
    put(logs, "b", "not this")
    put(logs, "a", "this")
    seen: list[str] = []
    for event in events:
        seen += [one["message"] for one in event["sessionUpdate"]["sessionResults"]]
        if seen:
            break
    stream.close()
    assert seen == ["this"]


def test_tails_end_with_their_clients(logs: Any) -> None:
    """1. As many tails as may be. 2. One more is refused. 3. Their clients go. 4. There is room again."""
    arn = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    streams = [logs.start_live_tail(logGroupIdentifiers=[arn])["responseStream"] for _ in range(15)]
    for stream in streams:
        assert "sessionStart" in next(iter(stream))
    assert refusal(logs.start_live_tail, logGroupIdentifiers=[arn])[0] == "LimitExceededException"
    for stream in streams:
        stream.close()

    def there_is_room() -> bool:
        with contextlib.suppress(ClientError):
            logs.start_live_tail(logGroupIdentifiers=[arn])["responseStream"].close()
            return True
        return False

    until(there_is_room, "the plane has noticed that they are gone")
