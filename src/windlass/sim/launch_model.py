"""How long the parts of a task's launch take, by the profile: the model at the simulator's edge.

A task is provisioned (on Fargate a machine of the pool and its interface, on an instance at most an
interface), pulls its images, starts. Each part is a lognormal delay of the profile (`value`, `sigma`), drawn
from the unit's id, so that a new draw, or another order, changes no other. A pull is its size over bandwidth;
instances keep what they pulled, Fargate does not. Fargate Spot hands out machines as they come: so many at
once, then at a rate. Source of the numbers: facts/fargate-launch-model.md, sections 1.1 and 3. Known gaps:
health checks of containers pass, first after their interval (as node/health.py has it); bandwidth is not
shared between tasks, the images of one task are pulled one after the other, and Spot's supply is one pool for
all sizes and zones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

from windlass.aws.quotas import Quotas
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.sim.course import Course
from windlass.sim.works import Work

MB = 1_000_000
SPOT = "FARGATE_SPOT"
PARTS = (
    "task.provision",
    "task.public_address",
    "task.interface_attach",
    "task.pull",
    "task.start",
)
"""What is drawn of a unit, each from its own bits: new ones go to the end."""
_NORMAL = NormalDist()
_BITS = 8


@dataclass(frozen=True, slots=True)
class Image:
    """What a scenario says of an image. `size` is in compressed bytes; 0: the profile's usual one."""

    size: int = 0
    fails: str = ""
    """Why containers of it never start, "" when they do."""
    run: Duration | None = None
    """How long a container of it runs; None: until it is stopped."""
    exit_code: int = 0
    at_once: int = 0
    """Requests that a container of it works on at a time; 0: all that come."""


NOTHING_SAID = Image()


class LaunchModel:
    """Of one world. Its memory: what instances have pulled, when they are free, what Spot has handed out."""

    def __init__(self, seed: int, images: Mapping[str, Image] | None = None) -> None:
        self._seed = seed
        self.images = dict(images or {})
        """What is known of images: of those that are pulled from now on."""
        self._asked = self.fails
        self.work: Callable[[UnitSpec], Work | None] = lambda spec: None
        """What the containers of a unit do while it runs."""
        self._held: dict[str, set[str]] = {}
        """Instance → images that it has."""
        self._free_at: dict[str, float] = {}
        """Machine → when its agent has begun all that it was given so far, in seconds."""
        self._spot_at = -math.inf
        """When Spot's pool has handed out all that it was asked for, in seconds."""

    def course(self, spec: UnitSpec, quotas: Quotas, provider: str, now: Instant) -> Course:
        """How the life of a task goes that is launched now by that capacity provider. Asked once of each."""
        draw = _Draws(quotas, spec.unit_id, self._seed)
        images = [self.images.get(one.image, NOTHING_SAID) for one in spec.containers]
        first = images[0] if images else NOTHING_SAID
        checks = [one.health_check.interval_s for one in spec.containers if one.health_check is not None]
        provision = self._provision(spec, draw, provider, now / SECOND)
        pull = self._pull(spec, draw)
        turn = self._turn(spec, quotas, now / SECOND + provision + pull)
        return Course(
            provision=seconds(provision),
            pull=seconds(pull),
            start=seconds(turn + draw("task.start")),
            run=first.run,
            stop=seconds(quotas.delay_s("task.stop")),
            exit_code=first.exit_code,
            health="HEALTHY" if checks else "UNKNOWN",
            health_after=seconds(max(checks, default=0.0)),
            pulls=self._asked,
            work=self.work(spec),
        )

    def fails(self, spec: UnitSpec) -> str:
        """Why a unit never starts whose pull begins now; "" when it does."""
        known = (self.images.get(one.image, NOTHING_SAID) for one in spec.containers)
        return next((one.fails for one in known if one.fails), "")

    def slots(self, spec: UnitSpec) -> int:
        """Requests that a unit works on at a time: as few as any of its containers does."""
        given = [self.images.get(one.image, NOTHING_SAID).at_once for one in spec.containers]
        return min((one for one in given if one), default=0)

    def _provision(self, spec: UnitSpec, draw: _Draws, provider: str, now_s: float) -> float:
        interface = spec.network.interface
        if spec.instance is not None:
            return draw("task.interface_attach") if interface is not None else 0.0
        took = draw("task.provision")
        if interface is not None and interface.public_address:
            took += draw("task.public_address")
        return took + (self._spot(draw.quotas, now_s) if provider == SPOT else 0.0)

    def _turn(self, spec: UnitSpec, quotas: Quotas, ready_s: float) -> float:
        """Seconds from then until the agent of its machine is through with this start."""
        each = quotas.profile.models.get("node.launch_s")
        if not each:
            return 0.0
        machine = spec.instance.id if spec.instance is not None else ""
        free = self._free_at[machine] = max(ready_s, self._free_at.get(machine, 0.0)) + each
        return free - ready_s

    def _spot(self, quotas: Quotas, now_s: float) -> float:
        """How long Spot lets the next task wait: the pool hands out machines in the order of asking."""
        per_second = quotas.profile.models.get("fargate.spot.supply_per_s")
        if not per_second:
            return 0.0
        at_once = quotas.profile.models.get("fargate.spot.supply_at_once") or 0
        self._spot_at = max(self._spot_at, now_s - at_once / per_second) + 1 / per_second
        return max(0.0, self._spot_at - now_s)

    def _pull(self, spec: UnitSpec, draw: _Draws) -> float:
        held = self._held.setdefault(spec.instance.id, set()) if spec.instance is not None else set()
        wanted = {one.image for one in spec.containers} - held
        held |= wanted
        if not wanted:
            return 0.0
        models = draw.quotas.profile.models
        usual = Image(int(models.get("image.size_mb", 0) * MB))
        size = sum((self.images.get(name, usual).size or usual.size) for name in sorted(wanted))
        rates = (
            draw.quotas.profile.models.get("image.pull_mb_per_s"),
            draw.quotas.profile.models.get("image.unpack_mb_per_s"),
        )
        transfer = sum(size / MB / rate for rate in rates if rate)
        return (draw.quotas.delay_s("task.pull") + transfer) * draw.spread("task.pull")


class _Draws:
    """The delays of one unit."""

    def __init__(self, quotas: Quotas, unit_id: str, seed: int) -> None:
        self.quotas = quotas
        key = seed.to_bytes(16, "big", signed=True)
        self._bits = blake2b(unit_id.encode(), key=key, digest_size=_BITS * len(PARTS)).digest()

    def __call__(self, name: str) -> float:
        """Seconds of that delay."""
        median = self.quotas.delay_s(name)
        return median * self.spread(name) if median else 0.0

    def spread(self, name: str) -> float:
        """What the median is multiplied with."""
        sigma = self.quotas.profile.sigmas.get(name, 0.0)
        if not sigma:
            return 1.0
        at = PARTS.index(name) * _BITS
        uniform = (int.from_bytes(self._bits[at : at + _BITS], "big") + 0.5) / 2 ** (8 * _BITS)
        return math.exp(sigma * _NORMAL.inv_cdf(min(max(uniform, 1e-15), 1 - 1e-15)))
