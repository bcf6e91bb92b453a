"""How many tasks services may start: their own rate, the account's buckets, and who stands in line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.quotas import Profile, Quotas, Scope, load_profile
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND, Instant
from windlass.services.ecs import launch_rates
from windlass.services.ecs.launch_rates import LaunchRates
from windlass.services.ecs.pace import THROTTLED, Line, Pace, Plan, Room, Tasks, plan

SCOPE: Scope = ("111111111111", "us-east-1")
OTHER: Scope = ("222222222222", "us-east-1")
CYCLES = Pace(cycle=10 * SECOND, round=SECOND)
NOW = 5 * SECOND


def room(
    deployment: int | None = None, on_demand: int | None = None, spot: int | None = None, **more: Any
) -> Room:
    allowed = None if deployment is None else Tasks(on_demand=deployment, other=deployment)
    return Room(deployment=allowed, shares={"on_demand": on_demand, "spot": spot}, **more)


@pytest.mark.parametrize(
    ("wish", "there", "expected"),
    [
        (Tasks(), room(), Plan(Tasks())),
        (Tasks(on_demand=9), room(), Plan(Tasks(on_demand=9), begins_cycle=True)),
        (
            Tasks(on_demand=500),
            room(84, 100),
            Plan(Tasks(on_demand=84), look_again=NOW + 10 * SECOND, begins_cycle=True),
        ),
        (
            Tasks(on_demand=500),
            room(84, 30),
            Plan(Tasks(on_demand=30), THROTTLED, 6 * SECOND, frozenset({"on_demand"}), begins_cycle=True),
        ),
        (Tasks(other=500), room(42), Plan(Tasks(other=42), look_again=NOW + 10 * SECOND, begins_cycle=True)),
        (
            Tasks(on_demand=500, spot=500),
            room(84, 100, 100),
            Plan(Tasks(on_demand=42, spot=42), look_again=NOW + 10 * SECOND, begins_cycle=True),
        ),
        (
            Tasks(on_demand=500, spot=500),
            room(84, 10, 100),
            Plan(Tasks(on_demand=10, spot=74), look_again=NOW + 10 * SECOND, begins_cycle=True),
        ),
        (
            Tasks(on_demand=50, spot=50),
            room(84, 0, 20),
            Plan(Tasks(spot=20), THROTTLED, 6 * SECOND, frozenset({"on_demand", "spot"}), begins_cycle=True),
        ),
        (Tasks(on_demand=9), room(84, 9, due=NOW + 1), Plan(Tasks(), look_again=NOW + 1)),
        (
            Tasks(on_demand=9),
            room(84, 9, due=NOW + 1, waiting=True),
            Plan(Tasks(on_demand=9), begins_cycle=True),
        ),
    ],
    ids=[
        "nothing wanted",
        "no limits",
        "the deployment rate",
        "the launch bucket",
        "EC2 has no launch bucket",
        "half and half",
        "Spot takes what On-Demand lacks",
        "both lack",
        "not its cycle yet",
        "in line it need not wait for its cycle",
    ],
)
def test_plans(wish: Tasks, there: Room, expected: Plan) -> None:
    assert plan(wish, there, CYCLES, NOW) == expected


counts = st.integers(0, 300)
limits = st.none() | counts


@given(counts, counts, counts, limits, limits, limits)
def test_a_plan_keeps_every_limit_and_wastes_none(
    on_demand: int,
    spot: int,
    other: int,
    deployment: int | None,
    od_tokens: int | None,
    spot_tokens: int | None,
) -> None:
    """Nothing above a limit; and what is missing is missing because of one."""
    wish = Tasks(on_demand, spot, other)
    made = plan(wish, room(deployment, od_tokens, spot_tokens), CYCLES, NOW)
    starts = made.starts
    endless = 10**9
    deployed = endless if deployment is None else deployment
    most_od = min(on_demand, endless if od_tokens is None else od_tokens)
    most_spot = min(spot, endless if spot_tokens is None else spot_tokens)
    assert 0 <= starts.on_demand <= most_od
    assert 0 <= starts.spot <= most_spot
    assert starts.fargate == min(deployed, most_od + most_spot)
    assert starts.other == min(deployed, other)
    assert (made.look_again is None) == (starts == wish)
    assert bool(made.reason) == bool(made.throttled)


def test_a_line_deals_equal_parts_once_a_round() -> None:
    """1. Three wait, 11 tokens: 4, 4, 3. 2. Asking twice gets nothing. 3. Who comes now waits."""
    line = Line({"a": 0, "b": 0, "c": 0})
    assert [line.share(name, 11, 1) for name in "abc"] == [4, 4, 3]
    assert line.share("a", 11, 1) == 0
    assert line.share("d", 11, 1) == 0
    line.wait("d", 1, got=False)
    for name in "abc":
        line.wait(name, 1, got=True)
    assert [line.share(name, 2, 2) for name in "abcd"] == [1, 0, 0, 1]


def test_who_comes_no_more_is_dealt_nothing() -> None:
    line = Line({"gone": 0, "there": 0})
    for round_ in (1, 2):
        assert line.share("there", 10, round_) == 5
        line.wait("there", round_, got=True)
    assert line.share("there", 10, 3) == 10


# with buckets


class Service:
    """A service that wants so many tasks and asks when it was told to."""

    def __init__(self, rates: LaunchRates, name: str, wish: Tasks, scope: Scope = SCOPE) -> None:
        self.rates, self.name, self.scope = rates, name, scope
        self.left = wish
        self.look_at: Instant | None = 0
        self.started: list[tuple[Instant, int]] = []
        self.throttled = 0

    def look(self, now: Instant) -> None:
        made = self.rates.ask(self.scope, self.name, self.left, now)
        left, got = self.left, made.starts
        self.left = Tasks(left.on_demand - got.on_demand, left.spot - got.spot, left.other - got.other)
        self.look_at = made.look_again
        self.throttled += bool(made.reason)
        if got.total:
            self.started.append((now, got.total))

    def started_by(self, at: Instant) -> int:
        return sum(count for when, count in self.started if when <= at)


def play(services: list[Service], until: Instant) -> None:
    """Let them look when they said they would, up to that instant."""
    while True:
        at = min((s.look_at for s in services if s.look_at is not None), default=until + 1)
        if at > until:
            return
        for service in services:
            if service.look_at is not None and service.look_at <= at:
                service.look(at)


def rates_of(profile: str = "aws-2022") -> LaunchRates:
    return LaunchRates(Quotas(load_profile(profile)))


@pytest.mark.parametrize(
    ("wish", "last_s"),
    [(Tasks(on_demand=1_000), 110), (Tasks(on_demand=500, spot=500), 110), (Tasks(other=1_000), 230)],
    ids=["On-Demand", "50/50", "EC2"],
)
def test_one_service_of_a_thousand_tasks(wish: Tasks, last_s: int) -> None:
    """Seed 003: about two minutes of scheduling on Fargate, four on EC2; no launch bucket is in the way."""
    service = Service(rates_of(), "a", wish)
    play([service], 1_000 * SECOND)
    assert service.started[-1][0] == last_s * SECOND
    assert service.left == Tasks()
    assert not service.throttled
    assert {at % (10 * SECOND) for at, _ in service.started} == {0}


def test_services_share_the_launch_bucket_equally() -> None:
    """Ten services of 500 tasks: all of the rate is used, none gets ahead, each is told of throttling."""
    rates = rates_of()
    services = [Service(rates, f"s{number}", Tasks(on_demand=500)) for number in range(10)]
    play(services, 200 * SECOND)
    total = sum(service.started_by(200 * SECOND) for service in services)
    assert 0.99 * (100 + 20 * 200) <= total <= 100 + 20 * 200
    by_service = [service.started_by(200 * SECOND) for service in services]
    assert max(by_service) - min(by_service) <= 84  # what the first found in the full bucket
    later = [service.started_by(200 * SECOND) - service.started_by(20 * SECOND) for service in services]
    assert max(later) - min(later) <= 0.15 * max(later)
    assert all(service.throttled for service in services)


def test_from_three_services_on_ec2_is_faster_than_fargate() -> None:
    """Seed 003: 20 tasks a second are shared, EC2 services add up."""

    def seconds_for(number: int, wish: Tasks) -> float:
        rates = rates_of()
        services = [Service(rates, f"s{n}", wish) for n in range(number)]
        play(services, 10_000 * SECOND)
        return max(service.started[-1][0] for service in services) / SECOND

    assert seconds_for(2, Tasks(on_demand=1_000)) < seconds_for(2, Tasks(other=1_000))
    assert seconds_for(6, Tasks(on_demand=1_000)) > seconds_for(6, Tasks(other=1_000))


def test_local_has_no_rate() -> None:
    made = rates_of("local").ask(SCOPE, "a", Tasks(on_demand=5_000, other=5_000), 0)
    assert (made.starts.total, made.look_again) == (10_000, None)


def test_a_task_that_dies_is_replaced_in_the_next_cycle() -> None:
    rates = rates_of()
    assert rates.ask(SCOPE, "a", Tasks(on_demand=3), 0).starts.total == 3
    waits = rates.ask(SCOPE, "a", Tasks(on_demand=1), SECOND)
    assert (waits.starts.total, waits.reason, waits.look_again) == (0, "", 10 * SECOND)
    assert rates.ask(SCOPE, "a", Tasks(on_demand=1), 10 * SECOND).starts.total == 1


def test_run_task_leaves_half_to_services_in_line() -> None:
    """A loop of RunTask calls that takes all it can get does not starve a service."""
    rates = rates_of()
    service = Service(rates, "a", Tasks(on_demand=500))
    assert rates.take(SCOPE, {"on_demand": 100}, 0)
    ran = 0
    for tick in range(1_000):
        now = tick * SECOND // 10
        if service.look_at is not None and service.look_at <= now:
            service.look(now)
        while rates.take(SCOPE, {"on_demand": 1}, now):
            ran += 1
    assert service.started_by(100 * SECOND) == 500
    assert ran >= 1_000
    assert ran + 500 + 100 <= 100 + 20 * 100


def test_a_service_that_is_no_more_holds_nobody_up() -> None:
    rates = rates_of()
    rates.take(SCOPE, {"on_demand": 100}, 0)
    for name in ("a", "b"):
        assert rates.ask(SCOPE, name, Tasks(on_demand=50), 0).reason == THROTTLED
    assert rates.waiting(SCOPE) == {"on_demand": 2}
    rates.forget(SCOPE, "b")
    assert rates.ask(SCOPE, "a", Tasks(on_demand=50), SECOND).starts.total == 20
    rates.ask(SCOPE, "a", Tasks(), 2 * SECOND)
    assert rates.waiting(SCOPE) == {}


def test_what_could_not_be_placed_is_given_back() -> None:
    rates = rates_of()
    rates.ask(SCOPE, "a", Tasks(on_demand=84, other=42), 0)
    rates.give_back(SCOPE, "a", Tasks(on_demand=80, other=40), 0)
    again = rates.ask(SCOPE, "a", Tasks(on_demand=84, other=42), 10 * SECOND)
    assert again.starts == Tasks(on_demand=84, other=42)
    assert rates.take(SCOPE, {"on_demand": 16}, 10 * SECOND)


def test_without_cycles_the_bucket_says_when_to_look_again() -> None:
    buckets = {"ecs.deployment.fargate": Rate(5, per_minute=60), "ecs.deployment.ec2": Rate(1, 0)}
    rates = LaunchRates(Quotas(Profile("test", buckets=buckets)))
    assert rates.ask(SCOPE, "a", Tasks(on_demand=9), 0).look_again == SECOND
    assert rates.ask(SCOPE, "a", Tasks(other=9), 0).look_again is None


def test_past_cycles_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_rates, "DUE_KEPT_MIN", 8)
    rates = rates_of()
    rates._forget_at = 8
    for number in range(1_000):
        rates.ask(SCOPE, f"s{number}", Tasks(other=1), number * 10 * SECOND)
    assert len(rates._due) <= 9


wishes = st.lists(
    st.builds(Tasks, st.integers(0, 200), st.integers(0, 200), st.integers(0, 100)), min_size=1, max_size=6
)


@given(wishes, wishes)
def test_no_service_starves_no_rate_is_broken_and_accounts_are_apart(
    mine: list[Tasks], others: list[Tasks]
) -> None:
    """Random services of two accounts: each gets all it wanted, at most burst + rate x time, as if alone."""

    def played(beside: list[Tasks]) -> list[list[tuple[Instant, int]]]:
        rates = rates_of()
        services = [Service(rates, f"s{n}", wish) for n, wish in enumerate(mine)]
        foreign = [Service(rates, f"s{n}", wish, OTHER) for n, wish in enumerate(beside)]
        play([*foreign, *services], 1_000 * SECOND)
        assert all(service.left == Tasks() for service in (*services, *foreign))
        return [service.started for service in services]

    alone = played([])
    assert played(others) == alone
    fargate = sum(wish.fargate for wish in mine)
    if not any(wish.other for wish in mine):
        last = max((at for started in alone for at, _ in started), default=0)
        assert fargate <= 200 + 40 * last // SECOND


def test_between_cycles_a_service_rests_unless_it_stands_in_line() -> None:
    """A full work cycle is over: nothing starts before the next. In line for a bucket, each round counts."""
    rates = rates_of()
    assert rates.rests_until(SCOPE, "a", 0) is None
    assert rates.ask(SCOPE, "a", Tasks(on_demand=500), 0).starts.total == 84
    due = rates.rests_until(SCOPE, "a", SECOND)
    assert due == 10 * SECOND
    assert rates.ask(SCOPE, "a", Tasks(on_demand=416), SECOND) == Plan(Tasks(), look_again=due)
    assert rates.ask(SCOPE, "b", Tasks(on_demand=500), SECOND).throttled == {"on_demand"}
    assert rates.rests_until(SCOPE, "b", 2 * SECOND) is None
    assert rates.rests_until(SCOPE, "a", due) is None
