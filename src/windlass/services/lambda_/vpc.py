"""The edge between Lambda and VPCs: keeps the shared interfaces that functions want, connects environments.

vpc_plan.py decides which shared interfaces there are; EC2 makes and frees them in our transactions
(fleet/interfaces.py). In the model "per-environment" there are none, and each environment gets an interface
of its own on its way up. What a function's state becomes of it is controller.py's to write.
Known gap: an interface takes any number of connections (AWS adds another one after 65,000).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from windlass.fleet.interfaces import Interfaces, NoInterface, Wish
from windlass.fleet.networks import Interface, Network
from windlass.kernel.clock import MINUTE, Duration, Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.lambda_.model import (
    ENVIRONMENTS,
    FUNCTIONS,
    VERSIONS,
    Function,
    Settings,
    Version,
)
from windlass.services.lambda_.names import not_ready
from windlass.services.lambda_.target import Target
from windlass.services.lambda_.transitions import Readiness, Ready, Unable, Wait
from windlass.services.lambda_.vpc_faults import Trouble, trouble
from windlass.services.lambda_.vpc_model import (
    SHARED_INTERFACES,
    Combination,
    SharedInterface,
    combinations,
)
from windlass.services.lambda_.vpc_plan import Free, Keep, Leave, Make, next_look, plan, ready_at
from windlass.services.plane import Plane

MODEL = "lambda.vpc_model"
SETUP, ATTACH, FREED = "lambda.hyperplane_setup", "lambda.interface_attach", "lambda.interface_freed"
IN_VPC = "lambda.interfaces_per_vpc"
"""Quota of Lambda's interfaces in one VPC; Lambda quotas, "Elastic network interfaces per VPC"."""
REQUESTER = "lambda"
GONE_STATES = ("Inactive", "Failed")
"""A function or version in these holds no interface."""


@dataclass(frozen=True, slots=True)
class Refused:
    """EC2 made no interface for a combination, when it was last tried."""

    at: Instant
    trouble: Trouble


