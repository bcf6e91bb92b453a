"""JSON Schema of scenario files, for editors: what `windlass plan --schema` prints.

Reads the members' source: what a member is for stands in a docstring below it, which Python drops.
"""

from __future__ import annotations

import ast
import inspect
from textwrap import dedent
from typing import Any

import msgspec

from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.parts import Part


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of scenario files; each member has a description."""
    found = msgspec.json.schema(Scenario, schema_hook=_quantity)
    parts = {kind.__name__: kind for kind in Part.__subclasses__()}
    for name, definition in found["$defs"].items():
        for member, said in _members(parts[name]).items():
            property = definition["properties"][member]
            property["description"] = "\n".join([said, *_given(property)])
    members = found["$defs"]["Scenario"]["properties"]
    about = members["resources"].pop("description")
    kinds = [members["resources"], {"type": "object"}, {"type": "string"}]
    members["resources"] = {"anyOf": kinds, "description": about}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _members(part: type[Part]) -> dict[str, str]:
    """Member, as files have it → the docstring below it."""
    source = ast.parse(dedent(inspect.getsource(part))).body[0]
    assert isinstance(source, ast.ClassDef)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(part)}
    found = {}
    for member, below in zip(source.body, source.body[1:], strict=False):
        match member, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as said)),
            ):
                found[names[name]] = inspect.cleandoc(said)
    return found


def _quantity(kind: type) -> dict[str, Any]:
    return {"type": ["string", "number"], "description": (kind.__doc__ or "").splitlines()[0]}


def _given(property: dict[str, Any]) -> list[str]:
    """How a quantity is written, which stands below what it is for."""
    given = [property, *property.get("anyOf", ())]
    return [one.pop("description") for one in given if "description" in one]
