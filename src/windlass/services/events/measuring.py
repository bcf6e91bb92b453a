"""What EventBridge counts, as CloudWatch names it: namespace AWS/Events, by rule.

Names and units are AWS's (EventBridge User Guide, "Monitoring Amazon EventBridge";
facts/autoscaling-elb-events.md, section 3). Rules of other buses have the dimension EventBusName too.
Known gaps: latencies, and counts of PutEvents.
"""

from __future__ import annotations

from typing import Literal

from windlass.aws.arn import parse
from windlass.aws.metrics import Metrics
from windlass.kernel.clock import MINUTE, Clock

NAMESPACE = "AWS/Events"
Name = Literal[
    "TriggeredRules",
    "Invocations",
    "FailedInvocations",
    "InvocationsSentToDlq",
    "InvocationsFailedToBeSentToDlq",
]


class Measuring:
    """Of one plane; counts are in memory, as metrics are no promises."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def count(self, rule_arn: str, name: Name) -> None:
        """It happened once to an event of that rule, now."""
        rule = parse(rule_arn)
        assert rule is not None
        bus, _, rule_name = rule.resource.removeprefix("rule/").rpartition("/")
        of = {"RuleName": rule_name} | ({"EventBusName": bus} if bus else {})
        now = self._clock.now()
        self._metrics.put(rule.account, rule.region, NAMESPACE, name, of, 1, "Count", now - now % MINUTE)
