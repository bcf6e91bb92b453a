"""The bytes of the spool: what was taken from pipes, and which of it nobody needs any more.

A file of frames, only added to: length, CRC-32, msgpack. Where a frame is torn or damaged the file ends.
Knows no file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from windlass.fleet.messages import LogOptions, LogTarget

_HEADER = struct.Struct(">II")
FRAME_BYTES_MAX = 2**20
"""A frame that claims to be longer is damaged; one holds a read of a pipe (64 KiB) at most."""


class Taken(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """What one read took from a pipe, which is known by its inode number.

    `carry`: bytes of an unfinished line that were taken from it before, and that this goes on with.
    """

    number: int
    pipe: int
    carry: int
    at: int
    data: bytes
    target: LogTarget
    options: LogOptions


class Gone(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The plane has every line of what was taken under these numbers."""

    numbers: tuple[int, ...]


Entry: TypeAlias = Taken | Gone

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """The entry as a frame."""
    body = _ENCODER.encode(entry)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def decode(data: bytes) -> list[Entry]:
    """All entries up to the end, or to the first frame that is torn or damaged."""
    entries: list[Entry] = []
    at = 0
    while at + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + _HEADER.size + length] if length <= FRAME_BYTES_MAX else b""
        if len(body) < length or zlib.crc32(body) != checksum:
            break
        try:
            entries.append(_DECODER.decode(body))
        except msgspec.DecodeError:
            break
        at += _HEADER.size + length
    return entries


def live(entries: Iterable[Entry]) -> dict[int, Taken]:
    """By number, and in the order in which it was taken: what the plane may not have."""
    found: dict[int, Taken] = {}
    for entry in entries:
        if isinstance(entry, Taken):
            found[entry.number] = entry
        else:
            for number in entry.numbers:
                found.pop(number, None)
    return found
