"""Quotas and rates in force: grants, subjects, levels, and what is forgotten."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws import quotas
from windlass.aws.quotas import BUILT_IN, Profile, Quotas, Scope, load_profile, parse_profile
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND

ONE: Scope = ("111111111111", "us-east-1")
TWO: Scope = ("222222222222", "us-east-1")
ENTRY = {"unit": "u", "source": "s", "date": "d"}


def some_quotas(**rates: Rate) -> Quotas:
    return Quotas(Profile("test", quotas={"ecs.clusters": 3}, buckets=rates or {"b": Rate(10, 2)}))


def granted(quotas: Quotas, scope: Scope, **values: float) -> None:
    """Grant that scope these; "__" stands for the dot in names."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    quotas.granted_by(lambda asked, name: named.get(name) if asked == scope else None)


def test_two_accounts_and_two_subjects_have_buckets_of_their_own() -> None:
    held = some_quotas()
    assert held.take("b", ONE, 10, 0)
    assert not held.take("b", ONE, 1, 0)
    assert held.take("b", TWO, 10, 0)
    assert held.take("b", ONE, 10, 0, subject="service")
    assert not held.take("b", ONE, 1, 0, subject="service")


def test_a_bucket_that_the_profile_does_not_list_is_no_limit() -> None:
    held = some_quotas()
    assert held.take("other", ONE, 10**9, 0)
    assert held.take_up_to("other", ONE, 10**9, 0) == 10**9
    assert held.level("other", ONE, 0) is None
    assert held.wait_for("other", ONE, 10**9, 0) == 0
    assert held.levels(ONE, 0) == []


def test_all_or_none_of_several_buckets() -> None:
    held = some_quotas(a=Rate(5, 1), b=Rate(4, 1))
    assert not held.take_all({"a": 5, "b": 5}, ONE, 0)
    assert not held.take_all({"a": 5, "b": 3}, ONE, 0, leave={"b": 2})
    assert held.take_all({"a": 5, "b": 3}, ONE, 0, leave={"b": 1})
    assert (held.level("a", ONE, 0), held.level("b", ONE, 0)) == (0, 1)


def test_partial_takes_and_what_is_given_back() -> None:
    held = some_quotas()
    assert held.take_up_to("b", ONE, 12, 0) == 10
    assert held.take_up_to("b", ONE, 12, 0) == 0
    assert held.wait_for("b", ONE, 3, 0) == 1.5 * SECOND
    assert held.wait_for("b", ONE, 11, 0) is None
    held.give_back("b", ONE, 4, 0)
    assert held.take_up_to("b", ONE, 12, 0) == 4


def test_levels_are_told_while_a_bucket_is_not_full() -> None:
    held = some_quotas()
    held.take("b", ONE, 4, 0, subject="service")
    [level] = held.levels(ONE, SECOND)
    assert (level.name, level.subject, level.tokens, level.rate) == ("b", "service", 8, Rate(10, 2))
    assert held.scopes() == [ONE]
    assert held.levels(ONE, 2 * SECOND) == []


def test_a_grant_holds_for_its_account_alone() -> None:
    held = some_quotas()
    granted(held, ONE, ecs__clusters=7, b__per_second=5, b__burst=20)
    assert (held.value("ecs.clusters", ONE), held.value("ecs.clusters", TWO)) == (7, 3)
    assert held.value("ecs.clusters") == 3
    assert (held.rate("b", ONE), held.rate("b", TWO)) == (Rate(20, 5), Rate(10, 2))


def test_a_grant_does_not_limit_what_the_profile_does_not() -> None:
    held = some_quotas()
    granted(held, ONE, ec2__vpcs=7, other__burst=1)
    assert held.value("ec2.vpcs", ONE) is None
    assert held.rate("other", ONE) is None


def test_a_raised_rate_counts_from_when_it_was_first_seen() -> None:
    """1. Empty at 0. 2. Raised to 100/s at 2 s, and looked at. 3.

    By then 4 came in; a second later 100 more.
    """
    held = some_quotas(b=Rate(1_000, 2))
    held.take("b", ONE, 1_000, 0)
    granted(held, ONE, b__per_second=100)
    assert held.level("b", ONE, 2 * SECOND) == 4
    assert held.level("b", ONE, 3 * SECOND) == 104


def test_a_lowered_burst_spills() -> None:
    held = some_quotas(b=Rate(100, 2))
    held.take("b", ONE, 1, 0)
    granted(held, ONE, b__burst=10)
    assert held.level("b", ONE, 1) == 10


