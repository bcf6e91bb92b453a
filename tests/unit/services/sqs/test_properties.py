"""Any sequence of calls and of passing time: order, exclusion, and nothing lost or doubled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sqs_build import Desk, with_queues
from windlass.kernel.clock import SECOND, Instant

ARN = "arn:aws:sqs:eu-west-1:123456789012"

steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("aab"), st.none()),
        st.tuples(st.just("receive"), st.integers(1, 10), st.sampled_from([5, 20, 0])),
        st.tuples(st.just("delete"), st.integers(0, 9), st.none()),
        st.tuples(st.just("show"), st.integers(0, 9), st.sampled_from([0, 3])),
        st.tuples(st.just("pass"), st.integers(1, 15), st.none()),
    ),
    min_size=8,
    max_size=40,
)


@dataclass
class Ledger:
    """What a careful observer knows of one queue from outside."""

    sent: dict[str, str] = field(default_factory=dict)
    """Message id → group, in order of sending."""
    deleted: set[str] = field(default_factory=set)
    hidden_until: dict[str, Instant] = field(default_factory=dict)
    receives: dict[str, int] = field(default_factory=dict)
    latest: list[dict[str, Any]] = field(default_factory=list)
    """Received messages, each with its newest receipt."""

    def alive(self, group: str) -> list[str]:
        return [one for one, of in self.sent.items() if of == group and one not in self.deleted]

    def hidden(self, message_id: str, now: Instant) -> bool:
        return self.hidden_until.get(message_id, 0) > now

    def available(self, fifo: bool, now: Instant) -> set[str]:
        """What a receiver may get: what is visible, and in a FIFO group ahead of the first hidden one."""
        found: set[str] = set()
        for group in set(self.sent.values()):
            for message_id in self.alive(group):
                if not self.hidden(message_id, now):
                    found.add(message_id)
                elif fifo:
                    break
        return found

    def received(self, messages: list[dict[str, Any]], until: Instant, fifo: bool, now: Instant) -> None:
        ids = [message["MessageId"] for message in messages]
        available = self.available(fifo, now)
        assert len(set(ids)) == len(ids)
        assert set(ids) <= available, "deleted, unknown, in flight, or blocked by its group"
        for group in set(self.sent.values()) if fifo else ():
            got = [one for one in ids if self.sent[one] == group]
            assert got == self.alive(group)[: len(got)], "out of order"
        for message in messages:
            message_id = message["MessageId"]
            self.hidden_until[message_id] = until
            self.receives[message_id] = self.receives.get(message_id, 0) + 1
            self.latest = [known for known in self.latest if known["MessageId"] != message_id]
            self.latest.append(message)


async def play(sqs: Desk, url: str, script: list[tuple[str, Any, Any]], ledger: Ledger) -> None:
    """Run the script, checking every answer against the ledger."""
    fifo = url.endswith(".fifo")
    for number, (step, first, second) in enumerate(script):
        now = sqs.plane.clock.now()
        if step == "send":
            ids = {"MessageGroupId": first, "MessageDeduplicationId": str(number)} if fifo else {}
            message_id = (await sqs.send(url, str(number), **ids))["MessageId"]
            ledger.sent[message_id] = first
        elif step == "receive":
            available = ledger.available(fifo, now)
            got = await sqs.receive(url, first, VisibilityTimeout=second)
            ledger.received(got, now + second * SECOND, fifo, now)
            assert len(got) == min(first, len(available)), "a receiver gets all that it may"
        elif step == "pass":
            await sqs.pass_s(first)
        elif ledger.latest:
            await touch(sqs, url, ledger, step, ledger.latest[first % len(ledger.latest)], second)
        counts = await sqs.counts(url)
        alive = [one for one in ledger.sent if one not in ledger.deleted]
        hidden = sum(ledger.hidden(one, sqs.plane.clock.now()) for one in alive)
        assert counts == (len(alive) - hidden, hidden, 0)


async def touch(
    sqs: Desk, url: str, ledger: Ledger, step: str, message: dict[str, Any], timeout_s: int
) -> None:
    """Delete a message or change its visibility, by its newest receipt."""
    now, message_id = sqs.plane.clock.now(), message["MessageId"]
    if url.endswith(".fifo") and not ledger.hidden(message_id, now):
        return  # its receipt has expired; test_messages has that
    if step == "delete":
        await sqs.delete(url, message)
        ledger.deleted.add(message_id)
        ledger.latest.remove(message)
        return
    handle = message["ReceiptHandle"]
    await sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=timeout_s)
    ledger.hidden_until[message_id] = now + timeout_s * SECOND


async def drain(sqs: Desk, url: str, ledger: Ledger) -> None:
    """Receive and delete until nothing comes: every message left, each once."""
    await sqs.pass_s(30)
    while got := await sqs.receive(url):
        ledger.received(
            got, sqs.plane.clock.now() + 30 * SECOND, url.endswith(".fifo"), sqs.plane.clock.now()
        )
        for message in got:
            await sqs.delete(url, message)
            ledger.deleted.add(message["MessageId"])
    assert ledger.deleted == set(ledger.sent)
    assert await sqs.counts(url) == (0, 0, 0)


@settings(max_examples=120)
@given(steps, st.sampled_from(["jobs", "jobs.fifo"]))
def test_order_and_exclusion(script: list[tuple[str, Any, Any]], name: str) -> None:
    """Whatever happens: none twice in flight, groups in order, counters exact, all delivered in the end."""

    async def scene(sqs: Desk) -> None:
        url, ledger = await sqs.queue(name), Ledger()
        await play(sqs, url, script, ledger)
        await drain(sqs, url, ledger)

    with_queues(scene)


@settings(max_examples=30)
@given(steps, st.integers(1, 3), st.sampled_from(["", ".fifo"]))
def test_redrive_counts(script: list[tuple[str, Any, Any]], receives_max: int, suffix: str) -> None:
    """With maxReceiveCount n none is received more than n times, and what is left is a dead letter."""

    async def scene(sqs: Desk) -> None:
        dead = await sqs.queue("dead" + suffix)
        policy = json.dumps({"deadLetterTargetArn": f"{ARN}:dead{suffix}", "maxReceiveCount": receives_max})
        url = await sqs.queue("jobs" + suffix, RedrivePolicy=policy, VisibilityTimeout="5")
        count, received = 0, dict[str, int]()
        for number, (step, first, _) in enumerate(script):
            if step == "send":
                ids = {"MessageGroupId": first, "MessageDeduplicationId": str(number)} if suffix else {}
                await sqs.send(url, **ids)
                count += 1
            elif step == "receive":
                for message in await sqs.receive(url, first):
                    received[message["MessageId"]] = received.get(message["MessageId"], 0) + 1
            elif step == "pass":
                await sqs.pass_s(first)
        assert max(received.values(), default=0) <= receives_max
        assert sum(await sqs.counts(url)) + sum(await sqs.counts(dead)) == count
        for _ in range(receives_max * -(-count // 10) + 1):  # a group has ten in flight at most
            await sqs.pass_s(5)
            while await sqs.receive(url):
                pass
        assert (sum(await sqs.counts(url)), sum(await sqs.counts(dead))) == (0, count)

    with_queues(scene)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 200)), max_size=30))
def test_deduplication_window(sends: list[tuple[int, str, int]]) -> None:
    """Sends with few ids over time: delivered are those without an accepted one in the 5 minutes before."""

    async def scene(sqs: Desk) -> None:
        url = await sqs.queue("jobs.fifo")
        accepted: dict[int, tuple[Instant, str]] = {}
        expected: list[str] = []
        for number, group, pause_s in sends:
            now = sqs.plane.clock.now()
            ids = {"MessageGroupId": group, "MessageDeduplicationId": str(number)}
            message_id = (await sqs.send(url, **ids))["MessageId"]
            known = accepted.get(number)
            if known is not None and now < known[0] + 300 * SECOND:
                assert message_id == known[1]
            else:
                accepted[number] = (now, message_id)
                expected.append(message_id)
            await sqs.pass_s(pause_s)
        got: list[str] = []
        while messages := await sqs.receive(url):
            got += [message["MessageId"] for message in messages]
            for message in messages:
                await sqs.delete(url, message)
        assert sorted(got) == sorted(expected)

    with_queues(scene)
