"""The proxy's policies: microseconds of CPU from a request's head to its target, on large tables.

A hundred rules and a thousand targets, rules of each kind of condition, each request meeting the last rule;
targets picked in each way there is. Parsing and sockets are bench/traffic.py's business.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from bench.result import Result
from windlass.fleet.proxy_messages import Algorithm, Endpoint, Fixed, Forward, Match, Pool, Rule, Share
from windlass.proxy.pick import Balance, Shares
from windlass.proxy.queue import RequestQueue
from windlass.proxy.rules import Question, Rules

RULES, TARGETS, REQUESTS = 100, 1_000, 20_000
REQUEST_US_MAX = 20.0
HEADERS = {"x-tenant": [f"tenant-{RULES - 1}"]}
LAST = RULES - 1

KINDS: dict[str, tuple[Callable[[int], Match], Callable[[], Question]]] = {
    "paths": (lambda n: Match("path", values=(f"/service-{n}/*",)), lambda: _asked(f"/service-{LAST}/x")),
    "hosts": (lambda n: Match("host", values=(f"*.{n}.example.com",)), lambda: _asked("/")),
    "wildcards": (lambda n: Match("path", values=(f"/*/v{n}/?",)), lambda: _asked(f"/a/b/v{LAST}/c")),
    "expressions": (lambda n: Match("path", regexes=(f"^/s{n}/[a-z]+$",)), lambda: _asked(f"/s{LAST}/abc")),
    "headers": (lambda n: Match("header", "X-Tenant", values=(f"tenant-{n}",)), lambda: _asked("/")),
    "queries": (lambda n: Match("query", pairs=(("v", f"{n}"),)), lambda: _asked("/")),
    "sources": (lambda n: Match("source-ip", values=(f"10.0.{n}.0/24",)), lambda: _asked("/")),
}
ALGORITHMS: tuple[Algorithm, ...] = ("round_robin", "least_outstanding_requests", "weighted_random")


def results() -> Iterator[Result]:
    for kind, (match, ask) in KINDS.items():
        rules = _rules(match)
        yield _promised(f"route by {kind}, pick in turn", _time(rules, ask, _balance("round_robin")))
    match, ask = KINDS["paths"]
    for algorithm in ALGORITHMS[1:]:
        yield _promised(f"route by paths, {algorithm}", _time(_rules(match), ask, _balance(algorithm)))
    yield _promised("route by paths, slow start", _time(_rules(match), ask, _balance("round_robin", 10**12)))
    yield _promised("App Runner's queue, in and out", _queue_time())


def _promised(name: str, value: float) -> Result:
    return Result(f"{name}: µs", value, "µs", promise=REQUEST_US_MAX, at_least=False)


def _asked(path: str) -> Question:
    host = f"www.{LAST}.example.com:8080"
    return Question("GET", host, path, f"a=b&v={LAST}", f"10.0.{LAST}.1", lambda name: HEADERS.get(name, ()))


def _rules(match: Callable[[int], Match]) -> Rules:
    forward = Forward((Share("blue", 9), Share("green", 1)))
    rules = [Rule(str(number), (match(number),), forward) for number in range(RULES)]
    return Rules([*rules, Rule("default", (), Fixed(404))])


def _balance(algorithm: Algorithm, slow_start: int = 0) -> Balance:
    return Balance(_pool(algorithm, slow_start), random.Random(1).random, 0, lambda one: one.health)


def _pool(algorithm: Algorithm = "round_robin", slow_start: int = 0) -> Pool:
    endpoints = tuple(
        Endpoint(f"i-{n}:80", "127.0.0.1", 80, health="healthy", since=n * 10**9) for n in range(TARGETS)
    )
    return Pool("p", endpoints=endpoints, algorithm=algorithm, slow_start=slow_start)


def _time(rules: Rules, ask: Callable[[], Question], balance: Balance) -> float:
    """One request after the other: rule, pool, target, and counting it; in microseconds."""
    shares: dict[str, Shares] = {}
    now = 3 * TARGETS * 10**9 // 2
    began = time.process_time()
    for _ in range(REQUESTS):
        rule = rules.choose(ask())
        assert isinstance(rule.action, Forward)
        found = shares.get(rule.key)
        if found is None:
            found = shares[rule.key] = Shares(rule.action)
        found.choose()
        target = balance.choose(now)
        assert target is not None
        balance.begin(target.key)
        balance.end(target.key)
    return (time.process_time() - began) / REQUESTS * 1e6


def _queue_time() -> float:
    """All instances full, a hundred waiting: one request ends, the next is fed, another one comes."""
    endpoints = _pool().endpoints
    pool = Pool("p", "queued", endpoints=endpoints, concurrency=1, queue=1, queue_wait=10**9)
    queue = RequestQueue(pool, 0, lambda one: one.health)
    tickets = [queue.arrive(0) for _ in range(TARGETS + 100)]
    began = time.process_time()
    for number in range(REQUESTS):
        ticket = tickets[number]
        assert ticket is not None
        queue.finish(ticket)
        tickets.append(queue.arrive(0))
    return (time.process_time() - began) / REQUESTS * 1e6
