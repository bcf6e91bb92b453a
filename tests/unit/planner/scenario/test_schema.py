"""The schema of scenario files: whole, and with a description for whoever writes one."""

from __future__ import annotations

from windlass.planner.scenario.schema import schema

DEFINITIONS = schema()["$defs"]


def test_it_knows_every_member() -> None:
    members = DEFINITIONS["Scenario"]["properties"]
    assert set(members) >= {"name", "resources", "events", "until", "published"}
    assert [one["type"] for one in members["resources"]["anyOf"]] == ["array", "object", "string"]
    assert DEFINITIONS["Image"]["properties"]["size"]["type"] == ["string", "number"]


def test_every_member_says_what_it_is_for() -> None:
    silent = [
        f"{name}.{member}"
        for name, definition in DEFINITIONS.items()
        for member, about in definition["properties"].items()
        if not about.get("description")
    ]
    assert silent == []


def test_a_member_is_described_by_the_docstring_below_it() -> None:
    """Under the name that files have, and of a quantity with how it is written."""
    assert DEFINITIONS["Ramp"]["properties"]["from"]["description"].startswith("At its begin.\n")
    size = DEFINITIONS["Image"]["properties"]["size"]["description"].splitlines()
    assert size == ["Compressed; without it the profile's usual size.", 'Said as "100MB" or "1GiB".']
    runs = DEFINITIONS["Image"]["properties"]["runs"]
    assert runs["description"].endswith("kept in nanoseconds.") and "description" not in str(runs["anyOf"])
