"""What the traffic demo would cost at AWS: its own use, at list prices of us-east-1. Pure.

Without free tiers, data transfer, logs and public addresses. Minimum times of billing count, whole hours of
a load balancer do not: the demo takes minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

PRICED = "list prices of us-east-1, copies of 2026-03 to 2026-08"
LAMBDA_REQUEST = 0.20 / 1_000_000
LAMBDA_GB_S = 0.0000166667
FARGATE_VCPU_H, FARGATE_GB_H = 0.04048, 0.004445
ALB_H, ALB_LCU_H = 0.0225, 0.008
LCU_CONNECTIONS_S = 25
"""New connections a second of one capacity unit; unverified."""
APP_RUNNER_VCPU_H, APP_RUNNER_GB_H = 0.064, 0.007
INSTANCE_MIN_S = 60
"""Of a Fargate task, and of each time that an App Runner instance becomes active."""
# facts/fargate-launch-model.md, section 7, and facts/apprunner.md, section 5: prices, dates and sources.

VCPU, GB = 0.25, 0.5
"""Of a task, and of an App Runner instance: the smallest there are."""
FUNCTION_GB = 0.125


def of_function(durations_s: Iterable[float]) -> float:
    """USD for these events; a duration is billed by the millisecond, rounded up."""
    billed = [math.ceil(one * 1000) / 1000 for one in durations_s]
    return len(billed) * LAMBDA_REQUEST + sum(billed) * FUNCTION_GB * LAMBDA_GB_S


def of_tasks(lives_s: Sequence[float], elapsed_s: float, requests: int) -> float:
    """USD for tasks that ran so long, and their load balancer; each request taken as a new connection."""
    hours = sum(max(INSTANCE_MIN_S, life) for life in lives_s) / 3600
    units = requests / elapsed_s / LCU_CONNECTIONS_S
    balancer = elapsed_s / 3600 * (ALB_H + units * ALB_LCU_H)
    return hours * (VCPU * FARGATE_VCPU_H + GB * FARGATE_GB_H) + balancer


def of_instances(lives_s: Sequence[float], active_s: float) -> float:
    """USD for App Runner's instances: memory while they are there, CPU while they are active."""
    memory = sum(lives_s) / 3600 * GB * APP_RUNNER_GB_H
    return memory + active_s / 3600 * VCPU * APP_RUNNER_VCPU_H


def active_s(answered_at: Iterable[float]) -> float:
    """Seconds in which an instance is active that answered then: at least a minute for each new begin.

    Answers at 0, 30 and 300 s → active from 0 to 90 and from 300 to 360 s: 150 s.
    """
    total, until = 0.0, -math.inf
    for at in sorted(answered_at):
        total += INSTANCE_MIN_S if at > until else at + INSTANCE_MIN_S - until
        until = at + INSTANCE_MIN_S
    return total
