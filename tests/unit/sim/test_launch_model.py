"""The model of launches: its shape, not the machine's."""

from __future__ import annotations

from statistics import median, quantiles

import msgspec
import pytest

from tests.build import NOW
from windlass.aws.quotas import Profile, Quotas
from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.fleet.networks import Interface, Network
from windlass.fleet.task_messages import InstanceRoom
from windlass.kernel.clock import SECOND
from windlass.sim.course import Course
from windlass.sim.launch_model import Image, LaunchModel

DELAYS = {
    "task.provision": 15.0,
    "task.public_address": 2.0,
    "task.interface_attach": 6.0,
    "task.pull": 1.0,
    "task.start": 0.5,
    "task.stop": 3.0,
}
RATES = {"image.size_mb": 100.0, "image.pull_mb_per_s": 50.0, "image.unpack_mb_per_s": 100.0}


def unit(number: int = 1, image: str = "web", *, public: bool = False, instance: str = "") -> UnitSpec:
    interface = Interface("eni", "m", "10.0.0.4", "s", "10.0.0.0/24", "v", "10.0.0.0/16")
    if public:
        interface = msgspec.structs.replace(interface, public_address="52.0.0.1")
    return UnitSpec(
        f"u{number}",
        "task",
        (ContainerSpec(name="main", image=image),),
        network=Network("awsvpc", interface),
        instance=InstanceRoom(instance, 1024, 1024) if instance else None,
    )


def course(model: LaunchModel, spec: UnitSpec, quotas: Quotas, provider: str = "", at_s: float = 0) -> Course:
    return model.course(spec, quotas, provider, NOW + round(at_s * SECOND))


def seconds_of(found: Course) -> tuple[float, float, float, float]:
    return tuple(part / SECOND for part in (found.provision, found.pull, found.start, found.stop))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (unit(), (15, 4, 0.5, 3)),  # pull: 1 s and 100 MB at 50 MB/s, unpacked at 100
        (unit(public=True), (17, 4, 0.5, 3)),
        (unit(image="big"), (15, 31, 0.5, 3)),
        (unit(instance="i-1"), (6, 4, 0.5, 3)),
    ],
)
def test_parts_without_spread(spec: UnitSpec, expected: tuple[float, ...]) -> None:
    quotas = Quotas(Profile("test", models=RATES, delays=DELAYS))
    model = LaunchModel(1, {"big": Image(1_000_000_000)})
    assert seconds_of(course(model, spec, quotas)) == expected


def test_a_profile_without_delays_has_none() -> None:
    assert seconds_of(course(LaunchModel(1), unit(), Quotas(Profile("local")))) == (0, 0, 0, 0)


def test_instances_keep_images_and_fargate_does_not() -> None:
    quotas, model = Quotas(Profile("test", models=RATES, delays=DELAYS)), LaunchModel(1)
    pulls = [course(model, unit(n, instance=i), quotas).pull for n, i in enumerate(("i-1", "i-1", "i-2"))]
    assert pulls == [4 * SECOND, 0, 4 * SECOND]
    assert course(model, unit(8), quotas).pull == course(model, unit(9), quotas).pull == 4 * SECOND


def test_spot_hands_out_what_it_has_and_then_what_comes() -> None:
    supply = {"fargate.spot.supply_at_once": 3.0, "fargate.spot.supply_per_s": 0.5}
    quotas, model = Quotas(Profile("test", models=supply)), LaunchModel(1)
    waits = [course(model, unit(n), quotas, "FARGATE_SPOT").provision / SECOND for n in range(5)]
    assert waits == [0, 0, 0, 2, 4]
    assert course(model, unit(6), quotas, "FARGATE").provision == 0
    assert course(model, unit(7), quotas, "FARGATE_SPOT", at_s=60).provision == 0


def test_starts_on_one_machine_wait_for_each_other() -> None:
    """An agent is busy for 2 s with each: the second, asked for 1 s later, waits for the first."""
    quotas, model = Quotas(Profile("test", models={"node.launch_s": 2.0})), LaunchModel(1)
    starts = [course(model, unit(n, instance="i-1"), quotas, at_s=n).start / SECOND for n in range(3)]
    assert starts == [2, 3, 4]
    assert course(model, unit(4, instance="i-2"), quotas, at_s=3).start == 2 * SECOND
    assert course(model, unit(5, instance="i-1"), quotas, at_s=60).start == 2 * SECOND


def test_draws_are_lognormal_and_belong_to_the_unit() -> None:
    profile = Profile("test", delays=DELAYS, sigmas={"task.provision": 0.2})
    quotas = Quotas(profile)
    took = [course(LaunchModel(1), unit(n), quotas).provision / SECOND for n in range(2_000)]
    again = [course(LaunchModel(1), unit(n), quotas).provision / SECOND for n in reversed(range(2_000))]
    assert took == again[::-1]  # in whatever order
    assert median(took) == pytest.approx(15, rel=0.02)
    assert quantiles(took, n=20)[-1] == pytest.approx(15 * 1.39, rel=0.04)  # e^(0.2 · 1.645)
    other = course(LaunchModel(2), unit(1), quotas).provision / SECOND
    assert other != took[1]


def test_what_is_said_of_an_image_becomes_its_course() -> None:
    images = {"bad": Image(fails="CannotPullContainerError"), "job": Image(run=SECOND, exit_code=3)}
    quotas, model = Quotas(Profile("test")), LaunchModel(1, images)
    assert model.fails(unit(image="bad")) == "CannotPullContainerError" and not model.fails(unit(image="web"))
    job = course(model, unit(image="job"), quotas)
    assert (job.run, job.exit_code) == (SECOND, 3)
    assert course(model, unit(image="web"), quotas).run is None