def test_full_buckets_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million accounts that call once do not fill the memory; those that are not full are kept."""
    monkeypatch.setattr(quotas, "LEVELS_KEPT_MIN", 8)
    held = some_quotas(b=Rate(10, 2), never=Rate(10, 0))
    held._sweep_at = 8
    held.take("never", ("kept", "r"), 1, 0)
    for number in range(1_000):
        held.take("b", (f"{number:012d}", "us-east-1"), 1, number * SECOND)
    assert len(held.scopes()) <= 9
    assert held.level("never", ("kept", "r"), 1_000 * SECOND) == 9


takes = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 12), st.integers(0, 2 * SECOND))


@given(st.lists(takes, max_size=40), st.lists(takes, max_size=40))
def test_what_one_account_does_changes_nothing_for_another(
    noisy: list[tuple[str, int, int]], quiet: list[tuple[str, int, int]]
) -> None:
    """The quiet one's answers beside the noisy one are those that it has alone."""

    def answers(others: list[tuple[str, int, int]]) -> list[int]:
        held = some_quotas(a=Rate(5, 1), b=Rate(20, 7))
        steps = [(at, TWO, name, count) for name, count, at in others]
        steps += [(at, ONE, name, count) for name, count, at in quiet]
        taken = [(scope, held.take_up_to(name, scope, count, at)) for at, scope, name, count in sorted(steps)]
        return [count for scope, count in taken if scope == ONE]

    assert answers(noisy) == answers([])


def test_profiles_tell_rates_per_minute() -> None:
    read = {"buckets": {"b": {"burst": 84, "per_minute": 500, **ENTRY}}}
    assert parse_profile("p", read).buckets["b"] == Rate(84, per_minute=500)
    with pytest.raises(ValueError, match="per_second"):
        parse_profile("p", {"buckets": {"b": {"burst": 84, **ENTRY}}})


def test_profiles_choose_among_words() -> None:
    read = {"choices": {"c": {"value": "new", "one_of": ["old", "new"], **ENTRY}}}
    held = Quotas(parse_profile("p", read))
    assert (held.choice("c", "old"), held.choice("d", "old")) == ("new", "old")
    with pytest.raises(ValueError, match="one of old, new"):
        parse_profile("p", {"choices": {"c": {"one_of": ["old", "new"], **ENTRY, "value": "other"}}})


def test_the_profiles_say_what_seed_003_says() -> None:
    profile = load_profile("aws-2022")
    assert profile.buckets["fargate.on_demand"] == profile.buckets["fargate.spot"] == Rate(100, 20)
    assert profile.buckets["ecs.cluster_resource_modify"] == Rate(100, 40)
    assert profile.buckets["ecs.deployment.fargate"].per_minute == 500
    assert profile.buckets["ecs.deployment.ec2"].per_minute == 250
    assert profile.delays["ecs.backoff_cap"] == 900
    assert load_profile("aws").delays["ecs.backoff_cap"] == 1620
    assert load_profile("local").buckets == {}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_entry_of_a_profile_says_where_it_is_from(name: str) -> None:
    read = tomllib.loads((quotas.PROFILES / f"{name}.toml").read_text())
    entries = [entry for section in read.values() for entry in section.items()]
    assert not [key for key, entry in entries if not ENTRY.keys() <= entry.keys()]


def test_a_file_may_extend_a_built_in_profile(tmp_path: Path) -> None:
    """Its own entries stand in place of those; a sigma that it does not say is gone with the old entry."""
    path = tmp_path / "my.toml"
    entry = '{ value = 9.5, unit = "s", source = "me", date = "2026" }'
    path.write_text(f'extends = "aws"\n[delays]\n"task.provision" = {entry}\n')
    found, base = load_profile(str(path)), load_profile("aws")
    assert found.delays == {**base.delays, "task.provision": 9.5}
    assert "task.provision" not in found.sigmas and "task.start" in found.sigmas
    assert (found.buckets, found.models, found.name) == (base.buckets, base.models, str(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "other.toml"', "it can extend local, aws, aws-2022, not 'other.toml'"),
        ('extends = "aws"\nquotas = 3', "quotas is no section"),
        ('extends = "aws"\n[qoutas]\na = { value = 3 }', "unknown section 'qoutas'"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(ValueError, match=said):
        load_profile(str(tmp_path / "my.toml"))
