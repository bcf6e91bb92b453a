"""Secrets of nodes: which are good when, whatever is lost on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fleet_build import Fleet, in_fleet, settle
from windlass.fleet import tokens
from windlass.fleet.intake import register
from windlass.fleet.messages import Desired, Refused, SecretGiven, SecretKept, Welcome
from windlass.fleet.model import NODES, Node
from windlass.fleet.session import RENEW_AFTER
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.sim.runner import SimulatedNode


def a_fresh_node(secret: str = "s0") -> Node:
    return Node("n1", 0, 0, True, tokens.digest(secret))


def test_both_are_good_until_one_is_confirmed() -> None:
    node = tokens.given(a_fresh_node(), "s1")
    assert tokens.fits(node, "s0") and tokens.fits(node, "s1")
    after = tokens.kept(node, tokens.digest("s1"))
    assert not tokens.fits(after, "s0") and tokens.fits(after, "s1")
    assert tokens.kept(after, tokens.digest("s1")) == after
    assert tokens.kept(node, tokens.digest("s0")) == node


def test_no_secret_fits_nobody() -> None:
    assert not tokens.fits(Node("n1", 0, 0, True, ""), "")
    assert not tokens.fits(a_fresh_node(), "")


@given(st.lists(st.sampled_from(["lost before", "lost after", "kept", "confirmed"]), max_size=8))
def test_nobody_is_locked_out(steps: list[str]) -> None:
    """Each renewal may break off at each point; what the node has on its disk is always good."""
    node, on_disk, used = a_fresh_node(), "s0", ["s0"]
    for number, step in enumerate(steps, 1):
        node = tokens.kept(node, tokens.digest(on_disk))  # it opens a session
        node = tokens.given(node, f"s{number}")
        if step != "lost before":  # the plane ended before it had said so
            on_disk = f"s{number}"
            used.append(on_disk)
        if step == "confirmed":
            node = tokens.kept(node, tokens.digest(on_disk))
        assert tokens.fits(node, on_disk)
    good = [secret for secret in used if tokens.fits(node, secret)]
    assert good in ([on_disk], used[-2:])


def renewing(fleet: Fleet) -> SimulatedNode:
    node = fleet.a_node()
    with fleet.store.transact() as tx:
        tx[NODES].put(replace(tx[NODES].require("n1"), renewed=True))
    return node


def test_renewed_when_a_session_opens_and_each_hour() -> None:
    """The secret that was shown before is refused from then on."""

    async def story(fleet: Fleet) -> None:
        node = renewing(fleet)
        seen = [node.token]
        fleet.connect(node)
        await settle()
        seen.append(node.token)
        await settle(RENEW_AFTER / SECOND)
        seen.append(node.token)
        assert len(set(seen)) == 3
        row = fleet.store[NODES].require("n1")
        assert [tokens.fits(row, secret) for secret in seen] == [False, False, True]
        replay = fleet.a_peer_of_known("n1")
        await replay.hello(token=seen[1])
        assert isinstance(await replay.hear(), Refused)

    in_fleet(story)


def test_a_session_that_breaks_before_the_new_secret_is_kept() -> None:
    """1. The node hears its new secret and dies. 2. Its old one is still good, and it is given another."""

    async def story(fleet: Fleet) -> None:
        renewing(fleet)
        given: list[str] = []
        for _ in range(3):
            peer = fleet.a_peer_of_known("n1")
            await peer.hello()
            heard = [await peer.hear() for _ in range(3)]
            assert [type(message) for message in heard if not isinstance(message, SecretGiven)] == [
                Welcome,
                Desired,
            ]
            given += [message.secret for message in heard if isinstance(message, SecretGiven)]
            peer.transport.close()
            await settle()
        assert len(set(given)) == 3
        last = fleet.a_peer_of_known("n1")
        await last.hello(token=given[-1])
        assert isinstance(await last.hear(), Welcome)
        old = fleet.a_peer_of_known("n1")
        await old.hello()
        assert await old.hear() == Refused("wrong secret for node 'n1'")

    in_fleet(story)


def test_an_answer_to_another_secret_changes_nothing() -> None:
    async def story(fleet: Fleet) -> None:
        renewing(fleet)
        peer = fleet.a_peer_of_known("n1")
        await peer.hello()
        await peer.say(SecretKept(tokens.digest("guessed")))
        await settle()
        assert fleet.store[NODES].require("n1").next_token
        register(fleet.store, "n1", "other", unbounded=True)

    in_fleet(story)
