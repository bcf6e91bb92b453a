"""Every service that botocore knows, by what requests call it: one line each in `known_services.tsv`.

Reading all of botocore's models takes seconds; this table lets the router tell services apart, and name one
that Windlass does not serve, without opening a model. `python -m windlass.aws.known` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore.loaders import Loader

TABLE = Path(__file__).parent / "known_services.tsv"
RPC_ORDER = ("json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor", "query", "ec2")
"""The order in which botocore itself chooses among a service's protocols (fact sheet, section 1)."""


@dataclass(frozen=True, slots=True)
class Known:
    """One service: botocore's name, and the marks its requests carry. Absent marks are empty."""

    name: str
    signing_name: str
    target_prefix: str
    api_version: str
    protocols: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """What botocore's clients speak."""
        return next(one for one in RPC_ORDER if one in self.protocols)


class KnownServices:
    """The table, with the look-ups of the router."""

    def __init__(self, rows: Iterable[Known]) -> None:
        self.by_name: dict[str, Known] = {}
        self.by_target: dict[str, list[Known]] = {}
        self.by_signing_name: dict[str, list[Known]] = {}
        self.by_version: dict[str, list[Known]] = {}
        for row in rows:
            self.by_name[row.name] = row
            self.by_signing_name.setdefault(row.signing_name, []).append(row)
            self.by_version.setdefault(row.api_version, []).append(row)
            if row.target_prefix:
                self.by_target.setdefault(row.target_prefix, []).append(row)


@cache
def read_table(path: Path = TABLE) -> KnownServices:
    """The shipped table; read once."""
    rows = []
    for line in path.read_text().splitlines():
        name, signing_name, target_prefix, api_version, protocols = line.split("\t")
        rows.append(Known(name, signing_name, target_prefix, api_version, tuple(protocols.split(","))))
    return KnownServices(rows)


def describe(name: str, loader: Loader) -> Known:
    """One line of the table, from botocore's model."""
    metadata = loader.load_service_model(name, "service-2")["metadata"]
    return Known(
        name=name,
        signing_name=metadata.get("signingName", metadata["endpointPrefix"]),
        target_prefix=metadata.get("targetPrefix", ""),
        api_version=metadata["apiVersion"],
        protocols=tuple(metadata.get("protocols", [metadata["protocol"]])),
    )


def lines(loader: Loader) -> Iterator[str]:
    for name in loader.list_available_services("service-2"):
        row = describe(name, loader)
        yield "\t".join(
            (row.name, row.signing_name, row.target_prefix, row.api_version, ",".join(row.protocols))
        )


if __name__ == "__main__":
    TABLE.write_text("\n".join(lines(Loader())) + "\n")
    sys.stdout.write(f"{TABLE}\n")
