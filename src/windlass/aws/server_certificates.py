"""Certificates of servers, with their keys: what load balancers ask of whoever keeps them.

Services do not import each other, so they meet here: IAM and ACM keep certificates, elbv2 asks for them and
says which of them it uses. A key is never shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from windlass.aws.arn import parse


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate with its chain and its key, all PEM. `names` are the DNS names that it is for."""

    arn: str
    names: tuple[str, ...]
    body: str
    chain: str = ""
    """The certificates above it, the nearest first; may be empty."""
    key: str = field(default="", repr=False)


Keeper = Callable[[str], "ServerCertificate | None"]
User = Callable[[str], Iterable[str]]


class ServerCertificates:
    """One per plane: `plane.calls.part(ServerCertificates)`."""

    def __init__(self) -> None:
        self._keepers: dict[str, Keeper] = {}
        self._users: list[User] = []
        self._watchers: list[Callable[[str], None]] = []

    def serve(self, service: str, keeper: Keeper) -> None:
        """Have ARNs of that service ("iam", "acm") answered there; it calls `changed`."""
        self._keepers[service] = keeper

    def get(self, arn: str) -> ServerCertificate | None:
        """The certificate of that ARN; None when nobody keeps it."""
        read = parse(arn)
        keeper = self._keepers.get(read.service) if read is not None else None
        return None if keeper is None else keeper(arn)

    def use(self, user: User) -> None:
        """`user` tells the ARNs of what uses a certificate."""
        self._users.append(user)

    def used_by(self, arn: str) -> list[str]:
        """ARNs of what uses it, sorted: it cannot be deleted while there are any."""
        return sorted({user for ask in self._users for user in ask(arn)})

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Have it told of each certificate that was put in place of another with the same ARN."""
        self._watchers.append(watcher)

    def changed(self, arn: str) -> None:
        for watcher in self._watchers:
            watcher(arn)
