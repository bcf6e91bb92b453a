from __future__ import annotations

from msgspec.structs import replace

from windlass.fleet.proxy_messages import Check, Endpoint, Pool, Table
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current

TOLD = Endpoint("a:80", "127.0.0.1", 80, health="initial")


def test_probes_go_before_what_the_plane_tells() -> None:
    """Until the target is gone, or is not probed any more; subscribers hear changes only."""
    current = Current()
    standing, heard = Standing(current), list[tuple[str, str, str]]()
    standing.on_change(lambda *told: heard.append(told))
    current.take(Table(1, True, (), (Pool("p", check=Check("HTTP"), endpoints=(TOLD,)),)))
    assert standing.of("p", TOLD) == "initial"
    standing.take("p", TOLD, "healthy")
    standing.take("p", TOLD, "healthy")
    assert (standing.of("p", TOLD), heard) == ("healthy", [("p", "a:80", "healthy")])
    current.take(Table(2, False, (), (Pool("p", check=Check("TCP"), endpoints=(TOLD,)),)))
    assert standing.of("p", TOLD) == "healthy"
    assert standing.of("p", replace(TOLD, since=5)) == "initial"
    current.take(Table(3, False, (), (Pool("p", endpoints=(TOLD,)),)))
    assert standing.of("p", TOLD) == "initial"
