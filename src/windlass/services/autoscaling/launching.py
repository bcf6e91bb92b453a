"""What a group's next instance is made of: its configuration or template, read when it is launched."""

from __future__ import annotations

from windlass.fleet.blueprints import Blueprint, Maker, Size
from windlass.fleet.model import Instance
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.autoscaling.model import CONFIGURATIONS, Group, Launch, Member, Reads, Scope

GROUP_TAG = "aws:autoscaling:groupName"
"""A tag that every instance of a group has; EC2 Auto Scaling User Guide, tagging."""


def blueprint(reads: Reads, scope: Scope, launch: Launch, maker: Maker) -> Blueprint:
    """As it stands now. Raises Fault for what is not there, or of a type that is not known."""
    if launch.template is not None:
        made = maker.blueprint(reads, scope, launch.template)
    else:
        configuration = reads[CONFIGURATIONS].get((*scope, launch.configuration))
        if configuration is None:
            raise Fault(
                "ValidationError", f"Launch configuration name not found - {launch.configuration} not found"
            )
        made = configuration.blueprint
    if launch.types:
        made = replace(made, instance_type=launch.types[0])
    if maker.size(made.instance_type) is None:
        raise Fault(
            "ValidationError", f"You must use a valid instance type; {made.instance_type} is not known"
        )
    return made


def for_group(reads: Reads, group: Group, maker: Maker) -> Blueprint:
    """The next instance of that group, with the tags that the group gives."""
    made = blueprint(reads, (group.account, group.region), group.launch, maker)
    given = {tag.key: tag.value for tag in group.tags if tag.at_launch}
    return replace(made, tags={**made.tags, **given, GROUP_TAG: group.name})


def member(group: Group, machine: Instance, now: Instant) -> Member:
    """The machine as a new instance of the group."""
    return Member(
        id=machine.id,
        account=group.account,
        region=group.region,
        group=group.name,
        zone=machine.zone,
        instance_type=machine.instance_type,
        launched_at=now,
        protected=group.protects_new,
        image_id=machine.details.get("ImageId", ""),
    )


def sizes(reads: Reads, group: Group, maker: Maker) -> tuple[Size, ...]:
    """Of all types that the group may launch; () when that cannot be told."""
    try:
        first = blueprint(reads, (group.account, group.region), group.launch, maker)
    except Fault:
        return ()
    names = group.launch.types or (first.instance_type,)
    return tuple(size for name in names if (size := maker.size(name)) is not None)