class VpcConnections:
    """Of one plane. `changed` is called when something became ready, or was refused."""

    def __init__(self, plane: Plane, changed: Callable[[], None]) -> None:
        self._plane = plane
        self._store = plane.store
        self._changed = changed
        self._ids = Ids(plane.chance.stream("lambda.vpc"))
        self._chance = plane.chance.stream("lambda.vpc.delay")
        self.shares = plane.quotas.choice(MODEL, "hyperplane") == "hyperplane"
        self._setup = seconds(plane.quotas.delay_s(SETUP))
        self._linger = seconds(plane.quotas.delay_s(FREED))
        self._refused: dict[Combination, Refused] = {}
        self._loop = Loop("lambda.vpc", plane.clock, plane.journal, self._pass, period=MINUTE)
        for table in (FUNCTIONS, VERSIONS):
            plane.store.watch((table,), self._on_user)
        plane.store.watch((ENVIRONMENTS,), self._on_environment)

    def start(self) -> None:
        self._plane.spawn.start("lambda.vpc", self._loop.run())

    # what functions wait for

    def needs(self, row: Function | Version, now: Instant) -> Readiness:
        """Whether the interfaces are there that a function or version waits for; see controller.py."""
        settings = row.wanted if isinstance(row, Function) else row.settings
        if not self.shares:
            return Ready()
        wanted = combinations(row.account, row.region, settings.vpc)
        for combination in wanted:
            refused = self._refused.get(combination)
            if refused is not None and refused.at >= row.waits_since:
                return Unable(refused.trouble.reason)
        at = ready_at([self._store[SHARED_INTERFACES].get(one) for one in wanted])
        return Ready() if at is not None and at <= now else Wait(at)

    # what environments are given

    def attaches(self, settings: Settings) -> bool:
        """Whether each environment gets an interface of its own, which takes its time."""
        return not self.shares and bool(settings.vpc and settings.vpc.subnets)

    def attach_delay(self) -> Duration:
        """How long that takes, this time."""
        return seconds(self._plane.quotas.draw_s(ATTACH, self._chance))

    def own(self, tx: Transaction, target: Target, unit_id: str) -> Interface:
        """An interface for one environment alone. Raises Fault, as Invoke answers it."""
        function, vpc = target.function, target.settings.vpc
        assert vpc is not None
        wish = Wish(function.account, function.region, REQUESTER, vpc.subnets, vpc.groups)
        try:
            return self._make(tx, wish, vpc.vpc_id, function.name)
        except (NoInterface, Fault) as error:
            raise trouble(error.code).fault() from error

    def shared(self, tx: Transaction, target: Target) -> Network:
        """The shared interface of its subnets that has the fewest environments; without a VPC the host's.

        Raises Fault when none is there, which its next attempt may find.
        """
        wanted = combinations(target.function.account, target.function.region, target.settings.vpc)
        rows = [row for one in wanted if (row := tx[SHARED_INTERFACES].get(one)) is not None]
        if not wanted:
            return Network()
        if not rows:
            raise not_ready()
        environments = tx[ENVIRONMENTS]
        chosen = min(rows, key=lambda row: environments.count("interface", row.interface.id))
        return Network("awsvpc", chosen.interface, shared=True)

    def release(self, tx: Transaction, interface_id: str) -> None:
        """An environment's own interface goes with it; a shared one stays."""
        if interface_id and tx[SHARED_INTERFACES].first("interface", interface_id) is None:
            self._interfaces.release(tx, interface_id)

    # shared interfaces

    def _on_user(self, change: Change) -> None:
        if any(row is not None and row.has_vpc for row in (change.old, change.new)):
            self._loop.wake()

    def _on_environment(self, change: Change) -> None:
        if change.new is None and change.old is not None and change.old.interface_id:
            self._loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        wanted = self._wanted()
        rows = list(self._store[SHARED_INTERFACES].all())
        occupied = {str(one) for one in self._store[ENVIRONMENTS].values("interface")}
        actions = plan(wanted, rows, occupied, now, self._linger)
        for gone in self._refused.keys() - wanted.keys():
            del self._refused[gone]
        if actions:
            with self._store.transact() as tx:
                for action in actions:
                    match action:
                        case Make(combination):
                            self._share(tx, combination, *wanted[combination], now)
                        case Keep(row):
                            tx[SHARED_INTERFACES].put(replace(row, free_at=0))
                        case Leave(row, free_at):
                            tx[SHARED_INTERFACES].put(replace(row, free_at=free_at))
                        case Free(row):
                            tx[SHARED_INTERFACES].delete(row.combination)
                            self._interfaces.release(tx, row.interface.id)
                            self._note(row, "interface freed", f"nobody uses {row.subnet_id} with its groups")
        self._changed()
        return next_look(self._store[SHARED_INTERFACES].all(), now)

    def _wanted(self) -> dict[Combination, tuple[str, str]]:
        """Every combination that is in use, with its VPC and the name of a function that uses it."""
        found: dict[Combination, tuple[str, str]] = {}
        if not self.shares:
            return found
        for function in self._store[FUNCTIONS].by("vpc", True):
            serves = None if function.state in GONE_STATES else function.served
            used = (serves, function.wanted if function.changing else None)
            for settings in filter(None, used):
                for one in combinations(function.account, function.region, settings.vpc):
                    found.setdefault(one, (_vpc_id(settings), function.name))
        for version in self._store[VERSIONS].by("vpc", True):
            if version.state not in GONE_STATES:
                for one in combinations(version.account, version.region, version.settings.vpc):
                    found.setdefault(one, (_vpc_id(version.settings), version.function))
        return found

    def _share(self, tx: Transaction, combination: Combination, vpc_id: str, name: str, now: Instant) -> None:
        """Make the interface of a combination, or take down why there is none."""
        account, region, subnet_id, groups = combination
        try:
            wish = Wish(account, region, REQUESTER, (subnet_id,), groups, shared=True)
            interface = self._make(tx, wish, vpc_id, name)
        except (NoInterface, Fault) as error:
            self._refused[combination] = Refused(now, trouble(error.code))
            self._plane.journal.note("lambda", name, "no interface", f"{subnet_id}: {error.code}")
            return
        self._refused.pop(combination, None)
        row = SharedInterface(*combination, interface, ready_at=now + self._setup)
        tx[SHARED_INTERFACES].put(row)
        self._note(row, "interface made", f"for {name} and whoever else is in {subnet_id} with its groups")

    def _make(self, tx: Transaction, wish: Wish, vpc_id: str, name: str) -> Interface:
        """Raises NoInterface and Fault with EC2's codes."""
        most = self._plane.quotas.value(IN_VPC, (wish.account, wish.region))
        there = tx[SHARED_INTERFACES].count("vpc", vpc_id) + tx[ENVIRONMENTS].count("own_vpc", vpc_id)
        if most is not None and there >= most:
            raise NoInterface(wish.subnets[0], "NetworkInterfaceLimitExceeded")
        making = self._interfaces.begin(tx, wish, self._plane.clock.now(), self._ids)
        return making.make(f"AWS Lambda VPC ENI-{name}-{self._ids.uuid()}", "")

    def _note(self, row: SharedInterface, what: str, why: str) -> None:
        self._plane.journal.note("lambda", row.interface.id, what, why)

    @property
    def _interfaces(self) -> Interfaces:
        return self._plane.calls.part(Interfaces)


def _vpc_id(settings: Settings) -> str:
    return settings.vpc.vpc_id if settings.vpc is not None else ""
