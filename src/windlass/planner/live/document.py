"""A draft written down: YAML that people read, with what was left out as comments. Pure.

Everything from the account stands in values that PyYAML quotes, or on one line behind a #.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from windlass.planner.live.draft import Draft, Resource
from windlass.planner.live.found import one_line

WIDTH = 84
"""Characters of what stands on one line."""
UNBROKEN = 100_000
MB = 1_000_000


def written(draft: Draft, refused: Mapping[int, str], name: str, head: Iterable[str]) -> str:
    """The file. `refused`: place of a resource → why it cannot be made; it becomes a comment."""
    lines = [f"# {one_line(line)}" for line in head]
    lines += [f"# - {one_line(note, 400)}" for note in draft.notes]
    lines += [f"# - not read: {one_line(sentence)}" for sentence in draft.found.untold]
    lines += ["", *_block({"name": name, "profile": "aws", "horizon": "1h"}, flow=False)]
    lines += _quotas(draft) + _instances(draft) + _images(draft)
    kept = [one for place, one in enumerate(draft.resources) if place not in refused]
    lines += ["", "resources:" if kept else "resources: []"]
    for place, resource in enumerate(draft.resources):
        lines += _refused(resource, refused[place]) if place in refused else _resource(resource)
    lines += _workloads(draft)
    waits = [dict(one.until) for one in kept if one.until is not None]
    waits += [{"workload": one["name"]} for _, one in draft.workloads]
    if waits:
        lines += ["", "until:", *(f"  - {one}" for row in waits for one in _block(row, flow=True))]
    return "\n".join(lines) + "\n"


def _resource(resource: Resource) -> Iterator[str]:
    for note in resource.notes:
        yield f"  # {one_line(note, 400)}"
    row: dict[str, Any] = {resource.operation: resource.params}
    if resource.called:
        row["as"] = resource.called
    for place, line in enumerate(_block(row)):
        yield f"  {'- ' if place == 0 else '  '}{line}"


def _refused(resource: Resource, why: str) -> list[str]:
    return [f"  # left out: {one_line(resource.name)}: {one_line(why, 300)}"]


def _workloads(draft: Draft) -> list[str]:
    lines = ["", *_block({"functions": draft.functions})] if draft.functions else []
    lines += ["", "workloads:"] if draft.workloads else []
    for said, workload in draft.workloads:
        first, *rest = _block(workload)
        lines += [f"  # {one_line(said)}", f"  - {first}", *(f"    {line}" for line in rest)]
    return lines


def _quotas(draft: Draft) -> list[str]:
    if not draft.quotas:
        return []
    return ["# Of the account, where they differ from the profile's:", *_block({"quotas": draft.quotas})]


def _instances(draft: Draft) -> list[str]:
    if not draft.instances:
        return []
    return ["instances:", *(f"  - {line}" for row in draft.instances for line in _block(row, flow=True))]


def _images(draft: Draft) -> list[str]:
    known = {name: {"size": f"{size / MB:.1f}MB"} for name, size in sorted(draft.images.items()) if size}
    unknown = sorted(name for name, size in draft.images.items() if not size)
    lines = _block({"images": known}) if known else []
    if unknown:
        said = one_line(", ".join(unknown), 600)
        lines.append(f"# Nobody told the size of {said}: they count as the profile's usual image.")
    return lines


def _block(value: Mapping[str, Any], flow: bool | None = None) -> list[str]:
    """YAML of a mapping; what has no mappings inside stands on one line."""
    dumper = _Dumper if flow is None else _Plain
    text = yaml.dump(
        dict(value),
        Dumper=dumper,
        sort_keys=False,
        default_flow_style=flow,
        width=UNBROKEN,
        allow_unicode=True,
    )
    return text.splitlines()


class _Plain(yaml.SafeDumper):
    """Writes no anchors: nobody reads them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class _Dumper(_Plain):
    """Puts on one line what fits there."""

    def serialize(self, node: yaml.Node) -> None:
        _laid_out(node)
        if isinstance(node, yaml.MappingNode):
            node.flow_style = False
        super().serialize(node)


def _laid_out(node: yaml.Node) -> int:
    """Say of a node and what is in it how it is written; the characters that it takes on one line."""
    if isinstance(node, yaml.MappingNode):
        width = sum(len(key.value) + 4 + _laid_out(value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        width = sum(2 + _laid_out(value) for value in node.value)
    else:
        return len(node.value) + 2
    node.flow_style = width <= WIDTH
    return width
