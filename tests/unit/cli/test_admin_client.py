"""Where the command line looks for a plane, and what it says when there is none."""

from __future__ import annotations

import pytest

from windlass.cli.admin_client import DEFAULT_ENDPOINT, AdminClient, Unreachable, default_endpoint


@pytest.mark.parametrize(
    ("value", "endpoint"), [(None, DEFAULT_ENDPOINT), ("", DEFAULT_ENDPOINT), ("http://x:1", "http://x:1")]
)
def test_the_default(monkeypatch: pytest.MonkeyPatch, value: str | None, endpoint: str) -> None:
    """As other AWS clients have it: a variable that is empty is not set."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    assert default_endpoint() == endpoint


@pytest.mark.parametrize("endpoint", ["", "nonsense", "http://127.0.0.1:1", "ftp:/x"])
def test_nobody_there(endpoint: str) -> None:
    """One sentence, whatever was given for an endpoint."""
    with pytest.raises(Unreachable, match="no plane answers"):
        AdminClient(endpoint).get("health")
