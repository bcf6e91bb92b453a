"""Event buses and the permissions on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.events import describe, tagging
from windlass.services.events.event import read_json
from windlass.services.events.find import bus, bus_key, invalid, listing, not_found
from windlass.services.events.limits import BUSES_MAX, POLICY_BYTES_MAX
from windlass.services.events.model import BUSES, DEFAULT_BUS, RULES, EventBus

_SETTINGS = ("Description", "DeadLetterConfig", "LogConfig")


def create_event_bus(call: Call, params: Params) -> Result:
    """Events CreateEventBus. Partner event sources and KMS keys are refused."""
    name = params["Name"]
    if "EventSourceName" in params or "/" in name:
        raise invalid("Windlass has no partner event buses: leave out EventSourceName, and / in the name.")
    _refuse_key(params)
    tags = tagging.merged({}, params.get("Tags", ()))
    row = EventBus(*call.scope, name, call.now, call.now, settings=_settings(params), tags=tags)
    with call.store.transact() as tx:
        if name == DEFAULT_BUS or tx[BUSES].get(row.key) is not None:
            raise Fault("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
        if tx[BUSES].count("scope", call.scope) >= BUSES_MAX:
            raise Fault(
                "LimitExceededException", "The requested resource exceeds the maximum number allowed."
            )
        tx[BUSES].put(row)
    return {"EventBusArn": row.arn} | row.settings


def update_event_bus(call: Call, params: Params) -> Result:
    """Events UpdateEventBus: the settings given replace those there were."""
    _refuse_key(params)
    with call.store.transact() as tx:
        row = bus(tx, bus_key(call, params.get("Name")))
        settings = row.settings | _settings(params)
        row = tx[BUSES].put(
            replace(row, settings=settings, created_at=row.created_at or call.now, modified_at=call.now)
        )
    return {"Arn": row.arn, "Name": row.name} | row.settings


def describe_event_bus(call: Call, params: Params) -> Result:
    """Events DescribeEventBus; without a name the default one."""
    return describe.bus_in_full(bus(call.store, bus_key(call, params.get("Name"))))


def list_event_buses(call: Call, params: Params) -> Result:
    """Events ListEventBuses. The default bus gets a row here if it had none, so that pages agree."""
    default = (*call.scope, DEFAULT_BUS)
    if call.store[BUSES].get(default) is None:
        with call.store.transact() as tx:
            tx[BUSES].put(bus(tx, default))
    rows, following = listing(call, params, BUSES, "scope", call.scope, operation="ListEventBuses")
    return {"EventBuses": [describe.bus(row) for row in rows]} | following


def delete_event_bus(call: Call, params: Params) -> Result:
    """Events DeleteEventBus. One that is not there is as good as deleted."""
    key = bus_key(call, params["Name"])
    if key[2] == DEFAULT_BUS:
        raise invalid("Cannot delete event bus default.")
    with call.store.transact() as tx:
        if tx[RULES].count("bus", key):
            raise invalid(f"Event bus {key[2]} can't be deleted since it has rules.")
        tx[BUSES].delete(key)
    return {}


def put_permission(call: Call, params: Params) -> Result:
    """Events PutPermission: one statement, or the whole policy. Stored; calls are not checked against it."""
    with call.store.transact() as tx:
        row = bus(tx, bus_key(call, params.get("EventBusName")))
        if "Policy" in params:
            statements = _statements(params["Policy"])
        else:
            added = _statement(row, params)
            statements = (*(one for one in row.statements if one.get("Sid") != added["Sid"]), added)
        row = replace(row, statements=statements)
        if len(describe.policy(row).encode()) > POLICY_BYTES_MAX:
            raise Fault("PolicyLengthExceededException", "The policy is longer than 10 KB.")
        tx[BUSES].put(row)
    return {}


def remove_permission(call: Call, params: Params) -> Result:
    """Events RemovePermission: one statement or all of them."""
    with call.store.transact() as tx:
        row = bus(tx, bus_key(call, params.get("EventBusName")))
        sid = params.get("StatementId")
        if params.get("RemoveAllPermissions"):
            kept: tuple[dict[str, Any], ...] = ()
        elif sid is None:
            raise invalid("Parameter StatementId is not valid. Reason: it is a required argument.")
        else:
            kept = tuple(one for one in row.statements if one.get("Sid") != sid)
            if len(kept) == len(row.statements):
                raise not_found("Statement with the provided id does not exist.")
        tx[BUSES].put(replace(row, statements=kept))
    return {}


def _settings(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in _SETTINGS if name in params}


def _refuse_key(params: Params) -> None:
    if params.get("KmsKeyIdentifier"):
        raise invalid("Windlass does not encrypt event buses: leave out KmsKeyIdentifier.")


def _statement(row: EventBus, params: Params) -> dict[str, Any]:
    for name in ("Action", "Principal", "StatementId"):
        if name not in params:
            raise invalid(f"Parameter {name} is not valid. Reason: {name} is a required argument.")
    if params["Action"] != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    everyone = params["Principal"] == "*"
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if everyone else {"AWS": f"arn:aws:iam::{params['Principal']}:root"},
        "Action": params["Action"],
        "Resource": row.arn,
    }
    if condition := params.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _statements(text: str) -> tuple[dict[str, Any], ...]:
    try:
        found = read_json(text)["Statement"]
    except (ValueError, TypeError, KeyError):
        raise invalid("This policy contains invalid Json") from None
    statements = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in statements):
        raise invalid("This policy contains invalid Json")
    return tuple(statements)
