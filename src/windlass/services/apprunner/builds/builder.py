"""The loop that builds: fetches what waits, runs commands as units, and writes down what became of them.

Fetching is beside the loop, and in memory: a plane that was killed meanwhile begins it again. From the unit
on all is rows. Nothing is left of a build whose deployment is gone.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.transitions import ENDED
from windlass.kernel.blobs import Blobs
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.apprunner import notices, settings
from windlass.services.apprunner.builds import checkout, place, recipe, repository, runtimes
from windlass.services.apprunner.builds import unit as units
from windlass.services.apprunner.builds.model import BUILDS, BuildRow
from windlass.services.apprunner.builds.place import Place
from windlass.services.apprunner.builds.recipe import Recipe, Unfit
from windlass.services.apprunner.builds.runtimes import Wanted
from windlass.services.apprunner.ends import how
from windlass.services.apprunner.instance_model import INSTANCES
from windlass.services.apprunner.model import DEPLOYMENTS, OWNER, SERVICES, Deployment, Service
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
AGAIN: Duration = SECOND
"""How soon a node is asked again after its session broke, or when there was none."""
FAILED = "Failed to build your application source code. Reason: {why}"
TOO_LONG = "the build took longer than {seconds:.0f} s"
NOWHERE = "this plane keeps nothing on a disk, so there is nowhere to build"
NO_PROGRAM = "this machine has no program for the runtime {runtime}: install it"
NO_COMMAND = "this machine cannot say what runs {runtime}: {why}"


class Builder:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._limit = settings.delay(plane.quotas, settings.DELAY_BUILD, settings.BUILD_LIMIT)
        self._ids = Ids(plane.chance.stream("apprunner.builds"))
        self._directory = None if plane.blobs is None else (plane.blobs / OWNER).absolute()
        self._aside = Blobs(self._directory).aside
        self._fetching: set[tuple[str, str]] = set()
        self._gone: set[tuple[str, str]] = set()
        """Builds that nobody wants any more, and whose directories are still there."""
        self.loop = Loop("apprunner.builds", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((BUILDS,), self._on_build)
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)
        if self._directory is not None:
            place.sweep(self._directory, {_name(row.key) for row in plane.store[BUILDS].all()})

    def _on_build(self, change: Change) -> None:
        if change.new is None:
            self._gone.add(change.key)
        self.loop.wake(change.key)

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is not None and unit.state in ENDED:
            self.loop.wake(unit.id)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store, again = self._plane.store, []
        for row in store[BUILDS].by("open", "yes"):
            if row.state == "waiting" and row.key not in self._fetching:
                self._fetching.add(row.key)
                self._plane.spawn.start(f"build {row.deployment}", self._begin(row))
            elif row.state == "running":
                with store.transact() as tx:
                    self._look(tx, row, now)
                again.append(row.since + self._limit)
        with store.transact() as tx:
            self._forget_units(tx)
        await store.durable()
        await self._clean()
        return min((at for at in again if at > now), default=None)

    # from the source code to a unit

    async def _begin(self, row: BuildRow) -> None:
        """Everything until the commands run, or the reason why they do not."""
        try:
            made = await self._prepare(row)
        except (Unfit, ValueError) as why:  # a path that no file system takes is a ValueError
            self._write(row, None, str(why))
        except OSError as error:
            self._write(row, None, f"{error.filename or 'the disk'}: {error.strerror or error}")
        else:
            self._write(row, made)
        finally:
            self._fetching.discard(row.key)

    async def _prepare(self, row: BuildRow) -> dict[str, Any] | None:
        """What the unit and the artefact are made of; None when nobody wants it any more. Raises Unfit."""
        deployment = self._plane.store[DEPLOYMENTS].get(row.key)
        if deployment is None:
            return None
        if self._directory is None:
            raise Unfit(NOWHERE)
        code, here = deployment.source["CodeRepository"], Place(self._directory / _name(row.key))
        path = Path(repository.directory(code["RepositoryUrl"]))
        inside = repository.inside(code.get("SourceDirectory", "/"))
        branch = repository.branch(code["SourceCodeVersion"]["Value"])
        await self._aside(here.clear)
        fetched = await checkout.fetch(path, branch, here.source, here.home)
        bundle = await self._aside(lambda: here.bundle(inside))
        steps = await self._recipe(deployment, bundle)
        wanted = runtimes.wanted(steps.runtime, steps.version)
        node, found = await self._ask(wanted)
        if not found.program:
            why = found.error
            raise Unfit((NO_COMMAND if why else NO_PROGRAM).format(runtime=steps.runtime, why=why))
        await self._aside(lambda: here.link(wanted, found.program))
        said = [f"Source code is at commit {fetched.commit}." if fetched.commit else "", fetched.notice]
        return {
            "lines": [*steps.build],
            "variables": {**here.variables(wanted), **here.building(), **steps.build_variables},
            "root": str(here.root),
            "said": [*said, found.notice.removeprefix("Windlass: ") if not wanted.any_version else ""],
            "artefact": _artefact(steps, wanted, here, bundle, node, fetched.commit),
        }

    async def _recipe(self, deployment: Deployment, bundle: Path) -> Recipe:
        configured = deployment.source["CodeRepository"]["CodeConfiguration"]
        if configured["ConfigurationSource"] == "API":
            return recipe.of_values(configured["CodeConfigurationValues"])
        data = await self._aside(lambda: checkout.read_recipe(bundle))
        try:
            return recipe.of_file(data)
        except Unfit as why:
            raise Unfit(f"{recipe.FILE}: {why}") from None

    async def _ask(self, wanted: Wanted) -> tuple[str, Prepared]:
        """The node that is to build, and what it says of the runtime."""
        while True:
            nodes = self._plane.store[NODES].all()
            for node in sorted(node.id for node in nodes if node.unbounded and node.connected):
                try:
                    question = Prepare(self._ids.uuid(), runtime=wanted.asked)
                    return node, await self._plane.links.prepare(node, question)
                except Retry:
                    continue
            await self._plane.clock.sleep(AGAIN)

    def _write(self, row: BuildRow, made: dict[str, Any] | None, failure: str = "") -> None:
        """Begin the unit, unless the build was cancelled meanwhile."""
        with self._plane.store.transact() as tx:
            now, service = self._plane.clock.now(), tx[SERVICES].get(row.service)
            if tx[BUILDS].get(row.key) is None or service is None:
                return
            if made is None:
                self._fail(tx, service, row, failure, now)
                return
            notices.built(tx, service, row.deployment, now, [line for line in made["said"] if line])
            unit_id = self._ids.hex(32)
            row = replace(row, state="running", since=now, unit=unit_id, made=made["artefact"])
            if not made["lines"]:
                self._succeed(tx, service, row, now)
                return
            tx[UNITS].put(
                units.unit(
                    service,
                    row.deployment,
                    unit_id,
                    made["lines"],
                    image=row.made["Image"],
                    directory=row.made["Bundle"],
                    root=made["root"],
                    variables=made["variables"],
                    node=row.made["Node"],
                    now=now,
                )
            )
            tx[BUILDS].put(row)

    # from a unit to the artefact

    def _look(self, tx: Transaction, row: BuildRow, now: Instant) -> None:
        service, unit = tx[SERVICES].get(row.service), tx[UNITS].get(row.unit)
        if service is None:
            return
        seen = None if unit is None else unit.observed
        code = seen.containers[0].exit_code if seen is not None and seen.containers else None
        if unit is None or unit.state in ENDED:
            if code == 0:
                self._succeed(tx, service, row, now)
            else:
                self._fail(tx, service, row, how(unit), now)
            tx[UNITS].delete(row.unit)
        elif now >= row.since + self._limit:
            self._fail(tx, service, row, TOO_LONG.format(seconds=self._limit / SECOND), now)
            tx[UNITS].put(replace(unit, desired="stop"))

    def _succeed(self, tx: Transaction, service: Service, row: BuildRow, now: Instant) -> None:
        deployment = tx[DEPLOYMENTS].get(row.key)
        if deployment is not None:
            tx[DEPLOYMENTS].put(replace(deployment, artefact=row.made))
        tx[BUILDS].put(replace(row, state="succeeded", since=now, unit=""))
        notices.built(tx, service, row.deployment, now, ["Build succeeded."])

    def _fail(self, tx: Transaction, service: Service, row: BuildRow, why: str, now: Instant) -> None:
        why = FAILED.format(why=why)
        tx[BUILDS].put(replace(row, state="failed", since=now, unit="", why=why))
        notices.built(tx, service, row.deployment, now, [why])
        self._plane.journal.note(OWNER, service.arn, "the build failed", why)

    # what is over

    def _forget_units(self, tx: Transaction) -> None:
        """Units of builds that were cancelled, or took too long, once they have ended."""
        for unit in tx[UNITS].by("owner", OWNER):
            mine = unit.spec.containers[0].name == units.CONTAINER
            if mine and unit.state in ENDED and tx[BUILDS].first("unit", unit.id) is None:
                tx[UNITS].delete(unit.id)

    async def _clean(self) -> None:
        """Remove directories that no build, fetch or instance needs any more."""
        store, directory = self._plane.store, self._directory
        for key in sorted(self._gone):
            used = key in self._fetching or store[BUILDS].get(key) is not None
            if used or store[INSTANCES].count("set", key):
                continue
            self._gone.discard(key)
            if directory is not None:
                await self._aside(Place(directory / _name(key)).remove)


def _artefact(
    steps: Recipe, wanted: Wanted, here: Place, bundle: Path, node: str, commit: str
) -> dict[str, Any]:
    """`Deployment.artefact`: all that unit.py needs to run an instance."""
    return {
        "Bundle": str(bundle),
        "Node": node,
        "Image": wanted.image,
        "Command": steps.command,
        "Port": steps.port,
        "PortVariable": steps.port_variable,
        "Variables": {**here.variables(wanted), **steps.variables},
        "Secrets": dict(steps.secrets),
        "Commit": commit,
    }


def _name(key: tuple[str, str]) -> str:
    """The directory of a build: the deployment's id is a UUID, of one service."""
    return key[1]
