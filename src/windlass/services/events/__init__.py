"""EventBridge: buses, rules, schedules, and deliveries to targets."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.bus import Bus
from windlass.aws.metrics import Metrics
from windlass.kernel.ids import Ids
from windlass.services.events.backlog import Backlog
from windlass.services.events.deliver import Deliveries
from windlass.services.events.handlers import buses, events, rules, tags, targets
from windlass.services.events.measuring import Measuring
from windlass.services.events.model import TABLES
from windlass.services.events.router import Router
from windlass.services.events.schedules import Schedules
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    ids = Ids(plane.chance.stream("events.delivery"))
    measuring = Measuring(plane.calls.part(Metrics), plane.clock)
    router = Router(plane.store, plane.journal, ids, Backlog(plane.store), measuring)
    deliveries = Deliveries(plane, router, measuring)
    schedules = Schedules(plane, router)
    plane.calls.part(Bus).subscribe(router)
    plane.spawn.start("events.deliver", deliveries.loop.run())
    plane.spawn.start("events.schedules", schedules.loop.run())
    return (router, deliveries, schedules)


SERVICE = Service(
    name="events",
    handlers={
        "CreateEventBus": buses.create_event_bus,
        "UpdateEventBus": buses.update_event_bus,
        "DescribeEventBus": buses.describe_event_bus,
        "ListEventBuses": buses.list_event_buses,
        "DeleteEventBus": buses.delete_event_bus,
        "PutPermission": buses.put_permission,
        "RemovePermission": buses.remove_permission,
        "PutRule": rules.put_rule,
        "DescribeRule": rules.describe_rule,
        "ListRules": rules.list_rules,
        "EnableRule": rules.enable_rule,
        "DisableRule": rules.disable_rule,
        "DeleteRule": rules.delete_rule,
        "PutTargets": targets.put_targets,
        "RemoveTargets": targets.remove_targets,
        "ListTargetsByRule": targets.list_targets_by_rule,
        "ListRuleNamesByTarget": targets.list_rule_names_by_target,
        "PutEvents": events.put_events,
        "TestEventPattern": events.test_event_pattern,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTagsForResource": tags.list_tags_for_resource,
    },
    tables=TABLES,
    start=_start,
    partial={
        "CreateEventBus": "KmsKeyIdentifier and EventSourceName are refused; LogConfig and the bus's "
        "DeadLetterConfig are stored, not acted on",
        "UpdateEventBus": "KmsKeyIdentifier is refused; LogConfig and DeadLetterConfig are not acted on",
        "PutPermission": "stored and read back; calls are not checked against it",
        "PutRule": "RoleArn is stored, not assumed; ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS is ENABLED",
        "PutTargets": "targets are Lambda functions, SQS queues, ECS clusters, Batch job queues, event buses "
        "and log groups; others are refused; RoleArn is stored, not assumed",
        "PutEvents": "TraceHeader is ignored; EndpointId is refused",
    },
)
