"""The host's own part in the networks of its tasks: one nft table, forwarding, and ways to subnets.

Acts, in the thread of fabric.py. What it says of packets: firewall.py.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from windlass.node.network import addressing, firewall
from windlass.node.network.netlink import Netlink, set_kernel
from windlass.node.network.nft import Nft

ROUTE_METRIC = 4096
"""The host's own ways to an address are better than ours, whatever a VPC's range is."""

log = logging.getLogger("windlass.agent")


class Host:
    """The host while it has routers of ours. Raises OSError."""

    def __init__(self, own: str) -> None:
        self._own = own
        if Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() != "1":
            log.warning("networks of tasks need it: ip_forward is switched on, and stays on")
            set_kernel(None, "ipv4/ip_forward", "1")
        self._nft = Nft()
        self.run(firewall.host_table(own))

    def run(self, commands: str) -> None:
        """Apply nft commands. Raises OSError."""
        self._nft.run(commands)

    def close(self) -> None:
        """Let go of it; its table stays."""
        self._nft.close()

    def remove(self) -> None:
        """No router is left."""
        with suppress(OSError):
            self.run(firewall.no_host_table(self._own))
        self.close()


def add_route(subnet: str, via: str) -> bool:
    """Let the host itself reach a subnet's tasks by address, unless it has a way there already."""
    netlink = Netlink()
    try:
        # one that is there already by the same gateway is ours, of an agent before this one
        others = [route for route, gateway in netlink.routes() if (route, gateway) != (subnet, via)]
        if addressing.overlaps(subnet, others):
            return False
        netlink.add_route(subnet, via, ROUTE_METRIC)
    finally:
        netlink.close()
    return True
