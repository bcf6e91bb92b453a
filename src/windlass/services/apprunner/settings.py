"""What the profile says of App Runner's times, and what holds where it says nothing. Reads only."""

from __future__ import annotations

from windlass.aws.quotas import Quotas
from windlass.kernel.clock import MINUTE, SECOND, Duration, seconds
from windlass.services.apprunner.limits import DELAY_START_LIMIT, START_LIMIT
from windlass.services.apprunner.replacing import Patience
from windlass.services.apprunner.scaling import Pace

DELAY_FIRST = "apprunner.replace_first"
DELAY_CAP = "apprunner.replace_cap"
DELAY_STEADY = "apprunner.replace_steady"
DELAY_IDLE = "apprunner.idle_after"
DELAY_REMOVE = "apprunner.remove_after"
DELAY_QUEUE = "apprunner.queue_wait"
DELAY_POLL = "apprunner.poll_sources"
DELAY_BUILD = "apprunner.build_limit"
SHARE_NEAR = "apprunner.near"
PERIOD_METRICS = "apprunner.metrics_period_s"
"""Names in the profile."""
QUEUE_WAIT: Duration = 30 * SECOND
"""How long a request waits for an instance before it is answered 429; ours, AWS does not publish it."""
POLL: Duration = 10 * SECOND
"""How often branches are looked at for automatic deployments; ours: AWS is told by the code's host."""
BUILD_LIMIT: Duration = 30 * MINUTE
"""How long a build may take; ours."""
METRICS_PERIOD: Duration = MINUTE
"""App Runner Developer Guide, monitor-cw: one-minute periods."""


def delay(quotas: Quotas, name: str, otherwise: Duration) -> Duration:
    """That time of the profile, or the other when it has none."""
    value = quotas.profile.delays.get(name)
    return otherwise if value is None else seconds(value)


def patience(quotas: Quotas) -> Patience:
    usual = Patience()
    return Patience(
        start=delay(quotas, DELAY_START_LIMIT, START_LIMIT),
        first=delay(quotas, DELAY_FIRST, usual.first),
        cap=delay(quotas, DELAY_CAP, usual.cap),
        steady=delay(quotas, DELAY_STEADY, usual.steady),
    )


def pace(quotas: Quotas) -> Pace:
    usual = Pace()
    return Pace(
        near=quotas.value(SHARE_NEAR) or usual.near,
        idle_after=delay(quotas, DELAY_IDLE, usual.idle_after),
        remove_after=delay(quotas, DELAY_REMOVE, usual.remove_after),
    )


def metrics_period(quotas: Quotas) -> Duration:
    return seconds(quotas.value(PERIOD_METRICS) or METRICS_PERIOD / SECOND)
