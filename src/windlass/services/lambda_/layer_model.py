"""Layers, their versions, and what a function keeps of those that it uses, as rows. Writers: handlers."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table


@dataclass(frozen=True, slots=True)
class LayerUse:
    """A layer version in a function's settings. It goes on when the version is deleted, as on AWS."""

    arn: str
    code_sha256: str
    """Lower-case hex; also the blob's name."""
    code_size: int
    unpacked_size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A name that versions were published under. It outlives the last of them: no number comes twice."""

    account: str
    region: str
    name: str
    last_version: int

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer; only its policy ever changes, and with that its revision id."""

    account: str
    region: str
    name: str
    number: int
    code_sha256: str
    code_size: int
    unpacked_size: int
    created_at: Instant
    revision_id: str
    description: str = ""
    license: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    policy: tuple[tuple[str, str], ...] = ()
    """(statement id, statement as JSON), in the order they were added."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.account, self.region, self.name, self.number)

    @property
    def layer_arn(self) -> str:
        return arn("lambda", self.region, self.account, f"layer:{self.name}")

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.number}"


LAYERS: Table[Layer] = Table(
    name="lambda.layer",
    row=Layer,
    key=lambda layer: layer.key,
    indexes={"scope": Index(of=lambda layer: (layer.account, layer.region), order=lambda layer: layer.name)},
)
LAYER_VERSIONS: Table[LayerVersion] = Table(
    name="lambda.layer_version",
    row=LayerVersion,
    key=lambda version: version.key,
    indexes={
        "layer": Index(of=lambda v: (v.account, v.region, v.name), order=lambda v: v.number),
        "scope": Index(of=lambda v: (v.account, v.region)),
    },
)
LAYER_TABLES = (LAYERS, LAYER_VERSIONS)
