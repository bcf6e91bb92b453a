from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from windlass.fleet.proxy_messages import Check, Endpoint, Health, Pool, Probed
from windlass.kernel.clock import SECOND
from windlass.proxy.probe import KNOCK_INTERVAL, Answered, Found, Probe, Probes, first_of

CHECK = Check("HTTP", interval=10 * SECOND, healthy=3, unhealthy=2, codes=((200, 299), (418, 418)))
TARGET = Endpoint("a:80", "127.0.0.1", 80)
GOOD, BAD = Answered(200), Answered(500)


def a_probe(health: Health = "initial", check: Check = CHECK) -> Probe:
    return Probe(replace(TARGET, health=health), check, 0)


def taken(probe: Probe, *found: Found) -> list[str]:
    """The state after each, an interval apart."""
    states = []
    for number, one in enumerate(found):
        probe.take(one, number * 10 * SECOND)
        states.append(probe.state)
    return states


def test_the_first_success_makes_a_new_target_healthy() -> None:
    assert taken(a_probe(), BAD, GOOD) == ["initial", "healthy"]


def test_thresholds_count_successes_and_failures_in_a_row() -> None:
    assert taken(a_probe("healthy"), BAD, GOOD, BAD, BAD) == ["healthy", "healthy", "healthy", "unhealthy"]
    assert taken(a_probe("unhealthy"), GOOD, GOOD, BAD, GOOD, GOOD, GOOD)[-2:] == ["unhealthy", "healthy"]
    assert taken(a_probe(), BAD, BAD) == ["initial", "unhealthy"]


def test_reasons_are_those_of_elbv2() -> None:
    """From registration to each way of failing."""
    probe = a_probe()
    assert probe.reason == "Elb.RegistrationInProgress"
    taken(probe, BAD)
    assert (probe.reason, probe.description) == (
        "Elb.InitialHealthChecking",
        "Initial health checks in progress",
    )
    taken(probe, BAD, BAD)
    assert (probe.reason, probe.description) == (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [500]",
    )
    taken(probe, "timeout")
    assert (probe.reason, probe.description) == ("Target.Timeout", "Request timed out")
    taken(probe, "failed")
    assert (probe.reason, probe.description) == ("Target.FailedHealthChecks", "Health checks failed")
    taken(probe, GOOD, GOOD, GOOD)
    assert (probe.state, probe.reason, probe.description) == ("healthy", "", "")


def test_codes_of_failures_in_a_row_are_all_told() -> None:
    probe = a_probe("healthy")
    taken(probe, Answered(503), Answered(404))
    assert probe.description == "Health checks failed with these codes: [404, 503]"


def test_what_counts_as_a_success() -> None:
    """Ranges of codes; connecting is enough for TCP only."""
    tcp = replace(CHECK, protocol="TCP")
    assert [taken(a_probe(), found)[0] for found in (Answered(299), Answered(418), Answered(300))] == [
        "healthy",
        "healthy",
        "initial",
    ]
    assert taken(a_probe(), "connected") == ["initial"]
    assert taken(a_probe(check=tcp), "connected") == ["healthy"]


def test_a_new_target_is_knocked_at_and_fails_at_the_interval_s_pace() -> None:
    """Knocks in between may find it up; they do not find it down."""
    probe = a_probe()
    at, states = 0, []
    while len(states) < 12:
        probe.take("failed", at)
        states.append(probe.state)
        at = probe.next_after(at)
    assert states == ["initial"] * 10 + ["unhealthy"] * 2
    assert at == 10 * KNOCK_INTERVAL + 2 * CHECK.interval


def a_pool(*keys: str, check: Check | None = CHECK, since: int = 0) -> Pool:
    return Pool("p", check=check, endpoints=tuple(replace(TARGET, key=key, since=since) for key in keys))


def test_who_is_due() -> None:
    """1. New ones at once. 2. Nobody twice. 3. After a result, when the interval is over."""
    probes = Probes(a_pool("a", "b"), lambda: 0.0, 5)
    assert (probes.next_at, probes.due(4), probes.due(5)) == (5, [], ["a", "b"])
    assert (probes.due(6), probes.next_at) == ([], None)
    told = probes.take("a", GOOD, 5)
    assert told == Probed("p", "a", "healthy", at=5)
    assert probes.take("b", "timeout", 5) == Probed(
        "p", "b", "initial", "Elb.InitialHealthChecking", "Initial health checks in progress", 5
    )
    assert first_of([probes]) == probes.next_at == 5 + KNOCK_INTERVAL
    assert probes.due(5 + CHECK.interval) == ["b", "a"]
    assert probes.take("a", GOOD, 7) is None


def test_a_check_that_is_spread_begins_somewhere_in_its_interval() -> None:
    """As a load balancer's does, and nobody is knocked at: a failure is tried again an interval later."""
    draws = iter([0.25, 0.75])
    probes = Probes(a_pool("a", "b", check=replace(CHECK, spread=True)), lambda: next(draws), 0)
    assert [probes.due(at) for at in (0, CHECK.interval // 4, 3 * CHECK.interval // 4)] == [[], ["a"], ["b"]]
    probes.take("a", BAD, CHECK.interval // 4)
    probes.take("b", GOOD, 3 * CHECK.interval // 4)
    assert probes.next_at == 5 * CHECK.interval // 4


def test_probes_of_targets_that_began_together_spread() -> None:
    draws = iter([0.0, 0.5, 0.9])
    probes = Probes(a_pool("a", "b", "c"), lambda: next(draws), 0)
    for key in probes.due(0):
        probes.take(key, GOOD, 0)
    assert [probes.due(at * SECOND // 10) for at in (54, 55, 75, 100)] == [[], ["c"], ["b"], ["a"]]


def test_targets_come_and_go() -> None:
    """Gone: its result counts for nothing. Registered again, or checked otherwise: new, and probed once."""
    probes = Probes(a_pool("a", "b"), lambda: 0.0, 0)
    probes.due(0)
    probes.update(a_pool("b"), 1)
    assert probes.take("a", GOOD, 0) is None
    probes.update(a_pool("a", "b", since=2), 2)
    probes.update(a_pool("a", "b", since=2), 2)
    assert probes.due(2) == ["a", "b"]
    probes.take("a", GOOD, 2)
    probes.update(a_pool("a", "b", check=replace(CHECK, path="/x"), since=2), 3)
    assert [probe.state for _, probe in probes.states()] == ["initial", "initial"]
    assert probes.due(3) == ["a", "b"]
    probes.update(a_pool("a", check=None), 4)
    assert (probes.states(), probes.next_at) == ([], None)


@given(st.lists(st.sampled_from([GOOD, BAD, "timeout"]), max_size=30))
def test_the_state_is_what_the_last_results_say(found: list[Found]) -> None:
    """Enough successes in a row make it healthy, enough failures unhealthy, whatever was before."""
    probe = a_probe()
    taken(probe, *found)
    passed = [one is GOOD for one in found]
    if len(passed) >= CHECK.healthy and all(passed[-CHECK.healthy :]):
        assert probe.state == "healthy"
    if len(passed) >= CHECK.unhealthy and not any(passed[-CHECK.unhealthy :]):
        assert probe.state == "unhealthy"
    assert (probe.state == "healthy") == (not probe.reason)
