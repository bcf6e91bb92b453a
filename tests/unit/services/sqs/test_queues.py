"""Queues from creation to deletion, through the handlers."""

from __future__ import annotations

import json

from tests.sqs_build import Desk, with_queues
from windlass.aws.quotas import Profile

ARN = "arn:aws:sqs:eu-west-1:123456789012"


def test_a_new_queue_has_the_defaults() -> None:
    """A standard queue shows AWS's defaults and nothing that is of FIFO queues."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        assert url == "http://127.0.0.1:4566/123456789012/jobs"
        shown = (await sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        assert shown == {
            "QueueArn": f"{ARN}:jobs",
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "CreatedTimestamp": "1800000000",
            "LastModifiedTimestamp": "1800000000",
            "VisibilityTimeout": "30",
            "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": "345600",
            "DelaySeconds": "0",
            "ReceiveMessageWaitTimeSeconds": "0",
            "SqsManagedSseEnabled": "true",
        }
        assert await sqs("GetQueueAttributes", QueueUrl=url) == {}
        assert await sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"]) == {}

    with_queues(scene)


def test_a_queue_is_found_by_account_and_name_whatever_the_host() -> None:
    """Its URL on another host works; a wrong account, name or no URL at all does not."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        elsewhere = url.replace("http://127.0.0.1:4566", "https://sqs.eu-west-1.amazonaws.com")
        await sqs.send(elsewhere)
        assert (await sqs.counts(url))[0] == 1
        for bad in (url + "x", url.replace("1234", "4321"), "jobs", "", "http://host/jobs"):
            code, text = await sqs.refused("SendMessage", QueueUrl=bad, MessageBody="x")
            assert code == "AWS.SimpleQueueService.NonExistentQueue"
            assert text == "The specified queue does not exist."

    with_queues(scene)


def test_creating_again() -> None:
    """Equal or fewer attributes give the URL; another value is QueueNameExists."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue(DelaySeconds="5", VisibilityTimeout="7")
        assert await sqs.queue() == url
        assert await sqs.queue(DelaySeconds="5") == url
        refused = await sqs.refused("CreateQueue", QueueName="jobs", Attributes={"DelaySeconds": "6"})
        assert refused == (
            "QueueAlreadyExists",
            "A queue already exists with the same name and a different value for attribute DelaySeconds",
        )

    with_queues(scene)


def test_a_deleted_name_is_refused_for_a_minute_where_the_profile_says_so() -> None:
    """Under the quota: 59 s refused, 60 s not. Without it: at once, and empty."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        await sqs.send(url)
        await sqs("DeleteQueue", QueueUrl=url)
        await sqs.pass_s(59)
        refused = await sqs.refused("CreateQueue", QueueName="jobs")
        assert refused == (
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another "
            "with the same name.",
        )
        await sqs.pass_s(1)
        assert await sqs.counts(await sqs.queue()) == (0, 0, 0)

    async def local(sqs: Desk) -> None:
        url = await sqs.queue()
        await sqs.send(url)
        await sqs("DeleteQueue", QueueUrl=url)
        assert await sqs.bodies(await sqs.queue()) == []

    with_queues(scene, profile=Profile("aws", quotas={"sqs.queue_deleted_recently_s": 60.0}))
    with_queues(local)


def test_listing_pages_by_name() -> None:
    """Five queues, pages of two, a prefix, and a token that is not ours."""

    async def scene(sqs: Desk) -> None:
        for name in ("b2", "a1", "b1", "b3", "c"):
            await sqs.queue(name)
        names, token = [], {}
        for _ in range(3):
            page = await sqs("ListQueues", MaxResults=2, **token)
            names.append([url.rsplit("/", 1)[1] for url in page["QueueUrls"]])
            token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
        assert (names, token) == ([["a1", "b1"], ["b2", "b3"], ["c"]], {})
        page = await sqs("ListQueues", QueueNamePrefix="b", MaxResults=2)
        rest = await sqs("ListQueues", QueueNamePrefix="b", MaxResults=2, NextToken=page["NextToken"])
        assert [url[-2:] for url in (*page["QueueUrls"], *rest["QueueUrls"])] == ["b1", "b2", "b3"]
        assert "NextToken" not in rest
        assert await sqs("ListQueues", QueueNamePrefix="x") == {}
        assert (await sqs.refused("ListQueues", MaxResults=1, NextToken="x"))[0] == "InvalidParameterValue"
        assert (await sqs.refused("ListQueues", MaxResults=1_001))[0] == "InvalidParameterValue"

    with_queues(scene)


