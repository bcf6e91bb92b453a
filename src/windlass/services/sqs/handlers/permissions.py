"""AddPermission, RemovePermission: statements of the queue's policy. Stored and shown, not enforced."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from windlass.aws.calls import Call, Params
from windlass.services.sqs import errors
from windlass.services.sqs.handlers.addressing import key_of_url
from windlass.services.sqs.limits import (
    PERMISSION_ACTIONS_MAX,
    PERMISSION_LABEL_MAX,
    POLICY_STATEMENTS_MAX,
)
from windlass.services.sqs.model import QUEUES, Queue

_LABEL = re.compile(r"[A-Za-z0-9_-]+")
_ACTIONS = frozenset(
    [
        *("*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"),
        *("GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue"),
    ]
)
"""API AddPermission, Actions."""


def add_permission(call: Call, params: Params) -> None:
    """Add a statement under a label; the label is its Sid."""
    label, accounts, actions = params["Label"], params["AWSAccountIds"], params["Actions"]
    _check(label, accounts, actions)
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        policy = _policy(queue)
        statements = _statements(policy)
        if any(statement.get("Sid") == label for statement in statements):
            raise errors.invalid_parameter("Label", label, "Already exists.")
        if len(statements) >= POLICY_STATEMENTS_MAX:
            raise errors.over_limit(
                f"{len(statements) + 1} statements were found, "
                f"the maximum allowed is {POLICY_STATEMENTS_MAX}."
            )
        policy["Statement"] = [*statements, _statement(queue, label, accounts, actions)]
        tx[QUEUES].put(replace(queue, policy=_json(policy), modified_at=call.now))


def remove_permission(call: Call, params: Params) -> None:
    """Take the statement with that label away; the last one takes the policy with it."""
    label = params["Label"]
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        policy = _policy(queue)
        statements = _statements(policy)
        kept = [statement for statement in statements if statement.get("Sid") != label]
        if len(kept) == len(statements):
            raise errors.invalid_parameter("Label", label, "can't find label.")
        policy["Statement"] = kept
        tx[QUEUES].put(replace(queue, policy=_json(policy) if kept else "", modified_at=call.now))


def _check(label: str, accounts: list[str], actions: list[str]) -> None:
    if not accounts:
        raise errors.missing_parameter("AWSAccountIds")
    if not actions:
        raise errors.missing_parameter("Actions")
    if len(label) > PERMISSION_LABEL_MAX or _LABEL.fullmatch(label) is None:
        raise errors.invalid_parameter(
            "Label",
            label,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        )
    if len(actions) > PERMISSION_ACTIONS_MAX:
        raise errors.over_limit(
            f"{len(actions)} Actions were found, the maximum allowed is {PERMISSION_ACTIONS_MAX}."
        )
    for action in actions:
        if action not in _ACTIONS:
            raise errors.invalid_parameter("ActionName", action, "Unknown action.")
    for account in accounts:
        if not re.fullmatch(r"\d{12}", account, re.ASCII):
            raise errors.invalid_parameter("PrincipalId", account, "Unable to verify.")


def _policy(queue: Queue) -> dict[str, Any]:
    if queue.policy:
        return dict(json.loads(queue.policy))
    return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}


def _statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement") or []
    return found if isinstance(found, list) else [found]


def _statement(queue: Queue, label: str, accounts: list[str], actions: list[str]) -> dict[str, Any]:
    return {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_list([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_list([f"SQS:{action}" for action in actions]),
        "Resource": queue.arn,
    }


def _one_or_list(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _json(policy: dict[str, Any]) -> str:
    return json.dumps(policy, separators=(",", ":"))
