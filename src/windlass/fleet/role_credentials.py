"""Temporary credentials of a unit's role, for the node that it runs on.

An agent asks for them when its task does (docs/decisions/0012). Each answer is a new key of six hours, as
AWS's are; the keys of a task or job end with it, which is its owner's to see to (`end`). Who a unit acts as,
and which keys it was given, its owner keeps (`Holder`). Known gap: whether the role exists, and whether the
service may assume it, is not looked at, as policies are not enforced anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from windlass.aws import credentials
from windlass.aws.arn import arn, parse
from windlass.aws.credentials import CREDENTIALS
from windlass.fleet.messages import Credentials
from windlass.fleet.model import UNITS, Unit
from windlass.kernel.chance import Chance
from windlass.kernel.clock import HOUR, Clock, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store, Transaction

GOOD_FOR: Duration = 6 * HOUR
"""How long task credentials live; ECS Developer Guide, task IAM role."""


@dataclass(frozen=True, slots=True)
class Acting:
    """What a unit acts as. `keys` are the access keys that it was given until now."""

    role_arn: str
    role_id: str
    """Its unique id, AROA…"""
    keys: tuple[str, ...] = ()


class Holder(Protocol):
    """Who owns units that may act as roles."""

    def acting(self, tx: Transaction, unit: Unit) -> Acting | None:
        """What the unit acts as; None when it has no role, or has stopped."""

    def keep(self, tx: Transaction, unit: Unit, keys: tuple[str, ...]) -> None:
        """Remember its keys, to `end` them with it."""


class RoleCredentials:
    """Answers `CredentialsWanted`; one per plane, which app.py hands to the links."""

    def __init__(self, store: Store, clock: Clock, chance: Chance) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._ids = Ids(chance.stream("fleet.credentials"))
        self._holders: dict[str, Holder] = {}

    def serve(self, owner: str, holder: Holder) -> None:
        """Have questions about that owner's units answered there."""
        self._holders[owner] = holder

    def issue(self, node_id: str, unit_id: str) -> Credentials:
        """New credentials for a unit that runs on that node; `why` says why there are none.

        Writes rows; the answer must not leave before they are durable. Raises Retry when they cannot be.
        """
        with self._store.transact() as tx:
            unit = tx[UNITS].get(unit_id)
            holder = None if unit is None else self._holders.get(unit.owner)
            if unit is None or holder is None or unit.node_id != node_id:
                return Credentials(unit_id, why="no such task runs on this node")
            acting = holder.acting(tx, unit)
            if acting is None:
                return Credentials(unit_id, why="the task has no role, or has stopped")
            now = self._clock.now()
            account = _account(acting, unit)
            row = credentials.issue(
                tx,
                self._ids,
                self._chance,
                account=account,
                arn=arn("sts", "", account, f"assumed-role/{_role_name(acting)}/{unit.id}"),
                user_id=f"{acting.role_id}:{unit.id}",
                now=now,
                expires_at=now + GOOD_FOR,
            )
            holder.keep(tx, unit, (*_alive(tx, acting.keys, now), row.access_key))
        return Credentials(
            unit_id, acting.role_arn, row.access_key, row.secret, row.session_token, now + GOOD_FOR
        )


def end(tx: Transaction, keys: Iterable[str]) -> None:
    """The unit that had these keys is gone: they are good for nothing any more."""
    for key in keys:
        tx[CREDENTIALS].delete(key)


def role_id(role_arn: str) -> str:
    """A unique id for a role that IAM does not know: always the same for an ARN, as AWS's are.

    >>> role_id("arn:aws:iam::123456789012:role/r")
    'AROA5XEPMLX6H54QAXWZU'
    """
    digest = hashlib.sha256(role_arn.encode()).digest()
    return f"AROA{base64.b32encode(digest).decode()[:17]}"


def _account(acting: Acting, unit: Unit) -> str:
    read = parse(acting.role_arn)
    return unit.account if read is None else read.account


def _role_name(acting: Acting) -> str:
    return acting.role_arn.rpartition("/")[2]


def _alive(tx: Transaction, keys: Iterable[str], now: Instant) -> list[str]:
    """Those of the keys that have not expired."""
    rows = (tx[CREDENTIALS].get(key) for key in keys)
    return [row.access_key for row in rows if row is not None and (row.expires_at or 0) > now]
