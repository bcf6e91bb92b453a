"""Which images go, and what stays whatever happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.node.images.cleanup import Kept, plan
from windlass.node.images.settings import ImageSettings

HOUR = 3600 * SECOND
NOW = 100 * HOUR
SIZES = {"base": 100, "a": 10, "b": 20, "c": 30}


def an_image(
    name: str,
    used: int = 0,
    *,
    pulled: bool = True,
    in_use: bool = False,
    layers: tuple[str, ...] = ("base",),
) -> Kept:
    return Kept(name, (f"{name}:1",), layers, used * HOUR, used * HOUR, pulled, in_use)


@pytest.mark.parametrize(
    ("images", "settings", "gone"),
    [
        ([an_image("new", 100), an_image("old", 1), an_image("older", 0)], {}, ["older", "old"]),
        ([an_image("runs", 1, in_use=True), an_image("mine", 1, pulled=False)], {}, []),
        ([an_image(str(n), n) for n in range(9)], {}, list("01234")),
        ([an_image("old", 1)], {"cleanup": False}, []),
        ([an_image("a", 100, layers=("base", "a")), an_image("b", 99, layers=("base", "b"))],
         {"budget": 140, "cleanup": False}, ["b"]),
        ([an_image("a", 100, layers=("base", "a")), an_image("b", 99, layers=("base", "b"))],
         {"budget": 1, "cleanup": False}, ["b", "a"]),
        ([an_image("a", 100, layers=("base", "a"), in_use=True)], {"budget": 1}, []),
    ],
    ids=["oldest first", "kept", "five", "off", "budget", "small budget", "budget, in use"],
)  # fmt: skip
def test_what_goes(images: list[Kept], settings: dict[str, int], gone: list[str]) -> None:
    chosen = plan(images, SIZES, NOW, replace(ImageSettings(), **settings))  # type: ignore[arg-type]
    assert [removal.image.image_id for removal in chosen] == gone


def test_what_it_gives_back() -> None:
    """A layer is given back with the last image that has it."""
    images = [an_image("a", 1, layers=("base", "a")), an_image("b", 2, layers=("base", "b"))]
    assert [removal.freed for removal in plan(images, SIZES, NOW, ImageSettings())] == [10, 120]


KEPT = st.builds(
    an_image,
    st.text("xyz", min_size=1, max_size=4),
    st.integers(0, 100),
    pulled=st.booleans(),
    in_use=st.booleans(),
    layers=st.lists(st.sampled_from(sorted(SIZES)), max_size=3).map(tuple),
)


@given(st.lists(KEPT, max_size=8, unique_by=lambda one: one.image_id), st.integers(0, 200), st.integers(1, 3))
def test_what_stays(images: list[Kept], budget: int, count: int) -> None:
    """Used and imported images stay; more than the count goes over the budget only; then nothing is left."""
    settings = replace(ImageSettings(), budget=budget, deletes_per_cycle=count)
    removals = plan(images, SIZES, NOW, settings)
    assert all(removal.image.pulled and not removal.image.in_use for removal in removals)
    assert sum(removal.why == "unused" for removal in removals) <= count
    gone = {removal.image.image_id for removal in removals}
    left = [image for image in images if image.image_id not in gone]
    held = {diff_id for image in images for diff_id in image.layers}
    still = {diff_id for image in left for diff_id in image.layers}
    assert sum(removal.freed for removal in removals) == sum(SIZES[one] for one in held - still)
    after = {diff_id: size for diff_id, size in SIZES.items() if diff_id in still}
    assert all(removal.why == "unused" for removal in plan(left, after, NOW, settings))
