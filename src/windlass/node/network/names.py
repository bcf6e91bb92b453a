"""Names of all that a node's networks leave in the kernel, so that each can be found and told apart. Pure.

Everything on the host carries the tag of the agent's data directory. Inside of a router's namespace nothing
else lives, so names there are plain.

    namespace   windlass-<tag>-<key>         one router: a VPC, or "bridge"
    interface   wl<tag><link, hexadecimal>   the host's end of a router's uplink
    nft table   ip windlass_<tag>            what the host translates for this data directory
"""

from __future__ import annotations

import re
from hashlib import sha256

NAMESPACE_PREFIX = "windlass-"
TABLE_PREFIX = "windlass_"
UPLINK = "uplink"
"""A router's end of the link to its host."""
BRIDGE_KEY = "bridge"
"""Key of the router for the network mode of that name."""
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_NAMESPACE = re.compile(rf"{NAMESPACE_PREFIX}([0-9a-f]{{8}})-[A-Za-z0-9-]{{1,64}}")
_UPLINK = re.compile(r"wl([0-9a-f]{8})[0-9a-f]{1,4}")
_TABLE = re.compile(rf"{TABLE_PREFIX}([0-9a-f]{{8}})")


def tag(home: str) -> str:
    """Eight characters for a data directory; `home` is its own number on its disk."""
    return sha256(home.encode()).hexdigest()[:8]


def namespace(own: str, key: str) -> str:
    """The file under /run/netns of one router. Raises ValueError for a key that is no id of a VPC."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"invalid VPC id {key!r}")
    return f"{NAMESPACE_PREFIX}{own}-{key}"


def tag_of_namespace(name: str) -> str | None:
    """Whose that namespace is; None: nobody's of ours."""
    found = _NAMESPACE.fullmatch(name)
    return found[1] if found else None


def uplinks(own: str) -> str:
    """What the host's ends of all uplinks of that directory begin with."""
    return f"wl{own}"


def uplink(own: str, link: int) -> str:
    """The host's end of a router's uplink: at most 15 characters."""
    return f"{uplinks(own)}{link:x}"


def tag_of_uplink(name: str) -> str | None:
    """Whose that interface is; None: nobody's of ours."""
    found = _UPLINK.fullmatch(name)
    return found[1] if found else None


def table(own: str) -> str:
    """The host's nft table for that directory."""
    return f"{TABLE_PREFIX}{own}"


def tag_of_table(name: str) -> str | None:
    """Whose that table is; None: nobody's of ours."""
    found = _TABLE.fullmatch(name)
    return found[1] if found else None


def bridge(subnet_id: str) -> str:
    """A subnet's bridge inside of its router."""
    return f"br-{sha256(subnet_id.encode()).hexdigest()[:10]}"


def bridge_mac(subnet_id: str) -> str:
    """A hardware address of its own for a bridge: else it would take that of some port, and change."""
    digits = sha256(subnet_id.encode()).hexdigest()
    return "02:" + ":".join(digits[at : at + 2] for at in range(10, 20, 2))
