from __future__ import annotations

from windlass.fleet.proxy_messages import Frontend, Pool, Table
from windlass.proxy.table import Changes, Current


def a_frontend(key: str, *hosts: str) -> Frontend:
    return Frontend(key, "alb", (), hosts, "http", ())


def test_differences_and_whole_tables() -> None:
    """Subscribers hear what changed, once, and what is gone; an equal whole table changes nothing."""
    current = Current()
    heard: list[Changes] = []
    current.on_change(heard.append)
    current.take(Table(1, True, (a_frontend("f1"), a_frontend("f2")), (Pool("p1"),)))
    assert heard.pop() == Changes(frozenset({"f1", "f2"}), frozenset({"p1"}), frozenset(), frozenset())
    current.take(Table(2, False, (a_frontend("f1", "new"), a_frontend("f2")), (), ("p1", "unknown")))
    assert heard.pop() == Changes(frozenset({"f1"}), frozenset(), frozenset(), frozenset({"p1"}))
    current.take(Table(3, True, (a_frontend("f1", "new"), a_frontend("f2"))))
    assert not heard
    current.take(Table(4, True, (a_frontend("f2"),)))
    assert heard.pop() == Changes(frozenset(), frozenset(), frozenset({"f1"}), frozenset())
    assert (current.generation, list(current.frontends), current.pools) == (4, ["f2"], {})