def test_purge_empties_the_queue_once_a_minute() -> None:
    """Visible, delayed and in-flight messages go; handles of theirs delete nothing; then 60 s of refusal."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        for delay in (0, 0, 60):
            await sqs.send(url, DelaySeconds=delay)
        message = (await sqs.receive(url, 1))[0]
        assert await sqs.counts(url) == (1, 1, 1)
        await sqs("PurgeQueue", QueueUrl=url)
        assert await sqs.counts(url) == (0, 0, 0)
        await sqs.delete(url, message)
        assert await sqs.refused("PurgeQueue", QueueUrl=url) == (
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            "Only one PurgeQueue operation on jobs is allowed every 60 seconds.",
        )
        await sqs.send(url, "after")
        await sqs.pass_s(60)
        await sqs("PurgeQueue", QueueUrl=url)
        assert await sqs.bodies(url) == []

    with_queues(scene)


def test_expired_messages_are_gone() -> None:
    """With 60 s retention: there at 59 s, not handed out at 60 s, and swept from the counters."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue(MessageRetentionPeriod="60")
        await sqs.send(url)
        await sqs.pass_s(59)
        assert len(await sqs.receive(url, VisibilityTimeout=0)) == 1
        await sqs.pass_s(1)
        assert await sqs.receive(url) == []
        await sqs.send(url)
        await sqs.pass_s(121)
        assert await sqs.counts(url) == (0, 0, 0)

    with_queues(scene)


def test_tags() -> None:
    """Set at creation, added, replaced, removed; 50 at most."""

    async def scene(sqs: Desk) -> None:
        url = (await sqs("CreateQueue", QueueName="jobs", tags={"a": "1"}))["QueueUrl"]
        await sqs("TagQueue", QueueUrl=url, Tags={"a": "2", "b": "3"})
        assert await sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "2", "b": "3"}}
        await sqs("UntagQueue", QueueUrl=url, TagKeys=["a", "x"])
        assert await sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"b": "3"}}
        many = {str(i): "" for i in range(50)}
        assert (await sqs.refused("TagQueue", QueueUrl=url, Tags=many))[0] == "InvalidParameterValue"
        await sqs("UntagQueue", QueueUrl=url, TagKeys=["b"])
        assert await sqs("ListQueueTags", QueueUrl=url) == {}

    with_queues(scene)


def test_permissions_are_statements_of_the_policy() -> None:
    """One account and action are strings, several are lists; the last statement takes the policy away."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue()
        one = {"QueueUrl": url, "AWSAccountIds": ["111122223333"], "Actions": ["ReceiveMessage"]}
        await sqs("AddPermission", Label="one", **one)
        await sqs("AddPermission", Label="two", **one | {"Actions": ["SendMessage", "GetQueueUrl"]})
        policy = json.loads(await sqs.attribute(url, "Policy") or "")
        assert policy["Version"] == "2008-10-17"
        assert policy["Id"] == f"{ARN}:jobs/SQSDefaultPolicy"
        assert policy["Statement"][0] == {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "SQS:ReceiveMessage",
            "Resource": f"{ARN}:jobs",
        }
        assert policy["Statement"][1]["Action"] == ["SQS:SendMessage", "SQS:GetQueueUrl"]
        refused = await sqs.refused("AddPermission", Label="one", **one)
        assert refused[1] == "Value one for parameter Label is invalid. Reason: Already exists."
        for label in ("one", "two"):
            await sqs("RemovePermission", QueueUrl=url, Label=label)
        assert await sqs.attribute(url, "Policy") is None
        refused = await sqs.refused("RemovePermission", QueueUrl=url, Label="one")
        assert refused[1] == "Value one for parameter Label is invalid. Reason: can't find label."

    with_queues(scene)


def test_dead_letter_sources_are_listed() -> None:
    """By name, paged; a policy that names a queue that is not there is refused."""

    async def scene(sqs: Desk) -> None:
        dead = await sqs.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead", "maxReceiveCount": 2})
        for name in ("b", "a", "c"):
            await sqs.queue(name, RedrivePolicy=policy)
        page = await sqs("ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=2)
        rest = await sqs(
            "ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=2, NextToken=page["NextToken"]
        )
        assert [url[-1] for url in (*page["queueUrls"], *rest["queueUrls"])] == ["a", "b", "c"]
        assert await sqs("ListDeadLetterSourceQueues", QueueUrl=page["queueUrls"][0]) == {"queueUrls": []}
        missing = policy.replace(":dead", ":gone")
        code, text = await sqs.refused("CreateQueue", QueueName="x", Attributes={"RedrivePolicy": missing})
        assert code == "InvalidParameterValue"
        assert text.endswith("Reason: Dead letter target does not exist.")

    with_queues(scene)


def test_a_new_fifo_delay_reaches_messages_already_sent() -> None:
    """Retroactive on FIFO queues, not on standard ones."""

    async def scene(sqs: Desk) -> None:
        fifo, standard = await sqs.queue("jobs.fifo", DelaySeconds="600"), await sqs.queue(DelaySeconds="600")
        await sqs.send(fifo, MessageGroupId="g", MessageDeduplicationId="1")
        await sqs.send(standard)
        for url in (fifo, standard):
            await sqs("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "0"})
        assert (await sqs.counts(fifo), await sqs.counts(standard)) == ((1, 0, 0), (0, 0, 1))
        assert len(await sqs.receive(fifo)) == 1

    with_queues(scene)
