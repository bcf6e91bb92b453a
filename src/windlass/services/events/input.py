"""What a target is handed: the event, a constant, a part of the event, or a template. Pure.

Source: EventBridge User Guide, "Input transformation". Outside quotes a variable becomes JSON, inside quotes
its text. A path that the event does not have gives an empty text. Known gap: objects inside quotes keep
their (escaped) quotes, where AWS takes them out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from windlass.kernel.clock import Instant
from windlass.services.events.event import encode, iso_seconds, read_json
from windlass.services.events.limits import PATHS_MAX

_PATH = re.compile(r"\$(?:\.[\w\-]+(?:\[\d+\])*|\[\d+\]|\['[^']*'\])*")
_STEP = re.compile(r"\.([\w\-]+)|\[(\d+)\]|\['([^']*)'\]")
_VARIABLE = re.compile(r"<([^<>\s]+)>")
_PIECE = re.compile(r'(?P<escape>\\.)|(?P<quote>")|<(?P<name>[^<>\s"]+)>', re.DOTALL)
_RESERVED = (
    "aws.events.event",
    "aws.events.event.json",
    "aws.events.event.ingestion-time",
    "aws.events.rule-arn",
    "aws.events.rule-name",
)
_ONE_ONLY = "Only one of Input, InputPath, or InputTransformer must be provided for target {}."


def problem(spec: Mapping[str, Any]) -> str | None:
    """What is wrong with a target's input, in AWS's words; None when nothing is."""
    target = spec["Id"]
    if sum(name in spec for name in ("Input", "InputPath", "InputTransformer")) > 1:
        return _ONE_ONLY.format(target)
    if "Input" in spec and not _is_json(spec["Input"]):
        return f"JSON syntax error in input for target {target}."
    if "InputPath" in spec and not _PATH.fullmatch(spec["InputPath"]):
        return f"Invalid InputPath for target {target}."
    return _transformer_problem(target, spec["InputTransformer"]) if "InputTransformer" in spec else None


def payload(
    spec: Mapping[str, Any], event: Mapping[str, Any], *, rule_name: str, rule_arn: str, ingested_at: Instant
) -> str | None:
    """The text that the target gets; None for the whole event. `ingested_at` is when the bus took it."""
    if "Input" in spec:
        return str(spec["Input"])
    if "InputPath" in spec:
        found = select(event, spec["InputPath"])
        return encode(found[0]) if found else "{}"
    if "InputTransformer" not in spec:
        return None
    transformer = spec["InputTransformer"]
    values: dict[str, Any] = {
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": iso_seconds(ingested_at),
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
    }
    for name, path in transformer.get("InputPathsMap", {}).items():
        found = select(event, path)
        values[name] = found[0] if found else ""
    return fill(transformer["InputTemplate"], values)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values in the place of `<name>`; names that are not in `values` stay as they are.

    >>> fill('{"state": <s>, "text": "is <s>"}', {"s": "RUNNING"})
    '{"state": "RUNNING", "text": "is RUNNING"}'
    """
    quoted = False
    parts: list[str] = []
    end = 0
    for piece in _PIECE.finditer(template):
        parts.append(template[end : piece.start()])
        end = piece.end()
        name = piece["name"]
        if piece["quote"]:
            quoted = not quoted
        if name is None or name not in values:
            parts.append(piece[0])
        elif quoted:
            value = values[name]
            parts.append(encode(value if isinstance(value, str) else encode(value))[1:-1])
        else:
            parts.append(encode(values[name]))
    return "".join(parts) + template[end:]


def select(event: Any, path: str) -> list[Any]:
    """The value at a JSON path, in a list; empty when there is none."""
    found = event
    for name, index, quoted in _STEP.findall(path):
        if index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        elif not index and isinstance(found, dict) and (name or quoted) in found:
            found = found[name or quoted]
        else:
            return []
    return [found]


def _transformer_problem(target: str, transformer: Mapping[str, Any]) -> str | None:
    paths = transformer.get("InputPathsMap", {})
    if len(paths) > PATHS_MAX:
        return f"InputPathsMap for target {target} has more than {PATHS_MAX} entries."
    for name, path in paths.items():
        if name.upper().startswith("AWS"):
            return f"InputPathsMap for target {target} contains key {name}: keys cannot start with AWS."
        if not _PATH.fullmatch(path):
            return f"Invalid JSON path for key {name} in InputPathsMap for target {target}."
    for name in _VARIABLE.findall(transformer["InputTemplate"]):
        if name not in paths and name not in _RESERVED:
            return (
                f"InputTemplate for target {target} contains placeholder {name} "
                "which is not defined in InputPathsMap."
            )
    return None


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except ValueError:
        return False
    return True
