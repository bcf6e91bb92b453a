"""Targets come and go: what that does to their rows, whoever asks for it (the API, ECS).

A target that leaves a group in use drains: no new requests, and its row stays until intake.py takes it.
"""

from __future__ import annotations

from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.elbv2 import attributes
from windlass.services.elbv2.model import TARGETS, USES, Target, TargetGroup


def register(
    tx: Transaction, group: TargetGroup, target_id: str, port: int, zone: str, now: Instant, ramped: bool
) -> None:
    """Begin to check it and to send it requests; one that is registered stays as it is."""
    known = tx[TARGETS].get((group.arn, target_id, port))
    if known is not None and known.state != "draining":
        if zone and zone != known.zone:
            tx[TARGETS].put(replace(known, zone=zone))
        return
    tx[TARGETS].put(Target(group.arn, target_id, port, now, zone=zone, ramped=ramped, since=now))


def deregister(tx: Transaction, group: TargetGroup, target_id: str, port: int, now: Instant) -> None:
    """Send it no more requests. One that is not registered is no error."""
    known = tx[TARGETS].get((group.arn, target_id, port))
    if known is None or known.state == "draining":
        return
    delay = drain_s(group)
    if not delay or not tx[USES].count("group", group.arn):
        tx[TARGETS].delete(known.key)
        return
    gone_at = now + delay * SECOND
    leaving = replace(known, state="draining", reason="", description="", since=now, drained_at=gone_at)
    tx[TARGETS].put(leaving)


def ramps(tx: Transaction, group: TargetGroup) -> bool:
    """Whether slow start applies to what is registered now: not to the first of an empty group

    (ELB User Guide, slow start mode).
    """
    targets = tx[TARGETS]
    first = targets.first("group", group.arn)
    if first is None or first.state != "draining":  # of a thousand the first mostly says it
        return first is not None
    return any(row.state != "draining" for row in targets.by("group", group.arn))


def drain_s(group: TargetGroup) -> int:
    """deregistration_delay.timeout_seconds; functions have none."""
    if group.target_type == "lambda":
        return 0
    return int(attributes.value(attributes.GROUP, group.attributes, "deregistration_delay.timeout_seconds"))
