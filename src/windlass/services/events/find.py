"""Finding the rows that a call means, with AWS's faults when they are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page, seal
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.events.limits import PAGE_ROWS_MAX
from windlass.services.events.model import BUSES, DEFAULT_BUS, RULES, BusKey, EventBus, Rule

Reader = Store | Transaction


def invalid(why: str) -> Fault:
    return Fault("ValidationException", why)


def not_found(why: str) -> Fault:
    return Fault("ResourceNotFoundException", why)


def bus_key(call: Call, name: str | None) -> BusKey:
    """The bus that a name or an ARN means; nothing means the default one."""
    if name is None or not name.startswith("arn:"):
        return (*call.scope, name or DEFAULT_BUS)
    parsed = parse(name)
    if parsed is None or not parsed.resource.startswith("event-bus/"):
        raise invalid(f"Parameter {name} is not valid. Reason: Provided Arn is not in correct format.")
    return (parsed.account, parsed.region, parsed.resource.removeprefix("event-bus/"))


def bus(reader: Reader, key: BusKey) -> EventBus:
    """The bus; the default one is always there."""
    found = reader[BUSES].get(key)
    if found is not None:
        return found
    if key[2] != DEFAULT_BUS:
        raise not_found(f"Event bus {key[2]} does not exist.")
    return EventBus(*key)


def rule(reader: Reader, key: BusKey, name: str) -> Rule:
    """The rule of that bus; the bus is looked for first."""
    on = bus(reader, key)
    return reader[RULES].require(
        (*key, name), lambda: not_found(f"Rule {name} does not exist on EventBus {on.name}.")
    )


def tagged(reader: Reader, call: Call, resource_arn: str) -> EventBus | Rule:
    """The bus or rule with that ARN."""
    parsed = parse(resource_arn)
    kind, _, name = parsed.resource.partition("/") if parsed and parsed.service == "events" else ("", "", "")
    if parsed is None or kind not in ("rule", "event-bus") or not name:
        raise invalid(
            f"Parameter {resource_arn} is not valid. Reason: Provided Arn is not in correct format."
        )
    scope = (parsed.account, parsed.region)
    if kind == "event-bus":
        return bus(reader, (*scope, name))
    on, slash, short = name.rpartition("/")
    return rule(reader, (*scope, on if slash else DEFAULT_BUS), short)


def listing(
    call: Call,
    params: Params,
    table: Any,
    index: str,
    value: tuple[str, ...],
    *,
    operation: str,
    name_of: Callable[[Any], str] = lambda row: str(row.name),
) -> tuple[list[Any], Result]:
    """One page of rows in order of name from NamePrefix on, and {"NextToken": …} or nothing."""
    prefix: str = params.get("NamePrefix", "")
    filters = [*value, {key: params[key] for key in params if key not in ("NextToken", "Limit")}]
    token: str | None = params.get("NextToken")
    if prefix and token is None:
        token = seal(operation, filters, (prefix,))
    rows, token = page(
        call.store[table],
        index,
        value,
        operation=operation,
        filters=filters,
        token=token,
        limit=params.get("Limit", PAGE_ROWS_MAX),
        fault=lambda: invalid("Invalid NextToken"),
    )
    shown = [row for row in rows if name_of(row).startswith(prefix)]
    if len(shown) < len(rows):
        token = None
    return shown, {} if token is None else {"NextToken": token}
