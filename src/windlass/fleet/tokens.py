"""How a node proves who it is: secrets that only it has, of which the plane keeps digests.

Pure. A secret is 32 random bytes in hexadecimal, so that its SHA-256 needs no salt and gives nothing away. A
node whose secret is renewed has two for a moment, the one that it has shown and the one that it was given:
either is good until the plane knows that the new one is on the node's disk; from then on only that.
"""

from __future__ import annotations

import hashlib
import hmac

from windlass.fleet.model import Node
from windlass.kernel.rows import replace

SECRET_BYTES = 32


def digest(secret: str) -> str:
    """What the plane keeps of a secret; "" (no secret fits) of none."""
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""


def fits(node: Node, secret: str) -> bool:
    """Whether the node may come in with it."""
    shown = digest(secret)
    return any(kept and hmac.compare_digest(kept, shown) for kept in (node.token, node.next_token))


def given(node: Node, secret: str) -> Node:
    """The node is given that secret; the one before stays good."""
    return replace(node, next_token=digest(secret))


def kept(node: Node, shown: str) -> Node:
    """The node has the secret of that digest for certain: nothing older is good any more."""
    if not node.next_token or not hmac.compare_digest(node.next_token, shown):
        return node
    return replace(node, token=node.next_token, next_token="")
