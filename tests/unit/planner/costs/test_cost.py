"""What use costs: minutes begun, lines with their dates, and what has no price."""

from __future__ import annotations

import pytest

from windlass.planner.costs.cost import Usage, cost_of
from windlass.planner.costs.prices import ADDRESS, APP_RUNNER_ACTIVE, INSTANCES, NOT_METERED, SPOT_INSTANCES
from windlass.services.ec2.instance_types import types


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
    usage.instance_s["m5.large", False] = 3_600
    usage.add_task(1, 2, 3_600, "x86_64", spot=True)
    cost = cost_of(usage)
    assert [round(line.usd, 4) for line in cost.lines] == [0.0129, 0.0028, 0.096, 0.045, 0.2, 0.0133, 0.8]
    for line in cost.as_json()["lines"]:
        assert line["date"] and line["source"] and line["usd"] == line["quantity"] * line["usd_per_unit"]


def test_what_has_no_price_is_named() -> None:
    usage = Usage(unpriced={"jobs of Batch"})
    usage.instance_s["", False] = 3_600
    usage.instance_s["x9.huge", True] = 7_200
    usage.add_task(1, 1, 3_600, "sparc", spot=True)
    cost = cost_of(usage)
    assert cost.lines == () and cost.unpriced == (
        "1.00 hours of instances without a type",
        "2.00 hours of instances of the type x9.huge",
        "1.00 vCPU-hours of Fargate Spot on sparc",
        "jobs of Batch",
    )


def test_spot_provisioned_concurrency_addresses_and_fifo_queues() -> None:
    usage = Usage(address_s=7_200, fifo_messages=2e6)
    usage.instance_s["c5.2xlarge", True] = 3_600
    usage.kept_gb_s["x86_64"] = usage.provisioned_gb_s["arm64"] = 1e6
    usage.add_task(1, 1, 3_600, "arm64", spot=True)
    lines = {line.what: line for line in cost_of(usage).lines}
    assert {what: round(line.usd, 5) for what, line in lines.items()} == {
        "Fargate Spot, arm64: vCPU": 0.01036,
        "Fargate Spot, arm64: memory": 0.00114,
        "EC2, c5.2xlarge on Spot": 0.17,
        "public IPv4 addresses": 0.01,
        "Lambda, arm64: time on provisioned concurrency": 7.7778,
        "Lambda, x86_64: provisioned concurrency": 4.1667,
        "SQS: requests of FIFO queues": 1.0,
    }
    assert not lines["EC2, c5.2xlarge on Spot"].price.verified
    assert lines["EC2, c5.2xlarge on Spot"].price.as_of == "2026-06, unverified"


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("t3.nano", 0.0052),
        ("t2.small", 0.023),
        ("t4g.2xlarge", 0.2688),
        ("c5.9xlarge", 1.53),
        ("m5.24xlarge", 4.608),
        ("m6g.medium", 0.0385),
        ("c7g.medium", 0.03625),
        ("r6g.2xlarge", 0.4032),
        ("g4dn.12xlarge", 3.912),
    ],
)
def test_prices_of_instances_are_those_that_copies_of_the_price_list_have(name: str, usd: float) -> None:
    assert INSTANCES[name].usd == pytest.approx(usd)


def test_every_price_has_a_unit_a_date_and_a_source() -> None:
    """And of instance types only one has none."""
    every = [*INSTANCES.values(), *SPOT_INSTANCES.values(), *NOT_METERED.values(), ADDRESS, APP_RUNNER_ACTIVE]
    for price in every:
        assert price.usd > 0 and price.unit and price.date.startswith("202") and price.source
    assert set(types()) - set(INSTANCES) == {"g5.16xlarge"}
