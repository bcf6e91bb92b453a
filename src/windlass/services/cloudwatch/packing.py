"""Points as bytes and back, and many lots of them joined to one, as old as they are. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from windlass.aws.metric_points import Summary, Trail


class Source(NamedTuple):
    """What points are of: a metric of the account's, in a unit."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    """Sorted by name."""
    unit: str


class Point(NamedTuple):
    """What was measured from `start` on, in seconds since the epoch."""

    start: int
    fine: bool
    """Whether it is kept by the second at first."""
    summary: Summary


Points: TypeAlias = Mapping[Source, list[Point]]
_Packed: TypeAlias = list[tuple[Source, list[Point]]]
_DECODER = msgspec.msgpack.Decoder(_Packed)


def pack(points: Points) -> bytes:
    """A fifth of what they would take as rows."""
    return zlib.compress(msgspec.msgpack.encode(list(points.items())), 1)


def unpack(packed: bytes) -> Points:
    """What was packed."""
    return dict(_DECODER.decode(zlib.decompress(packed)))


def join(lots: Iterable[Points], now: int) -> Points:
    """Those of one metric and time together, rolled up by their age; what is too old is left out."""
    trails: dict[Source, Trail] = {}
    for lot in lots:
        for source, points in lot.items():
            trail = trails.setdefault(source, Trail())
            for point in points:
                trail.add(point.start, point.summary, now=now, fine=point.fine)
    return {
        source: [Point(bucket.start, length == 1, bucket.summary) for length, bucket in trail.all()]
        for source, trail in trails.items()
        if trail.size
    }


def newest(points: Points) -> int:
    """Start of the newest point of all; 0 of none."""
    return max((point.start for some in points.values() for point in some), default=0)
