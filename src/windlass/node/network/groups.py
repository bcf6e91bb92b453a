"""The security groups that one router knows: which nft commands follow from who comes, goes, or is told. Pure
but for what it remembers.

A group's rules are written when the first task that it matters to comes, and again when they change; members
come and go one by one. Members are those that the plane names and those that are here: a task is let in by
its own node at once. A group that the plane has not told of lets nothing through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from windlass.fleet.networks import Interface, SecurityGroup
from windlass.node.network import firewall


class RouterGroups:
    """Commands have to be applied in the order in which they were given out."""

    def __init__(self) -> None:
        self._told: Mapping[str, SecurityGroup] = {}
        self._written: dict[str, SecurityGroup] = {}
        self._here: dict[str, set[str]] = {}
        self._combinations: set[tuple[str, ...]] = set()

    def admit(self, interface: Interface) -> str:
        """A task comes."""
        for id in interface.groups:
            self._here.setdefault(id, set()).add(interface.address)
        commands = self._write(interface.groups)
        commands += "".join(firewall.join(id, interface.address) for id in interface.groups)
        combination = tuple(sorted(interface.groups))
        if combination not in self._combinations:
            self._combinations.add(combination)
            commands += firewall.combination(combination)
        return commands + firewall.admit(interface)

    def dismiss(self, interface: Interface) -> str:
        """A task goes."""
        commands = firewall.dismiss(interface)
        for id in interface.groups:
            self._here[id].discard(interface.address)
            if interface.address not in self._group(id).members:
                commands += firewall.leave(id, interface.address)
        return commands

    def tell(self, groups: Mapping[str, SecurityGroup]) -> str:
        """These are all groups now."""
        self._told = groups
        return self._write(list(self._written))

    def _write(self, ids: Iterable[str]) -> str:
        """Rules of these groups, and members of those that they name, where they are not written as told."""
        todo = dict.fromkeys(ids)
        commands = ""
        while todo:
            id = next(iter(todo))
            del todo[id]
            group = self._group(id)
            if self._written.get(id) != group:
                self._written[id] = group
                commands += firewall.group(group, {*group.members, *self._here.get(id, ())})
            named = (peer for rule in group.rules for peer in rule.groups)
            todo.update(dict.fromkeys(peer for peer in named if peer not in self._written))
        return commands

    def _group(self, id: str) -> SecurityGroup:
        return self._told.get(id) or SecurityGroup(id)
