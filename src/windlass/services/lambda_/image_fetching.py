"""Has the images of functions fetched by a node, and their tags resolved, before the functions are Active.

Writes `Image.resolved` of functions and versions that wait; whether they go on is the controller's to decide
(`needs`). The first node that is connected is asked, and asked again when its session broke. Known gap: with
several nodes, the others fetch the image when an environment is started there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from windlass.fleet.function_messages import FetchImage
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.ids import Ids
from windlass.services.lambda_.find import put_row
from windlass.services.lambda_.images import resolved
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Image, Version
from windlass.services.lambda_.transitions import Readiness, Ready, Reason, Unable, Wait
from windlass.services.plane import Plane

AGAIN: Duration = SECOND
"""How soon a node is asked again after its session broke, or when there was none."""
INVALID_IMAGE = "InvalidImage"
"""StateReasonCode; Lambda API. Which of its codes AWS gives for which image is unverified."""


class ImageFetching:
    """Lambda's images that are on their way. `look` has the controller look at a row again."""

    def __init__(self, plane: Plane, look: Callable[[Function | Version], None]) -> None:
        self._plane = plane
        self._look = look
        self._ids = Ids(plane.chance.stream("lambda.image"))
        self._fetching: set[tuple[object, str]] = set()
        self._failed: dict[tuple[object, str], str] = {}

    def needs(self, row: Function | Version, now: Instant) -> Readiness:
        """Whether the row's image is there; see controller.Needs."""
        image = row.shown.image
        if image is None or image.resolved:
            return Ready()
        key = (row.key, image.uri)
        why = self._failed.pop(key, None)
        if why is not None:
            return Unable(Reason(INVALID_IMAGE, why))
        if key not in self._fetching:
            self._fetching.add(key)
            self._plane.spawn.start(f"fetch {image.uri}", self._fetch(row, image, key))
        return Wait(None)

    async def _fetch(self, row: Function | Version, image: Image, key: tuple[object, str]) -> None:
        try:
            digest = await self._digest(image.uri)
            self._note(row, image, digest)
        except _NotFetched as error:
            self._failed[key] = str(error)
        finally:
            self._fetching.discard(key)
        self._look(row)

    async def _digest(self, uri: str) -> str:
        while True:
            for node_id in self._plane.links.connected():
                try:
                    answer = await self._plane.links.fetch_image(node_id, FetchImage(self._ids.uuid(), uri))
                except Retry:
                    continue
                if answer.error:
                    raise _NotFetched(answer.error)
                return answer.digest
            await self._plane.clock.sleep(AGAIN)

    def _note(self, row: Function | Version, image: Image, digest: str) -> None:
        """Write it down, unless the row has another image by now, or is gone."""
        found = replace(image, resolved=resolved(image.uri, digest))
        with self._plane.store.transact() as tx:
            if isinstance(row, Function):
                function = tx[FUNCTIONS].get(row.key)
                if function is not None and function.uid == row.uid and function.wanted.image == image:
                    put_row(tx, replace(function, wanted=replace(function.wanted, image=found)))
                return
            version = tx[VERSIONS].get(row.key)
            if version is not None and version.uid == row.uid and version.settings.image == image:
                put_row(tx, replace(version, settings=replace(version.settings, image=found)))


class _NotFetched(Exception):
    """The node says why."""
