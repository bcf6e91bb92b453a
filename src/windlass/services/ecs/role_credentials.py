"""Temporary credentials of a task's role, for the node that the task runs on.

An agent asks for them when its task does (docs/decisions/0012). Each answer is a new key of six hours, as
AWS's are; the keys of a task end with it. Known gap: whether the role exists, and whether ECS may assume it,
is not looked at, as policies are not enforced anywhere.
"""

from __future__ import annotations

from windlass.aws import credentials
from windlass.aws.arn import arn, parse
from windlass.aws.credentials import CREDENTIALS
from windlass.fleet.messages import Credentials
from windlass.fleet.model import UNITS
from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.model import TASKS, Task
from windlass.services.plane import Plane

GOOD_FOR: Duration = 6 * HOUR
"""How long task credentials live; ECS Developer Guide, task IAM role."""


class RoleCredentials:
    """Answers `CredentialsWanted`; a part of the plane, which app.py hands to the links."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ids = Ids(plane.chance.stream("ecs.credentials"))

    def issue(self, node_id: str, unit_id: str) -> Credentials:
        """New credentials for a task that runs on that node; `why` says why there are none.

        Writes rows; the answer must not leave before they are durable. Raises Retry when they cannot be.
        """
        with self._plane.store.transact() as tx:
            unit, task = tx[UNITS].get(unit_id), tx[TASKS].get(unit_id)
            if unit is None or task is None or unit.owner != OWNER or unit.node_id != node_id:
                return Credentials(unit_id, why="no such task runs on this node")
            if not task.role_arn or task.last_status == "STOPPED":
                return Credentials(unit_id, why="the task has no role, or has stopped")
            now = self._plane.clock.now()
            row = credentials.issue(
                tx,
                self._ids,
                self._plane.chance,
                account=_account(task),
                arn=_session_arn(task),
                user_id=f"{task.role_id}:{task.id}",
                now=now,
                expires_at=now + GOOD_FOR,
            )
            tx[TASKS].put(replace(task, access_keys=(*_alive(tx, task, now), row.access_key)))
        return Credentials(
            unit_id, task.role_arn, row.access_key, row.secret, row.session_token, now + GOOD_FOR
        )


def _account(task: Task) -> str:
    read = parse(task.role_arn)
    return task.account if read is None else read.account


def _session_arn(task: Task) -> str:
    account, role = _account(task), task.role_arn.rpartition("/")[2]
    return arn("sts", "", account, f"assumed-role/{role}/{task.id}")


def _alive(tx: Transaction, task: Task, now: Instant) -> list[str]:
    """The task's keys that have not expired."""
    rows = (tx[CREDENTIALS].get(key) for key in task.access_keys)
    return [row.access_key for row in rows if row is not None and (row.expires_at or 0) > now]
