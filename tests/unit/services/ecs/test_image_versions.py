"""Images by digest: what the first task of a revision pulled, all others run."""

from __future__ import annotations

from tests.build import NOW
from tests.ecs_build import a_task
from windlass.kernel.rows import replace
from windlass.services.ecs.image_versions import learned, pinned
from windlass.services.ecs.service_model import ServiceRevision

REVISION = ServiceRevision("1", "1", "r", "main", "web", "s", NOW, "arn:definition")
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_the_first_task_decides() -> None:
    """Digests are learned once; a task that has none teaches nothing."""
    task = a_task(containers=("app", "side"))
    assert learned(REVISION, task) == REVISION
    app, side = task.containers
    first = learned(REVISION, replace(task, containers=(replace(app, image_digest=ONE), side)))
    assert first.digests == (("app", ONE),)
    later = replace(task, containers=(replace(app, image_digest=TWO), replace(side, image_digest=TWO)))
    assert learned(first, later) == first


def test_images_are_named_by_what_was_learned() -> None:
    """Those that are not known, that are pinned already, or that want the tag, stay as they are."""
    shapes = [
        {"name": "app", "image": "web:1"},
        {"name": "side", "image": "proxy:1"},
        {"name": "fixed", "image": f"base@{TWO}"},
        {"name": "loose", "image": "tools:1", "versionConsistency": "disabled"},
    ]
    digests = {"app": ONE, "fixed": ONE, "loose": ONE}
    assert [shape["image"] for shape in pinned(shapes, digests)] == [
        f"web:1@{ONE}",
        "proxy:1",
        f"base@{TWO}",
        "tools:1",
    ]
    assert pinned(shapes, {}) is shapes
