"""Putting a plane together: what app.py and sim/world.py have in common.

They differ in their edges only (loop, links, runners, log), which they hand in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from windlass.aws import credentials
from windlass.aws.alarms import Alarms
from windlass.aws.bus import Bus
from windlass.aws.calls import Calls
from windlass.aws.fargate_use import FargateUse
from windlass.aws.log_groups import LogGroups
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import Profile, Quotas
from windlass.aws.secret_values import SecretValues
from windlass.aws.server_certificates import ServerCertificates
from windlass.aws.target_groups import TargetGroups
from windlass.fleet import model as fleet_model
from windlass.fleet.blueprints import Makers
from windlass.fleet.container_instances import ContainerInstances
from windlass.fleet.entering import Entering
from windlass.fleet.groups import Groups
from windlass.fleet.interfaces import Interfaces
from windlass.fleet.link import Links
from windlass.fleet.outages import Outages
from windlass.fleet.proxies import Proxies
from windlass.fleet.role_credentials import RoleCredentials
from windlass.fleet.target_addresses import Addresses
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Clock
from windlass.kernel.durable import DurableLog
from windlass.kernel.ids import Ids
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Store, Table
from windlass.services.entry import Entry
from windlass.services.plane import Plane, Service


def assemble(
    services: Sequence[Service],
    *,
    clock: Clock,
    chance: Chance,
    log: DurableLog,
    links: Callable[[Store, Journal, Spawn], Links],
    profile: Profile,
    endpoint: str,
    blobs: Path | None,
    on_crash: Callable[[str, BaseException], None],
    extra_tables: tuple[Table[Any], ...] = (),
) -> Plane:
    """A plane with these services, loaded from the log; nothing runs yet. `start()` starts it."""
    tables = tuple(table for service in services for table in service.tables)
    store = Store((*credentials.TABLES, *fleet_model.TABLES, *extra_tables, *tables), log)
    journal = Journal(clock.now)
    spawn = Spawn(on_crash)
    calls = Calls(clock, store, journal, Ids(chance.stream("calls")), endpoint)
    for service in services:
        calls.add(service.name, service.handlers, service.waits_itself)
    quotas = Quotas(profile)
    calls.add_part(chance)
    calls.add_part(Entering(store))
    calls.add_part(Entry(services, calls, quotas, clock))
    return Plane(
        clock=clock,
        chance=chance,
        store=store,
        journal=journal,
        spawn=spawn,
        calls=calls,
        links=links(store, journal, spawn),
        quotas=quotas,
        blobs=blobs,
    )


def start(plane: Plane, services: Sequence[Service]) -> None:
    """Start the loops of the services and register their parts. Needs a running loop."""
    plane.calls.add_part(plane.quotas)
    plane.calls.add_part(Bus())
    plane.calls.add_part(Alarms())
    plane.calls.add_part(FargateUse())
    plane.calls.add_part(ContainerInstances())
    plane.calls.add_part(Interfaces())
    plane.calls.add_part(LogGroups())
    plane.calls.add_part(TargetGroups())
    plane.calls.add_part(SecretValues())
    plane.calls.add_part(ServerCertificates())
    plane.calls.add_part(Metrics())
    plane.calls.add_part(Makers())
    plane.calls.add_part(Outages())
    plane.calls.add_part(Groups())
    plane.calls.add_part(Addresses(plane.store))
    plane.calls.add_part(Proxies(plane.spawn, plane.clock, plane.journal))
    plane.calls.add_part(RoleCredentials(plane.store, plane.clock, plane.chance))
    for service in services:
        for part in service.start(plane):
            plane.calls.add_part(part)
