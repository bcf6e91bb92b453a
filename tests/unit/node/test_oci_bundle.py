"""Where a container's bundle and its control group are, for the agent that made them and for the next one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from windlass.node.oci_bundle import Bundle, bundle_of, bundles_in, found_bundle

AGENT = "/windlass-1"


def laid_out(units: Path, group: str, config: str | None = None) -> Bundle:
    """A bundle of the container "main" of unit u1, as far as it is read again."""
    bundle = bundle_of(units, group, "u1", "main")
    bundle.directory.mkdir(parents=True)
    (units / "u1" / "volumes").mkdir()
    said = json.dumps({"ociVersion": "1.0.0", "linux": {"cgroupsPath": bundle.group}})
    (bundle.directory / "config.json").write_text(said if config is None else config)
    return bundle


def test_the_next_agent_finds_the_group(tmp_path: Path) -> None:
    """It was on an instance, which only config.json knows."""
    made = laid_out(tmp_path, f"{AGENT}/instance-i/u1")
    assert made.group.rpartition("/")[0] == f"{AGENT}/instance-i/u1"
    assert found_bundle(tmp_path, AGENT, "u1", "main") == made
    assert bundles_in(tmp_path, AGENT) == [("u1", made)]


@pytest.mark.parametrize("config", ["", "{}", '{"linux": {}}', '{"linux": {"cgroupsPath": "/"}}'])
def test_no_group_of_others_is_touched(tmp_path: Path, config: str) -> None:
    """A configuration cut off, without a group (no root), or that of a copied directory."""
    made = laid_out(tmp_path, f"{AGENT}/u1", config)
    assert found_bundle(tmp_path, AGENT, "u1", "main") == made
    assert found_bundle(tmp_path, "/windlass-2", "u1", "main").group.startswith("/windlass-2/u1/")
