"""What a container with a network of its own finds in /etc: hosts, hostname, resolv.conf. Pure.

As Docker and the ECS agent write them: the task's host name leads to its own address; name servers are the
host's, except those on the host's loopback, which a namespace does not reach.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

FALLBACK_SERVERS = ("8.8.8.8", "8.8.4.4")
"""Docker's, for hosts that have none but on loopback (moby: libnetwork/resolvconf)."""
_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def hosts(address: str, hostname: str) -> str:
    """/etc/hosts. 10.0.0.5, ip-10-0-0-5.ec2.internal → that name and its first part lead there."""
    if not address:
        return _HOSTS
    short = hostname.partition(".")[0]
    return f"{_HOSTS}{address}\t{' '.join(dict.fromkeys((hostname, short)))}\n"


def resolv_conf(texts: Iterable[str]) -> str:
    """The first of the host's files that names a server which can be reached from elsewhere than the host."""
    kept: list[str] = []
    for text in texts:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", ";"))]
        kept = [line for line in lines if not _names_loopback(line)]
        if any(line.split()[0] == "nameserver" for line in kept):
            return "\n".join(kept) + "\n"
    return "\n".join([*kept, *(f"nameserver {server}" for server in FALLBACK_SERVERS)]) + "\n"


def hostname_of(address: str) -> str:
    """As a VPC names an address when nothing else is said: ip-10-0-0-5.ec2.internal"""
    return f"ip-{address.replace('.', '-')}.ec2.internal"


def _names_loopback(line: str) -> bool:
    words = line.split()
    if words[0] != "nameserver" or len(words) < 2:
        return False
    try:
        return ipaddress.ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return True
