"""Conditions and transforms of rules, as requests give them: checked, and completed as AWS shows them. Pure.

Source: API reference, RuleCondition and RuleTransform; ELB User Guide, rule-condition-types. Old clients give
host names and paths in `Values`; both forms are shown then, as AWS does. Regular expressions run in RE2's
grammar (kernel/linear_regex.py): what that does not take is refused, which AWS may not.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from windlass.kernel.faults import Fault
from windlass.kernel.linear_regex import BadRegex, searcher
from windlass.services.elbv2.limits import (
    CONDITION_VALUES_MAX,
    HEADER_NAME_CHARS_MAX,
    METHOD_CHARS_MAX,
    REGEXES_MAX,
    TRANSFORM_CHARS_MAX,
    VALUE_CHARS_MAX,
    WILDCARDS_MAX,
)
from windlass.services.elbv2.model import Document
from windlass.services.elbv2.refusals import invalid

CONFIG = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
_ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")
"""At most one condition of each of these (ELB User Guide)."""
_SHORT = ("host-header", "path-pattern")
"""Fields whose values may stand in `Values`."""
_HOST = re.compile(r"[A-Za-z0-9.\-*?_]+", re.ASCII)
_PATH = re.compile(r"""[A-Za-z0-9_\-.$/~"'@:+&*?%=!,;()\[\]]+""", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_METHOD = re.compile(r"[A-Z\-_]+", re.ASCII)
_TRANSFORMS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}


def checked(given: Sequence[Document]) -> tuple[Document, ...]:
    """The conditions of a rule, completed. Raises Fault."""
    if not given:
        raise invalid("A rule must have at least one condition")
    shown = [_condition(one) for one in given]
    fields = Counter(one["Field"] for one in shown)
    twice = next((field for field in _ONCE if fields[field] > 1), None)
    if twice is not None:
        raise invalid(f"A rule can only have one '{twice}' condition")
    values = [text for one in shown for text in _texts(one)]
    regexes = [text for one in shown for text in _regexes(one)]
    if len(values) > CONDITION_VALUES_MAX:
        raise invalid(f"A rule can only have '{CONDITION_VALUES_MAX}' condition values")
    if len(regexes) > REGEXES_MAX:
        raise invalid(f"A rule can only have '{REGEXES_MAX}' regular expressions")
    wildcards = sum(text.count("*") + text.count("?") for text in values)
    if wildcards > WILDCARDS_MAX:
        raise invalid(f"A rule can only have '{WILDCARDS_MAX}' condition wildcards")
    return tuple(shown)


def transforms(given: Iterable[Document]) -> tuple[Document, ...]:
    """The transforms of a rule, at most one of each type. Raises Fault."""
    shown: list[Document] = []
    for one in given:
        name = _TRANSFORMS[one["Type"]]
        rewrites = (one.get(name) or {}).get("Rewrites") or ()
        if len(rewrites) != 1:
            raise invalid(f"A '{one['Type']}' transform requires exactly one rewrite")
        for rewrite in rewrites:
            if max(len(rewrite["Regex"]), len(rewrite["Replace"])) > TRANSFORM_CHARS_MAX:
                raise invalid(f"A rewrite can have at most {TRANSFORM_CHARS_MAX} characters")
            _regex(rewrite["Regex"])
        if any(known["Type"] == one["Type"] for known in shown):
            raise invalid(f"A rule can only have one '{one['Type']}' transform")
        shown.append({"Type": one["Type"], name: {"Rewrites": [dict(rewrite) for rewrite in rewrites]}})
    return tuple(shown)


def _condition(given: Document) -> dict[str, Any]:
    field = given.get("Field", "")
    name = CONFIG.get(field)
    if name is None:
        raise invalid(f"Condition field '{field}' must be one of '[{', '.join(CONFIG)}]'")
    config, values = given.get(name), given.get("Values")
    others = [other for other in CONFIG.values() if other != name and given.get(other) is not None]
    if others:
        raise invalid(f"You cannot specify '{others[0]}' with the condition field '{field}'")
    if config is not None and values:
        raise invalid(f"You cannot specify both Values and {name}")
    if values and field not in _SHORT:
        raise invalid(f"Values can only be specified with the fields '{', '.join(_SHORT)}'")
    if config is None:
        config = {"Values": list(values or ())}
        if given.get("RegexValues"):
            config = {"RegexValues": list(given["RegexValues"])}
    shown = {"Field": field, name: _configured(field, config)}
    if field in _SHORT and shown[name].get("Values"):
        shown["Values"] = list(shown[name]["Values"])
    return shown


def _configured(field: str, config: Document) -> dict[str, Any]:
    if field == "query-string":
        pairs = [dict(pair) for pair in config.get("Values") or ()]
        if not pairs:
            raise _empty(field)
        for pair in pairs:
            if not pair.get("Value"):
                raise invalid("Condition values of 'query-string' must have a value")
            _sized(field, pair.get("Key", ""), pair["Value"])
        return {"Values": pairs}
    values, regexes = list(config.get("Values") or ()), list(config.get("RegexValues") or ())
    if bool(values) == bool(regexes):
        if not values:
            raise _empty(field)
        raise invalid(f"A '{field}' condition takes either values or regular expressions")
    if regexes and field in ("http-request-method", "source-ip"):
        raise invalid(f"A '{field}' condition takes no regular expressions")
    _sized(field, *values, *regexes)
    for text in regexes:
        _regex(text)
    for text in values:
        _valued(field, text)
    shown: dict[str, Any] = {"Values": values} if values else {"RegexValues": regexes}
    if field == "http-header":
        header = config.get("HttpHeaderName", "")
        if not _TOKEN.fullmatch(header) or len(header) > HEADER_NAME_CHARS_MAX or header.lower() == "host":
            raise invalid(f"The HTTP header name '{header}' is not valid")
        shown = {"HttpHeaderName": header, **shown}
    return shown


def _valued(field: str, text: str) -> None:
    right = True
    match field:
        case "host-header":
            right = _HOST.fullmatch(text) is not None and "." in text
            right = right and re.fullmatch(r"[A-Za-z*?]+", text.rpartition(".")[2], re.ASCII) is not None
        case "path-pattern":
            right = _PATH.fullmatch(text) is not None and text[0] in "/*?"
        case "http-request-method":
            right = _METHOD.fullmatch(text) is not None and len(text) <= METHOD_CHARS_MAX
        case "source-ip":
            right = "/" in text and _is_network(text)
    if not right:
        raise invalid(f"Condition value '{text}' contains characters that are not valid for '{field}'")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _sized(field: str, *texts: str) -> None:
    long = next((text for text in texts if len(text) > VALUE_CHARS_MAX), None)
    if long is not None:
        raise invalid(f"Condition values of '{field}' can have at most {VALUE_CHARS_MAX} characters")


def _regex(text: str) -> None:
    try:
        searcher(text)
    except BadRegex as bad:
        raise invalid(f"The regular expression '{text}' is not valid: {bad}") from bad


def _texts(shown: Document) -> list[str]:
    values = shown[CONFIG[shown["Field"]]].get("Values", ())
    return [one if isinstance(one, str) else f"{one.get('Key', '')}{one['Value']}" for one in values]


def _regexes(shown: Document) -> list[str]:
    found: list[str] = shown[CONFIG[shown["Field"]]].get("RegexValues", [])
    return found


def _empty(field: str) -> Fault:
    return invalid(f"A '{field}' condition requires at least one value")
