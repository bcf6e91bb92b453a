"""Automatic deployments: a branch whose head moved is deployed, as a push is on AWS.

Every git repository of a running service with AutoDeploymentsEnabled is asked for its branch once a period. A
commit is deployed once, whether that succeeds or not. Known gap: images are not looked at.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from windlass.aws.calls import Principal
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.services.apprunner import settings
from windlass.services.apprunner.builds import checkout, repository
from windlass.services.apprunner.builds.recipe import Unfit
from windlass.services.apprunner.model import DEPLOYMENTS, OWNER, SERVICES, Service
from windlass.services.plane import Plane

PRINCIPAL = "apprunner.amazonaws.com"


class Polling:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._home = None if plane.blobs is None else (plane.blobs / f"{OWNER}-git").absolute()
        self._period = settings.delay(plane.quotas, settings.DELAY_POLL, settings.POLL)
        self._tried: dict[str, str] = {}
        """By service: the commit that was deployed last from here."""
        self.loop = Loop("apprunner.sources", plane.clock, plane.journal, self._pass, period=self._period)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for service in self._plane.store[SERVICES].by("serving", "yes"):
            if service.status == "RUNNING" and service.source.get("AutoDeploymentsEnabled"):
                await self._look(service)
        return None

    async def _look(self, service: Service) -> None:
        """Deploy the branch if it is at another commit than what serves was made of."""
        deployment = self._plane.store[DEPLOYMENTS].get((service.arn, service.serving))
        served = "" if deployment is None else str(deployment.artefact.get("Commit", ""))
        if not served or self._home is None:
            return
        code = service.source["CodeRepository"]
        try:
            path = Path(repository.directory(code["RepositoryUrl"]))
            branch = repository.branch(code["SourceCodeVersion"]["Value"])
            head = await checkout.head(path, branch, self._home)
        except (Unfit, OSError) as why:
            self._plane.journal.note(OWNER, service.arn, "its branch cannot be read", str(why))
            return
        if not head or head in (served, self._tried.get(service.arn)):
            return
        self._tried[service.arn] = head
        self._plane.journal.note(OWNER, service.arn, "deploys by itself", f"its branch is at {head}")
        try:
            principal = Principal(service.account, service.region, PRINCIPAL)
            await self._plane.calls.call(
                "apprunner", "StartDeployment", {"ServiceArn": service.arn}, principal
            )
        except Fault:  # another operation began meanwhile: look again
            self._tried.pop(service.arn, None)
