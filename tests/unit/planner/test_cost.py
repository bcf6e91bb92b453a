"""What use costs: minutes begun, lines with their dates, and what has no price."""

from __future__ import annotations

import pytest

from windlass.planner.cost import Usage, cost_of


def test_fargate_is_paid_for_a_minute_at_least() -> None:
    usage = Usage()
    usage.add_task(0.25, 0.5, 10, "x86_64", spot=False)
    short = cost_of(usage)
    assert short.usd == pytest.approx((0.25 * 0.04048 + 0.5 * 0.004445) / 60)
    usage.add_task(0.25, 0.5, 119, "x86_64", spot=False)
    assert cost_of(usage).usd == pytest.approx(short.usd * (60 + 119) / 60)


def test_lines_say_what_when_and_where_from() -> None:
    usage = Usage(balancer_s=7_200, requests=1e6, messages=2e6)
    usage.function_gb_s["arm64"] = 1_000
    usage.instance_s["m5.large"] = 3_600
    usage.add_task(1, 2, 3_600, "x86_64", spot=True)
    cost = cost_of(usage)
    assert [round(line.usd, 4) for line in cost.lines] == [0.0129, 0.0028, 0.096, 0.045, 0.2, 0.0133, 0.8]
    for line in cost.as_json()["lines"]:
        assert line["date"] and line["source"] and line["usd"] == line["quantity"] * line["usd_per_unit"]


def test_what_has_no_price_is_named() -> None:
    usage = Usage(unpriced={"jobs of Batch"})
    usage.instance_s[""] = 3_600
    usage.instance_s["x9.huge"] = 7_200
    usage.add_task(1, 1, 3_600, "arm64", spot=True)
    cost = cost_of(usage)
    assert cost.lines == () and cost.unpriced == (
        "1.00 hours of instances without a type",
        "2.00 hours of instances of the type x9.huge",
        "1.00 vCPU-hours of Fargate Spot on arm64",
        "jobs of Batch",
    )
