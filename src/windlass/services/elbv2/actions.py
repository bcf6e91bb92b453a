"""Actions of rules and listeners, as requests give them: checked, and completed as AWS shows them. Pure.

One of forward, redirect and fixed-response; authenticate-oidc, authenticate-cognito and jwt-validation are
refused. Source: API reference, Action; ELB User Guide, load-balancer-listeners.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from windlass.services.elbv2.limits import GROUPS_PER_ACTION_MAX, STICKY_S_MAX, WEIGHT_MAX
from windlass.services.elbv2.model import Document
from windlass.services.elbv2.refusals import bad_action, invalid, unsupported

REDIRECT_FIRST: Mapping[str, str] = {
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
_OTHERS = ("authenticate-oidc", "authenticate-cognito", "jwt-validation")
_CONFIG = {
    "forward": "ForwardConfig",
    "redirect": "RedirectConfig",
    "fixed-response": "FixedResponseConfig",
}
_KEYWORD = re.compile(r"#\{([^}]*)\}")
_KEYWORDS = ("protocol", "host", "port", "path", "query")


def checked(given: Sequence[Document], listener_protocol: str) -> tuple[Document, ...]:
    """The actions completed. Raises Fault."""
    if not given:
        raise invalid("At least one action must be specified")
    refused = next((one["Type"] for one in given if one["Type"] in _OTHERS), None)
    if refused is not None:
        raise unsupported(f"the action type '{refused}'")
    if len(given) > 1:
        raise bad_action("Exactly one of the actions must be a forward, fixed-response or redirect action")
    action = given[0]
    config = action.get(_CONFIG[action["Type"]])
    order = {"Order": action["Order"]} if "Order" in action else {}
    if action["Type"] == "forward":
        return ({"Type": "forward", **_forward(action, config), **order},)
    if config is None:
        raise invalid(f"A '{action['Type']}' action requires {_CONFIG[action['Type']]}")
    if action["Type"] == "redirect":
        return ({"Type": "redirect", "RedirectConfig": _redirect(config, listener_protocol), **order},)
    return ({"Type": "fixed-response", "FixedResponseConfig": _fixed(config), **order},)


def groups(actions: Iterable[Document]) -> list[str]:
    """ARNs of the target groups that these actions forward to, each once."""
    found = (one["TargetGroupArn"] for action in actions for one in _tuples(action))
    return list(dict.fromkeys(found))


def shares(actions: Iterable[Document]) -> tuple[tuple[str, int], ...]:
    """(target group, weight) of what they forward to."""
    return tuple((one["TargetGroupArn"], one["Weight"]) for action in actions for one in _tuples(action))


def forwarding(actions: Sequence[Document], wanted: Sequence[tuple[str, int]]) -> tuple[Document, ...] | None:
    """The actions with other target groups in the forward action; None if there is none.

    Its stickiness stays. Raises Fault for weights that no action may have.
    """
    if len(actions) != 1 or actions[0]["Type"] != "forward":
        return None
    tuples = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in wanted]
    config = {**actions[0]["ForwardConfig"], "TargetGroups": tuples}
    order = {"Order": actions[0]["Order"]} if "Order" in actions[0] else {}
    return checked(({"Type": "forward", "ForwardConfig": config, **order},), "HTTP")


def _tuples(action: Document) -> Sequence[Document]:
    config: Document = action.get("ForwardConfig", {})
    found: Sequence[Document] = config.get("TargetGroups", ())
    return found


def _forward(action: Document, config: Document | None) -> dict[str, Any]:
    single = action.get("TargetGroupArn")
    if config is None and single is None:
        raise invalid("A 'forward' action requires a target group")
    given: Sequence[Document] = (config or {}).get("TargetGroups") or [{"TargetGroupArn": single}]
    arns = [one.get("TargetGroupArn") for one in given]
    if None in arns:
        raise invalid("A 'forward' action requires a target group")
    if len(arns) > GROUPS_PER_ACTION_MAX:
        raise bad_action(f"A 'forward' action can have at most {GROUPS_PER_ACTION_MAX} target groups")
    if len(set(arns)) != len(arns):
        raise bad_action("A target group can only be listed once in a 'forward' action")
    if single is not None and (len(arns) > 1 or arns[0] != single):
        raise bad_action(
            "If you specify both ForwardConfig and TargetGroupArn, ForwardConfig must name that target "
            "group only"
        )
    tuples = [{"TargetGroupArn": one["TargetGroupArn"], "Weight": one.get("Weight", 1)} for one in given]
    if any(not 0 <= one["Weight"] <= WEIGHT_MAX for one in tuples):
        raise invalid(f"The weight of a target group must be between 0 and {WEIGHT_MAX}")
    stickiness = _stickiness((config or {}).get("TargetGroupStickinessConfig") or {})
    shown = {"ForwardConfig": {"TargetGroups": tuples, "TargetGroupStickinessConfig": stickiness}}
    return shown | ({"TargetGroupArn": arns[0]} if len(arns) == 1 else {})


def _stickiness(given: Document) -> dict[str, Any]:
    if not given.get("Enabled", False):
        return {"Enabled": False}
    seconds = given.get("DurationSeconds")
    if seconds is None or not 1 <= seconds <= STICKY_S_MAX:
        raise invalid(f"Target group stickiness duration must be between 1 and {STICKY_S_MAX} seconds")
    return {"Enabled": True, "DurationSeconds": seconds}


def _redirect(config: Document, listener_protocol: str) -> dict[str, str]:
    shown = {**REDIRECT_FIRST, **{name: str(text) for name, text in config.items() if text is not None}}
    for name, text in shown.items():
        unknown = [word for word in _KEYWORD.findall(text) if word not in _KEYWORDS]
        if unknown:
            raise bad_action(f"Redirect {name} has the unknown keyword '#{{{unknown[0]}}}'")
    port = shown["Port"]
    if port != "#{port}" and not (re.fullmatch(r"\d{1,5}", port, re.ASCII) and 1 <= int(port) <= 65_535):
        raise invalid(f"Redirect port '{port}' must be between 1 and 65535, or '#{{port}}'")
    if not shown["Path"].startswith("/"):
        raise invalid("Redirect path must start with '/'")
    if shown["Protocol"] == "HTTP" and listener_protocol == "HTTPS":
        raise bad_action("You cannot redirect HTTPS to HTTP")
    if all(shown[name] == first for name, first in REDIRECT_FIRST.items() if name != "Query"):
        raise bad_action(
            "The redirect would loop: at least one of protocol, port, host or path must be changed"
        )
    return shown


def _fixed(config: Document) -> dict[str, str]:
    shown = {name: str(text) for name, text in config.items() if text is not None}
    kind = shown.get("ContentType", "")
    if kind and kind not in CONTENT_TYPES:
        raise invalid(f"Fixed response content type must be one of '{', '.join(CONTENT_TYPES)}'")
    return shown
