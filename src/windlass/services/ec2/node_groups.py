"""Which security groups matter to which node: what is sent to nodes, and when it is to be looked at again.

A node gets the groups of the units that run on it and those that their rules name. How many units of a node
are in a group, and which addresses are, is kept in memory from changes alone, so that a change costs what it
touches and not what exists: the default group names itself, so it is told anew with each task. The rules are
read from rows when a node's session asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from windlass.fleet.link import Links
from windlass.fleet.messages import SecurityGroups
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.networks import SecurityGroup
from windlass.fleet.transitions import occupies
from windlass.kernel.store import Change, Store
from windlass.services.ec2.cidr import text
from windlass.services.ec2.model import INTERFACES, RULES, NetworkInterface, SecurityGroupRule
from windlass.services.ec2.permissions import for_nodes
from windlass.services.ec2.task_interfaces import told


class Whereabouts:
    """How many units of each node are in each group."""

    def __init__(self) -> None:
        self._of_node: dict[str, Counter[str]] = {}
        self._of_group: dict[str, Counter[str]] = {}

    def groups(self, node_id: str) -> list[str]:
        """The groups that units of the node are in."""
        return sorted(self._of_node.get(node_id, ()))

    def nodes(self, group_id: str) -> list[str]:
        """The nodes that have units in the group."""
        return sorted(self._of_group.get(group_id, ()))

    def count(self, node_id: str, group_ids: Iterable[str], by: int) -> bool:
        """So many units of these groups more, or fewer, are on the node; whether a group is new to it."""
        before = self._of_node.get(node_id, ())
        new = by > 0 and any(group_id not in before for group_id in group_ids)
        for group_id in group_ids:
            for counts, key, value in (
                (self._of_node, node_id, group_id),
                (self._of_group, group_id, node_id),
            ):
                counter = counts.setdefault(key, Counter())
                counter[value] += by
                if not counter[value]:
                    del counter[value]
                if not counter:
                    del counts[key]
        return new


class Members:
    """The addresses in each group, as text, in the order in which they came."""

    def __init__(self) -> None:
        self._of_group: dict[str, dict[int, str]] = {}

    def addresses(self, group_id: str) -> tuple[str, ...]:
        return tuple(self._of_group.get(group_id, {}).values())

    def change(self, old: NetworkInterface | None, new: NetworkInterface | None) -> list[str]:
        """An interface is in other groups than before; which groups have other members now."""
        left = set(old.groups if old is not None else ())
        entered = set(new.groups if new is not None else ())
        for group_id in left - entered:
            assert old is not None
            del self._of_group[group_id][old.address]
            if not self._of_group[group_id]:
                del self._of_group[group_id]
        for group_id in entered - left:
            assert new is not None
            self._of_group.setdefault(group_id, {})[new.address] = text(new.address)
        return sorted(left ^ entered)


class NodeGroups:
    """Answers sessions, and tells them what to ask for again."""

    def __init__(self, store: Store, links: Links) -> None:
        self._store = store
        self._links = links
        self._where = Whereabouts()
        self._members = Members()
        for unit in store[UNITS].all():
            self._move(None, unit)
        for interface in store[INTERFACES].all():
            self._members.change(None, interface)
        store.watch((UNITS,), self._on_unit)
        store.watch((INTERFACES,), self._on_interface)
        store.watch((RULES,), self._on_rule)
        links.on_groups_wanted(self.of_node)

    def of_node(self, node_id: str) -> SecurityGroups:
        """The groups that matter to what runs on the node, or may, as they are now; and what it may share."""
        shared = self._shared() if self._store[NODES].require(node_id).shared else []
        own = sorted({*self._where.groups(node_id), *(group for row in shared for group in row.groups)})
        rules = {group_id: self._store[RULES].by("group", group_id) for group_id in own}
        named = {rule.peer_group for held in rules.values() for rule in held if rule.peer_group}
        return SecurityGroups(
            tuple(
                SecurityGroup(
                    group_id,
                    for_nodes((rule.egress, rule.opening) for rule in rules.get(group_id, ())),
                    self._members.addresses(group_id) if group_id in named else (),
                )
                for group_id in sorted({*own, *named})
            ),
            tuple(told(self._store, row) for row in shared),
        )

    def _shared(self) -> list[NetworkInterface]:
        """Interfaces that units on any node may speak through."""
        return self._store[INTERFACES].by("shared", "all")

    def _sharing(self) -> list[str]:
        """The nodes that have them."""
        return sorted(node.id for node in self._store[NODES].all() if node.shared)

    def _on_unit(self, change: Change) -> None:
        unit: Unit = change.old if change.new is None else change.new
        if unit.spec.network.interface is None:  # nor had it one before
            return
        for node_id, new in self._move(change.old, change.new).items():
            self._links.offer_groups(node_id, at_once=new)

    def _move(self, old: Unit | None, new: Unit | None) -> dict[str, bool]:
        """Count a unit where it is now: the nodes that this matters to → whether a group is new there."""
        was, is_now = _place(old), _place(new)
        if was == is_now:
            return {}
        touched: dict[str, bool] = {}
        for place, by in ((was, -1), (is_now, 1)):
            if place is not None:
                node_id, groups = place
                touched[node_id] = self._where.count(node_id, groups, by)
        return touched

    def _on_interface(self, change: Change) -> None:
        """Members came or went: of interest where a rule names the group; everywhere if they are shared."""
        row: NetworkInterface = change.new or change.old
        if row.shared:
            for node_id in self._sharing():
                self._links.offer_groups(node_id, at_once=True)
        for group_id in self._members.change(change.old, change.new):
            naming = {rule.group_id for rule in self._store[RULES].by("peer", group_id)}
            self._offer(sorted(naming))

    def _on_rule(self, change: Change) -> None:
        rule: SecurityGroupRule = change.new or change.old
        self._offer([rule.group_id])

    def _offer(self, group_ids: Collection[str]) -> None:
        nodes = {node for group_id in group_ids for node in self._where.nodes(group_id)}
        if any(group_id in row.groups for row in self._shared() for group_id in group_ids):
            nodes.update(self._sharing())
        for node_id in sorted(nodes):
            self._links.offer_groups(node_id)


def _place(unit: Unit | None) -> tuple[str, tuple[str, ...]] | None:
    """(node, groups) of a unit with an interface that is on a node and has not ended."""
    if unit is None or unit.spec.network.interface is None or not occupies(unit):
        return None
    return unit.node_id, unit.spec.network.interface.groups
