"""Keeps a steady service spread over its Availability Zones: rows in, rebalancing.py decides, tasks start.

One round: tasks start in zones that have too few; when all are healthy there are more than are wanted, and
the scale-in that follows takes them from the fullest zones (departures.py). Rounds go on until the zones are
balanced. Only for services whose first placement strategy is to spread over zones, or that have none (ECS
Developer Guide, service rebalancing). Called from service_turn.py, in its transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import placement, rebalancing, service_events, starting
from windlass.services.ecs.deployment import Counts
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.placing import Zones
from windlass.services.ecs.service_model import DEPLOYMENTS, REVISIONS, SERVICES, Service


def applies(service: Service) -> bool:
    """Whether it is to be rebalanced at all."""
    spread = placement.OVER_ZONES[0]["field"]
    by_zone = not service.strategies or service.strategies[0].get("field") == spread
    return service.rebalances and by_zone and service.scheduling == "REPLICA" and service.status == "ACTIVE"


def is_between(service: Service, counts: Counts) -> bool:
    """Whether a round goes on: tasks beyond the wanted ones were started, and are not all healthy yet."""
    surplus = counts.good - service.desired_count
    if not service.rebalancing or counts.unhealthy or counts.healthy == counts.good:
        return False
    return 0 < surplus <= _room(service)


def look(tx: Transaction, call: Call, service: Service) -> tuple[Service, Mapping[str, int]]:
    """A service that has all its tasks: what it says of its balance, and how many to start in which zone."""
    zones = _zones(tx, call, service) if applies(service) else Zones()
    count = tx[TASKS].count
    tasks = {zone: count("service_zone", (*service.key, zone)) for zone in sorted(zones.known)}
    moves = rebalancing.moves(tasks, sorted(zones.usable), _room(service))
    if moves and not service.rebalancing:
        service = _told(tx, call, service, rebalancing.begun(tasks), rebalancing.STARTED)
    elif service.rebalancing and not moves and tasks and rebalancing.is_balanced(tasks):
        service = _told(tx, call, service, rebalancing.done(tasks), rebalancing.COMPLETED)
    if service.rebalancing != bool(moves):
        service = tx[SERVICES].put(replace(service, rebalancing=bool(moves)))
    return service, Counter(move.start for move in moves)


def _room(service: Service) -> int:
    return rebalancing.allowed(service.rebalances, service.desired_count, service.rolling.percent_max)


def _zones(tx: Transaction, call: Call, service: Service) -> Zones:
    primary = tx[DEPLOYMENTS].require(service.deployment_id)
    return starting.zones(tx, call, service, tx[REVISIONS].require(primary.revision_id), primary.id)


def _told(tx: Transaction, call: Call, service: Service, text: str, name: str) -> Service:
    service = service_events.say(tx, call, service, text)
    service_events.act(tx, call.part(Bus), service, "INFO", name, call.now)
    return service
