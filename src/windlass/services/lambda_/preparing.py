"""Has nodes get ready for functions as soon as they are created or updated.

The image of a function is fetched, and its tag resolved, before the function goes on from Pending: `needs` is
asked by the controller, and `Image.resolved` of functions and versions is written here. Packages are unpacked
ahead, which nobody waits for; what will run them in the place of what was asked for is told in the journal.
Asked again when the session with a node breaks. Known gap: with several nodes, only one fetches an image
ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

from windlass.fleet.function_messages import Package, Prepare, Prepared
from windlass.fleet.model import NODES
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.ids import Ids
from windlass.kernel.store import Change
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.find import put_row
from windlass.services.lambda_.images import resolved
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Image, Settings, Version
from windlass.services.lambda_.transitions import Readiness, Ready, Reason, Unable, Wait
from windlass.services.plane import Plane

AGAIN: Duration = SECOND
"""How soon a node is asked again after its session broke, or when there was none."""
INVALID_IMAGE = "InvalidImage"
"""StateReasonCode; Lambda API. Which of its codes AWS gives for which image is unverified."""


class Preparing:
    """What nodes are getting ready for. `look` has the controller look at a row again."""

    def __init__(self, plane: Plane, code: CodeStore, look: Callable[[Function | Version], None]) -> None:
        self._plane = plane
        self._code = code
        self._look = look
        self._ids = Ids(plane.chance.stream("lambda.prepare"))
        self._fetching: set[Hashable] = set()
        self._failed: dict[Hashable, str] = {}
        self._prepared: dict[str, Hashable] = {}
        """Function's uid → what nodes were last told of it."""
        plane.store.watch((FUNCTIONS,), self._on_function)

    def needs(self, row: Function | Version, now: Instant) -> Readiness:
        """Whether the row's image is there; see controller.Needs. Nothing else is waited for."""
        image = row.shown.image
        if image is None:
            if isinstance(row, Function):
                self._prepare_packages(row)
            return Ready()
        if image.resolved:
            return Ready()
        key = (row.key, image.uri)
        why = self._failed.pop(key, None)
        if why is not None:
            return Unable(Reason(INVALID_IMAGE, why))
        if key not in self._fetching:
            self._fetching.add(key)
            self._plane.spawn.start(f"fetch {image.uri}", self._fetch(row, image, key))
        return Wait(None)

    # packages

    def _prepare_packages(self, function: Function) -> None:
        """Once for each code, layers and runtime that it has."""
        settings = function.wanted
        layers = tuple(layer.code_sha256 for layer in settings.layers)
        told = (settings.code_sha256, layers, settings.runtime)
        if self._prepared.get(function.uid) != told:
            self._prepared[function.uid] = told
            self._plane.spawn.start(f"prepare {function.name}", self._unpack(function, settings))

    async def _unpack(self, function: Function, settings: Settings) -> None:
        contents = (settings.code_sha256, *(layer.code_sha256 for layer in settings.layers))
        packages = tuple(Package(sha256, self._code.file(sha256)) for sha256 in contents)
        for node_id in self._nodes():
            question = Prepare(self._ids.uuid(), runtime=settings.runtime, packages=packages)
            try:
                answer = await self._plane.links.prepare(node_id, question)
            except Retry:  # its first environment will do the same
                continue
            if answer.notice:
                self._plane.journal.note("lambda", function.arn, "another runtime", answer.notice)

    def _on_function(self, change: Change) -> None:
        old: Function | None = change.old
        if change.new is None and old is not None:
            self._prepared.pop(old.uid, None)

    # images

    async def _fetch(self, row: Function | Version, image: Image, key: Hashable) -> None:
        answer = await self._fetched(image.uri)
        self._fetching.discard(key)
        if answer.error:
            self._failed[key] = answer.error
        else:
            self._note(row, image, answer.digest)
        self._look(row)

    async def _fetched(self, uri: str) -> Prepared:
        """The answer of the first node that gives one."""
        while True:
            for node_id in self._nodes():
                try:
                    return await self._plane.links.prepare(node_id, Prepare(self._ids.uuid(), image=uri))
                except Retry:
                    continue
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

    def _nodes(self) -> list[str]:
        """Those that run functions and have a session."""
        nodes = self._plane.store[NODES].all()
        return sorted(node.id for node in nodes if node.unbounded and node.connected)
