from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from windlass.fleet.proxy_messages import Endpoint, Load, Pool
from windlass.kernel.clock import SECOND
from windlass.proxy.queue import RequestQueue, Ticket


def a_pool(keys: str, *, concurrency: int = 2, queue: int = 1, wait: int = 0) -> Pool:
    endpoints = tuple(Endpoint(key, "127.0.0.1", 80, health="healthy") for key in keys)
    return Pool("p", "queued", endpoints=endpoints, concurrency=concurrency, queue=queue, queue_wait=wait)


def a_queue(pool: Pool) -> RequestQueue:
    return RequestQueue(pool, 0, lambda one: one.health)


def arrive(queue: RequestQueue, count: int, now: int = 0) -> list[Ticket | None]:
    return [queue.arrive(now) for _ in range(count)]


def test_a_burst_fills_instances_then_queues_and_is_refused_then() -> None:
    """1. Spread over instances. 2. Waiting in both queues. 3. 429. 4. Fed in order as requests end."""
    queue = a_queue(a_pool("ab"))
    tickets = arrive(queue, 8)
    assert [one and one.endpoint for one in tickets] == ["a", "b", "a", "b", "", "", None, None]
    assert queue.refusal == 429
    assert queue.load() == Load("p", 4, 2, (("a", 2), ("b", 2)), 2)
    assert tickets[1] and tickets[4] and tickets[5]
    assert queue.finish(tickets[1]) == [tickets[4]]
    assert tickets[4].endpoint == "b"
    assert queue.load() == Load("p", 4, 1, (("a", 2), ("b", 2)))


def test_a_new_instance_takes_those_who_wait_longest() -> None:
    queue = a_queue(a_pool("a", concurrency=1, queue=3))
    first, second, third, fourth = arrive(queue, 4)
    assert queue.update(a_pool("abc", concurrency=1, queue=3), 1) == [second, third]
    assert fourth and not fourth.endpoint and first
    assert [one.endpoint for one in (second, third) if one] == ["b", "c"]


def test_nobody_who_waits_is_lost_with_an_instance() -> None:
    """What it has is finished; it is idle then; its queue is served by the others."""
    queue = a_queue(a_pool("ab", concurrency=1, queue=2))
    first, second, third, _ = arrive(queue, 4)
    assert first and second and third
    assert queue.update(a_pool("a", concurrency=1, queue=2), 1) == []
    assert (queue.load().queued, queue.is_idle("b")) == (2, False)
    assert queue.arrive(1) is None
    assert queue.finish(second) == []
    assert queue.is_idle("b")
    assert queue.finish(first) == [third]
    assert third.endpoint == "a"


def test_an_instance_that_comes_back_still_has_its_requests() -> None:
    queue = a_queue(a_pool("a", concurrency=1))
    arrive(queue, 1)
    queue.update(a_pool(""), 1)
    queue.update(a_pool("a", concurrency=1), 2)
    waits = queue.arrive(2)
    assert waits is not None and not waits.endpoint


def test_waiting_has_an_end() -> None:
    """In order of arrival; 503 if there is no instance at all."""
    queue = a_queue(a_pool("a", concurrency=1, queue=5, wait=10 * SECOND))
    _, second = arrive(queue, 2)
    third = queue.arrive(SECOND)
    assert queue.next_expiry == 10 * SECOND
    assert queue.expire(10 * SECOND - 1) == []
    assert queue.expire(10 * SECOND) == [second]
    assert third and queue.finish(third) == []
    assert (queue.next_expiry, queue.load().refused) == (None, 1)
    queue.update(a_pool("", queue=5), 2)
    assert queue.refusal == 503


def test_without_an_instance_one_queue_waits() -> None:
    queue = a_queue(a_pool("", queue=2))
    assert [one and one.endpoint for one in arrive(queue, 3)] == ["", "", None]


def test_an_instance_on_standby_helps_when_no_other_has_room() -> None:
    """1. The active one first. 2. Then the one on standby. 3. Which keeps its requests when it is active."""
    pool = a_pool("ab", concurrency=2)
    first, second = pool.endpoints
    queue = a_queue(replace(pool, endpoints=(replace(first, standby=True), second)))
    assert [one and one.endpoint for one in arrive(queue, 5)] == ["b", "b", "a", "a", ""]
    assert queue.update(pool, 1) == []
    assert queue.load().endpoints == (("a", 2), ("b", 2))
    assert not queue.is_idle("a")


def test_an_unhealthy_instance_gets_nothing() -> None:
    pool = a_pool("ab")
    sick = replace(pool, endpoints=(replace(pool.endpoints[0], health="unhealthy"), pool.endpoints[1]))
    assert {one.endpoint for one in arrive(a_queue(sick), 2) if one} == {"b"}


class Served(RuleBasedStateMachine):
    """Whatever happens: limits hold, nobody waits beside room, and who came first is served first."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = "ab"
        self.queue = a_queue(a_pool(self.keys))
        self.open: list[Ticket] = []
        self.waiting: list[Ticket] = []

    @rule()
    def arrives(self) -> None:
        ticket = self.queue.arrive(0)
        room = max(1, len(self.keys))
        if ticket is None:
            assert len(self.waiting) >= room
        else:
            (self.open if ticket.endpoint else self.waiting).append(ticket)

    @rule(number=st.integers(0, 9))
    def finishes(self, number: int) -> None:
        if self.open:
            self.fed(self.queue.finish(self.open.pop(number % len(self.open))))

    @rule(number=st.integers(0, 9))
    def gives_up(self, number: int) -> None:
        if self.waiting:
            assert self.queue.finish(self.waiting.pop(number % len(self.waiting))) == []

    @rule(keys=st.sampled_from(["", "a", "ab", "bc", "abc"]))
    def changes(self, keys: str) -> None:
        self.keys = keys
        self.fed(self.queue.update(a_pool(keys), 0))

    def fed(self, tickets: list[Ticket]) -> None:
        assert tickets == self.waiting[: len(tickets)]
        self.waiting = self.waiting[len(tickets) :]
        self.open += tickets

    @invariant()
    def holds(self) -> None:
        load = self.queue.load()
        assert (load.in_flight, load.queued) == (len(self.open), len(self.waiting))
        busy = {key: sum(one.endpoint == key for one in self.open) for key in self.keys}
        assert all(count <= 2 for count in busy.values())
        assert not self.waiting or all(count == 2 for count in busy.values())


TestServed = Served.TestCase
TestServed.settings = settings(max_examples=30)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 30))
def test_requests_are_spread_evenly(instances: int, concurrency: int, requests: int) -> None:
    queue = a_queue(a_pool("abcde"[:instances], concurrency=concurrency, queue=100))
    arrive(queue, requests)
    counts = [count for _, count in queue.load().endpoints]
    assert sum(counts) == min(requests, instances * concurrency)
    assert max(counts) - min(counts) <= 1
