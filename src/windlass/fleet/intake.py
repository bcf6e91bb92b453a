"""What nodes say, made rows: one transaction per message.

A message may come twice (a node repeats what was not acknowledged) and may come from an agent that has
forgotten things. Knows rows and messages; not sessions or transports. Nothing here waits for the log:
link.py does, before it answers.
"""

from __future__ import annotations

from windlass.fleet import tokens
from windlass.fleet.messages import Hello, Observed
from windlass.fleet.model import EPOCHS, NODES, UNITS, Epoch, Node, Unit
from windlass.fleet.transitions import apply_observed, lose, occupies
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Transaction


class NodeRefused(Exception):
    """The agent may not open a session; the message says why."""


def raise_epoch(store: Store, now: Instant) -> int:
    """The number of this start of the plane on its log; no session has survived the start.

    Nodes have from now on to come back: while the plane was away they could not.
    """
    with store.transact() as tx:
        last = tx[EPOCHS].get("plane")
        epoch = tx[EPOCHS].put(Epoch("plane", 1 if last is None else last.number + 1))
        for node in tx[NODES].all():
            if node.connected or (node.disconnected_at and not node.lost):
                tx[NODES].put(replace(node, connected=False, disconnected_at=now))
    return epoch.number


def register(
    store: Store,
    node_id: str,
    token: str,
    *,
    unbounded: bool,
    shared: bool = True,
    attributes: tuple[tuple[str, str], ...] = (),
) -> Node:
    """Let an agent with that token be that node. What is known of the node from before is kept.

    One that is not `shared` runs only what is bound to it: a machine that somebody brought for one cluster.
    """
    with store.transact() as tx:
        known = tx[NODES].get(node_id) or Node(node_id, 0, 0, unbounded, "")
        return tx[NODES].put(
            replace(
                known,
                unbounded=unbounded,
                token=tokens.digest(token),
                shared=shared,
                attributes=attributes,
            )
        )


def check_secret(store: Store, node_id: str, secret: str) -> Node:
    """The node that shows the secret. Raises NodeRefused when it is none of its own."""
    node = store[NODES].get(node_id)
    if node is None:
        raise NodeRefused(f"no node {node_id!r} is registered here")
    if not node.token:
        raise NodeRefused(f"node {node_id!r} is not registered here any more")
    if not tokens.fits(node, secret):
        raise NodeRefused(f"wrong secret for node {node_id!r}")
    return node


def give_secret(store: Store, node_id: str, secret: str) -> None:
    """The node is about to be told its next secret."""
    with store.transact() as tx:
        tx[NODES].put(tokens.given(tx[NODES].require(node_id), secret))


def take_secret_kept(store: Store, node_id: str, digest: str) -> None:
    """The node has that secret on its disk: the one before is good no more."""
    with store.transact() as tx:
        tx[NODES].put(tokens.kept(tx[NODES].require(node_id), digest))


def take_hello(store: Store, hello: Hello) -> Node:
    """A session opens: the node's row as it now is. Raises NodeRefused.

    The node begins a new generation, so that it takes the whole set that follows, whatever it held.
    """
    with store.transact() as tx:
        node = tokens.kept(check_secret(store, hello.node_id, hello.token), tokens.digest(hello.token))
        _forget(tx, node, hello)
        for report in hello.units:
            unit = tx[UNITS].get(report.unit_id)
            if unit is not None and unit.node_id == node.id:
                tx[UNITS].put(apply_observed(unit, report))
        return tx[NODES].put(
            replace(
                node,
                cpu_units=hello.cpu_units,
                memory_mib=hello.memory_mib,
                connected=True,
                lost=False,
                generation=max(node.generation, hello.generation) + 1,
            )
        )


def _forget(tx: Transaction, node: Node, hello: Hello) -> None:
    """Units that the node once had and now does not know are lost.

    A unit is held for certain when the node accepted its generation, or has reported on it; one that was
    merely offered is offered again.
    """
    accepted = max(node.accepted, hello.generation)
    known = {report.unit_id for report in hello.units}
    for unit in tx[UNITS].by("node", node.id):
        held = unit.generation <= accepted or unit.observed is not None
        if held and occupies(unit) and unit.id not in known:
            tx[UNITS].put(lose(unit, f"the agent of node {node.id} came back without it"))


def take_observed(store: Store, node_id: str, message: Observed) -> list[Unit]:
    """Unit states from a report, with its number; nothing when it was taken in before.

    Returns the units that changed. A report on a unit that has no row any more, or is another node's, says
    nothing: the node is told to forget it by its desired set.
    """
    with store.transact() as tx:
        node = tx[NODES].require(node_id)
        if message.number <= node.observed_number:
            return []
        changed: list[Unit] = []
        units = tx[UNITS]
        for report in message.units:
            unit = units.get(report.unit_id)
            if unit is None or unit.node_id != node_id:
                continue
            after = apply_observed(unit, report)
            if after is not unit:
                changed.append(units.put(after))
        tx[NODES].put(replace(node, observed_number=message.number))
    return changed


def take_number(store: Store, node_id: str, number: int) -> None:
    """All messages of the node up to that number are taken in (log lines have no row here)."""
    with store.transact() as tx:
        node = tx[NODES].require(node_id)
        if number > node.observed_number:
            tx[NODES].put(replace(node, observed_number=number))


def take_accepted(store: Store, node_id: str, generation: int) -> None:
    """The node holds that generation, and with it every unit of it."""
    with store.transact() as tx:
        node = tx[NODES].require(node_id)
        if generation > node.accepted:
            tx[NODES].put(replace(node, accepted=generation))


def begin_generation(store: Store, node_id: str) -> int:
    """The number of the node's next desired set."""
    with store.transact() as tx:
        node = tx[NODES].require(node_id)
        return tx[NODES].put(replace(node, generation=node.generation + 1)).generation


def take_disconnect(store: Store, node_id: str, now: Instant) -> None:
    """The node's session has ended. Its units go on; nobody knows how."""
    with store.transact() as tx:
        node = tx[NODES].get(node_id)
        if node is not None:
            tx[NODES].put(replace(node, connected=False, disconnected_at=now))


def abandon(store: Store, node_id: str, why: str) -> list[Unit]:
    """The node is not waited for any longer: all that it had is lost. One that nobody can be is forgotten."""
    with store.transact() as tx:
        node = tx[NODES].require(node_id)
        if node.token:
            tx[NODES].put(replace(node, lost=True))
        else:
            tx[NODES].delete(node_id)
        units = [unit for unit in tx[UNITS].by("node", node_id) if occupies(unit)]
        return [tx[UNITS].put(lose(unit, why)) for unit in units]
