"""What the terminal shows: the answer and its bottleneck first, short lines, and nothing that it obeys."""

from __future__ import annotations

from tests.unit.planner.outcomes import a_load, a_run, a_scenario, an_outcome, several
from windlass.planner.results import text
from windlass.planner.results.outcome import Outcome

WIDEST = 110


def said(outcome: Outcome) -> str:
    lines = list(text.summary(outcome))
    assert max(map(len, lines)) <= WIDEST
    return "\n".join(lines)


def test_the_answer_first_then_what_limits_it() -> None:
    lines = said(an_outcome(would_be_s=30.0, scenario=a_scenario(about="Two\nlines."))).splitlines()
    assert lines[0] == "web  (profile aws, seed 1)" and lines[1] == "  Two lines."
    assert lines[2] == "  web is up after 40 s"
    assert lines[3].startswith(
        "  bottleneck: A rate (fargate.on_demand, 20 per second) limits it: with twice"
    )


def test_one_run_in_sentences() -> None:
    found = said(an_outcome(a_run(gauges=True, loads=(a_load(),), throttled=2)))
    assert "running: 50 after 30 s, 90 after 38 s" in found
    assert (
        "  users to load balancer web: 1,000 requests; 980 answered 200, 15 answered 503; 5 without" in found
    )
    assert "p50 50 ms, p90 110 ms, p99 300 ms, max 2.5 s; 7 cold starts" in found
    assert "buckets at their lowest: fargate.on_demand 0 of 100\n" in found  # the other one was full
    assert "throttled: ecs.RunTask, 2 times" in found and "100 messages in jobs" in found
    assert "none of the quotas, delays, percentages and sizes that were tried makes" in found
    assert "not modelled: " in found


def test_several_runs_with_their_bands() -> None:
    found = said(an_outcome(*several(20)))
    assert "web is up after 49.5 s (p10 to p90 of 20 runs: 41.9 to 57.1 s)" in found
    assert "tasks: most that ran at once" in found
    row = next(line for line in found.splitlines() if "tasks: all of them running after" in line)
    assert row.endswith("41.9 to 57.1 s")


def test_runs_that_never_get_there_are_told() -> None:
    """Of three runs one, then two: then there is no prediction."""
    fine, never = a_run(1), a_run(2, took_s=None)
    assert "after 40 s, and never in 1 of 3 runs" in said(an_outcome(fine, fine, never))
    found = said(an_outcome(fine, never, never))
    assert "not reached within 60 s in 2 of 3 runs: web has 3 tasks too few" in found


def test_notes_of_all_runs_once() -> None:
    found = said(an_outcome(*several(4)))
    assert found.count("A note of them all.") == 1 and "A note of seed 4." in found


def test_a_terminal_obeys_nothing_of_a_scenario() -> None:
    evil = an_outcome(scenario=a_scenario("a\x1b[31m\rb\x07" + "c" * 300, "\u202e\x9b2J"))
    lines = [*text.summary(evil), *text.table([evil, evil]), *text.comparison(evil, evil)]
    assert all(line.isprintable() for line in lines)


def test_tables_of_scenarios() -> None:
    exact = an_outcome(*several(20), scenario=a_scenario("1-fargate", published=50.0), would_be_s=30.0)
    never = an_outcome(a_run(took_s=None), scenario=a_scenario("x" * 90))
    lines = list(text.table([exact, never]))
    assert max(map(len, lines)) <= WIDEST + 20
    assert lines[1].split() == [
        *("1-fargate", "50", "s", "50", "s", "41.9", "to", "57.1", "s", "-1.0", "%"),
        *("fargate.on_demand", "(20", "per", "second)"),
    ]
    assert lines[2].split()[1:] == ["never"] and lines[2].startswith("xxx")
    assert lines[3] == "band: p10 to p90 of 20 runs"


def test_two_scenarios_side_by_side() -> None:
    first = an_outcome(would_be_s=30.0)
    second = an_outcome(a_run(took_s=50.0), scenario=a_scenario("other"))
    lines = list(text.comparison(first, second))
    assert lines[0].split() == ["web", "other", "difference"]
    assert " ".join(lines[1].split()) == "time until it is there 40 s 50 s +10 s (+25.0 %)"
    assert "web: bottleneck: A rate (fargate.on_demand" in "\n".join(lines)
