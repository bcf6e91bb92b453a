"""Resource-based policies as they are kept: (statement id, statement as JSON), in the order they were added.

Pure. Functions, versions, aliases and layer versions have one each; docs/aws/lambda.md, "Limits".
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import POLICY_BYTES_MAX

Policy: TypeAlias = tuple[tuple[str, str], ...]


def appended(policy: Policy, sid: str, statement: dict[str, Any]) -> tuple[Policy, str]:
    """The policy with one statement more, and that statement as JSON text.

    Faults: the statement id is taken, the policy would be too long.
    """
    if any(sid == known for known, _ in policy):
        raise Fault(
            "ResourceConflictException",
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or "
            "remove the existing statement.",
        )
    text = json.dumps(statement, separators=(",", ":"))
    longer = (*policy, (sid, text))
    size = len(policy_text(longer).encode())
    if size > POLICY_BYTES_MAX:
        raise Fault(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit ({POLICY_BYTES_MAX}).",
        )
    return longer, text


def without(policy: Policy, sid: str) -> Policy:
    """The policy less that statement, or the fault that there is none."""
    left = tuple(entry for entry in policy if entry[0] != sid)
    if len(left) == len(policy):
        raise Fault("ResourceNotFoundException", f"Statement {sid} is not found in resource policy.")
    return left


def policy_text(policy: Policy) -> str:
    """The whole document."""
    statements = ",".join(statement for _, statement in policy)
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'
