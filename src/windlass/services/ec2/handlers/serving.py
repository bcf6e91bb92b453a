"""What every operation of EC2 does first: look for what must be there, stop a dry run, begin the account."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from windlass.aws.calls import Call, Handler, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, tagging
from windlass.services.ec2.model import TAGS, Scope, Tag, tags_of


def served(handler: Handler, *required: str) -> Handler:
    """The handler behind EC2's own first checks. `required` are parameters that the call must have.

    A dry run ends here: whether the caller is allowed to is all that AWS checks then, and here all are.
    """

    def serve(call: Call, params: Params) -> Result | Awaitable[Result | None] | None:
        for name in required:
            if params.get(name) in (None, "", []):
                raise Fault("MissingParameter", f"The request must contain the parameter {name}")
        if params.get("DryRun"):
            raise Fault(
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
                status=412,
            )
        defaults.begin(call.store, call.scope, call.now, call.ids)
        return handler(call, params)

    return serve


def refuse(params: Params, names: Iterable[str]) -> None:
    """Refuse members that would silently be left out."""
    for name in names:
        if params.get(name):
            raise Fault("UnsupportedOperation", f"Windlass does not have {name} yet.")


def put_tags(tx: Transaction, scope: Scope, resource_id: str, tags: dict[str, str]) -> None:
    """Write tags of a resource; those that are there already get the new value."""
    tagging.limited({**tags_of(tx, resource_id), **tags})
    for key, value in tags.items():
        tx[TAGS].put(Tag(*scope, resource_id, key, value))


def forget_tags(tx: Transaction, resource_id: str) -> None:
    """The resource is gone, and its tags with it."""
    for key in tags_of(tx, resource_id):
        tx[TAGS].delete((resource_id, key))
