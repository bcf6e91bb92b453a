"""Bytes on their way, as they came: what is passed on without being joined. Pure."""

from __future__ import annotations

Pieces = list[bytes]


def put_body(out: Pieces, pieces: Pieces, chunked: bool, last: bool) -> None:
    """Append pieces of a body of HTTP/1.1, as one chunk where chunks are sent."""
    if not chunked:
        out += pieces
        return
    if size := sum(map(len, pieces)):
        out.append(b"%x\r\n" % size)
        out += pieces
        out.append(b"\r\n")
    if last:
        out.append(b"0\r\n\r\n")
