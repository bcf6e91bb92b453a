"""Access keys of users and of root: CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey.

Without `UserName` the caller's own keys are meant. The rows are those of aws/credentials, so a new key
works with the next request.
"""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.credentials import CREDENTIALS, Credentials, access_key, root_arn
from windlass.kernel.chance import Chance
from windlass.kernel.faults import Fault
from windlass.kernel.store import View
from windlass.services.iam import describe
from windlass.services.iam.find import user_or_caller
from windlass.services.iam.limits import ACCESS_KEYS_MAX
from windlass.services.iam.listing import answer, page_of
from windlass.services.iam.model import USERS, User
from windlass.services.iam.refusals import no_such, over_quota


def create_access_key(call: Call, params: Params) -> Result:
    """IAM CreateAccessKey: the only answer that holds the secret."""
    user = user_or_caller(call.store[USERS], call, params)
    key = access_key(
        call.ids,
        call.part(Chance),
        account=call.account,
        arn=_arn(call, user),
        user_id=user.user_id if user else call.account,
        now=call.now,
    )
    with call.store.transact() as tx:
        if tx[CREDENTIALS].count("holder", key.arn) >= ACCESS_KEYS_MAX:
            raise over_quota("AccessKeysPerUser", ACCESS_KEYS_MAX)
        tx[CREDENTIALS].put(key)
    return {"AccessKey": {**describe.access_key(key, _name(user)), "SecretAccessKey": key.secret}}


def list_access_keys(call: Call, params: Params) -> Result:
    """IAM ListAccessKeys, oldest first."""
    user = user_or_caller(call.store[USERS], call, params)
    arn = _arn(call, user)
    rows, marker = page_of(call, params, call.store[CREDENTIALS].by("holder", arn), "ListAccessKeys", arn)
    return answer("AccessKeyMetadata", [describe.access_key(row, _name(user)) for row in rows], marker)


def update_access_key(call: Call, params: Params) -> None:
    """IAM UpdateAccessKey: an inactive key is refused by `--auth sigv4`."""
    if params["Status"] == "Expired":
        raise Fault("ValidationError", "Access key status can be set to Active or Inactive only.")
    user = user_or_caller(call.store[USERS], call, params)
    with call.store.transact() as tx:
        row = _key_of(tx[CREDENTIALS], _arn(call, user), params["AccessKeyId"])
        tx[CREDENTIALS].put(replace(row, active=params["Status"] == "Active"))


def delete_access_key(call: Call, params: Params) -> None:
    """IAM DeleteAccessKey."""
    user = user_or_caller(call.store[USERS], call, params)
    with call.store.transact() as tx:
        row = _key_of(tx[CREDENTIALS], _arn(call, user), params["AccessKeyId"])
        tx[CREDENTIALS].delete(row.access_key)


def _key_of(keys: View[Credentials], arn: str, key_id: str) -> Credentials:
    missing = no_such(f"The Access Key with id {key_id} cannot be found.")
    row = keys.require(key_id, missing)
    if row.arn != arn or row.temporary:
        raise missing()
    return row


def _arn(call: Call, user: User | None) -> str:
    return user.arn if user else root_arn(call.account)


def _name(user: User | None) -> str | None:
    return user.user_name if user else None
