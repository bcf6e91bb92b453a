"""Access keys and whom they stand for: rows, issuing, and the rule of `--auth open`.

Long-lived keys (root's, IAM users') and temporary ones (STS, task and execution roles) are rows of one
table, because a request names only an access key. See docs/decisions/0005.
Secrets are kept as they are: a signature can only be verified with the secret itself.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache

from windlass.aws.arn import arn
from windlass.aws.calls import Caller
from windlass.kernel.chance import Chance
from windlass.kernel.clock import DAY, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.store import Index, Store, Table, Transaction

DEFAULT_ACCOUNT = "000000000000"
"""Whose resources those are whose access key says nothing."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One access key. `session_token` is empty and `expires_at` None for long-lived ones.

    `arn` and `user_id` are what GetCallerIdentity answers. Written by IAM, STS, and whoever issues roles'
    credentials; nobody else.
    """

    access_key: str
    secret: str
    account: str
    arn: str
    user_id: str
    created_at: Instant
    session_token: str = ""
    expires_at: Instant | None = None
    active: bool = True

    @property
    def temporary(self) -> bool:
        return self.expires_at is not None


def _expiry(row: Credentials) -> str | None:
    return "temporary" if row.temporary else None


def _holder(row: Credentials) -> str | None:
    return None if row.temporary else row.arn


CREDENTIALS: Table[Credentials] = Table(
    "aws_credentials",
    Credentials,
    key=lambda row: row.access_key,
    indexes={
        "expiry": Index(of=_expiry, order=lambda row: row.expires_at),
        "holder": Index(of=_holder, order=lambda row: row.created_at),
    },
)

TABLES = (CREDENTIALS,)

UNKNOWN_KEYS_KEPT = 64
"""Access keys without a row whose caller is remembered: clients of `--auth open` use one or two."""
EXPIRED_DROPPED_MAX = 16
"""Expired rows that one issue takes away: the table stays as large as what is alive."""
EXPIRED_KEPT: Duration = DAY
"""How long an expired key is still known, so that its user learns "expired" and not "unknown"."""


def issue(
    tx: Transaction,
    ids: Ids,
    chance: Chance,
    *,
    account: str,
    arn: str,
    user_id: str,
    now: Instant,
    expires_at: Instant,
) -> Credentials:
    """Temporary credentials (ASIA…): for AssumeRole, a function's execution role, a task's role.

    `arn` is the session's: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, `user_id` `AROA…:SESSION`.
    """
    for old in tx[CREDENTIALS].upto("expiry", "temporary", now - EXPIRED_KEPT, EXPIRED_DROPPED_MAX):
        tx[CREDENTIALS].delete(old.access_key)
    row = Credentials(
        access_key=f"ASIA{ids.upper(16)}",
        secret=_secret(chance),
        account=account,
        arn=arn,
        user_id=user_id,
        created_at=now,
        session_token=base64.b64encode(chance.secret(192)).decode(),
        expires_at=expires_at,
    )
    return tx[CREDENTIALS].put(row)


def access_key(
    ids: Ids, chance: Chance, *, account: str, arn: str, user_id: str, now: Instant
) -> Credentials:
    """A new long-lived key (AKIA…) of an IAM user or of root; the caller puts it into the table."""
    return Credentials(
        access_key=f"AKIA{ids.upper(16)}",
        secret=_secret(chance),
        account=account,
        arn=arn,
        user_id=user_id,
        created_at=now,
    )


def root_arn(account: str) -> str:
    return arn("iam", "", account, "root")


def root_credentials(
    store: Store, ids: Ids, chance: Chance, now: Instant, account: str = DEFAULT_ACCOUNT
) -> Credentials:
    """The root key of `--auth sigv4`: made at the first start, the same one afterwards."""
    for row in store[CREDENTIALS].by("holder", root_arn(account)):
        if row.active:
            return row
    with store.transact() as tx:
        key = access_key(ids, chance, account=account, arn=root_arn(account), user_id=account, now=now)
        return tx[CREDENTIALS].put(key)


def caller_of(access_key: str, store: Store) -> Caller:
    """Who an unverified access key is, for `--auth open`.

    A key that we know is its row; one of twelve digits is that account's root; any other, and none, is the
    root of account 000000000000.
    """
    row = store[CREDENTIALS].get(access_key)
    return _root_of(access_key) if row is None else caller(row)


@lru_cache(maxsize=UNKNOWN_KEYS_KEPT)
def _root_of(access_key: str) -> Caller:
    named = len(access_key) == 12 and access_key.isascii() and access_key.isdigit()
    account = access_key if named else DEFAULT_ACCOUNT
    return Caller(account=account, arn=root_arn(account), user_id=account, access_key=access_key)


def caller(row: Credentials) -> Caller:
    return Caller(account=row.account, arn=row.arn, user_id=row.user_id, access_key=row.access_key)


def _secret(chance: Chance) -> str:
    """Forty characters, as AWS's secrets have."""
    return base64.b64encode(chance.secret(30)).decode()
