"""Request bodies as the operation meant them: without aws-chunked framing and without compression.

Signatures cover the bytes as sent, so the gateway verifies them on the original request and reads parameters
from the one returned here. Knows no service. Known gap: chunk signatures and trailing checksums of
aws-chunked bodies are not verified.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from windlass.aws.wire import Request
from windlass.kernel.faults import Fault

BODY_BYTES_MAX = 128 * 1024 * 1024  # bytes, decoded; a 50 MB Lambda zip (CreateFunction) is 70 MB as base64
GZIP_WINDOW = 31  # zlib wbits: the largest window, gzip framing only


def plain(request: Request, limit: int = BODY_BYTES_MAX) -> Request:
    """The request with every encoding taken off its body; the same object when there is none.

    Raises Fault 413 when the decoded body would pass `limit` bytes, 400 when it is damaged, 415 when the
    encoding is unknown.
    """
    return _decoded(request, limit, {"gzip": gunzip, "x-gzip": gunzip, "aws-chunked": dechunk})


def unframed(request: Request, limit: int = BODY_BYTES_MAX) -> Request:
    """Only aws-chunked taken off: S3 keeps an object's own Content-Encoding with the object."""
    return _decoded(request, limit, {"aws-chunked": dechunk}, keep_unknown=True)


def _decoded(
    request: Request,
    limit: int,
    decoders: Mapping[str, Callable[[bytes, int], bytes]],
    keep_unknown: bool = False,
) -> Request:
    """Undo codings from the outermost, which is the last one named (RFC 9110, 8.4)."""
    if len(request.body) > limit:
        raise _too_large(limit)
    coding = request.headers.get("content-encoding", "")
    framed = request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if not coding and not framed:
        return request
    codings = [one.strip() for one in coding.split(",") if one.strip()]
    if framed and "aws-chunked" not in codings:
        codings.append("aws-chunked")
    body = request.body
    kept: list[str] = []
    for name in reversed(codings):
        decode = decoders.get(name.lower())
        if decode is not None:
            body = decode(body, limit)
        elif name.lower() != "identity" and not keep_unknown:
            raise Fault(
                "UnsupportedMediaTypeException", f"Content-Encoding {name} is not supported", status=415
            )
        else:
            kept.insert(0, name)
    if body is request.body:
        return request
    gone = {"content-encoding", "x-amz-decoded-content-length", "x-amz-content-sha256"}
    headers = {name: value for name, value in request.headers.items() if name not in gone}
    headers["content-length"] = str(len(body))
    if kept:
        headers["content-encoding"] = ",".join(kept)
    return replace(request, headers=headers, body=body)


def gunzip(body: bytes, limit: int) -> bytes:
    """The members of a gzip body, joined. Never holds more than `limit` decoded bytes."""
    parts: list[bytes] = []
    size = 0
    while body:
        stream = zlib.decompressobj(GZIP_WINDOW)
        try:
            part = stream.decompress(body, limit - size + 1)
        except zlib.error as error:
            raise Fault("SerializationException", "The request body is not valid gzip") from error
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        if not stream.eof:
            raise Fault("SerializationException", "The gzip request body ends early")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def dechunk(body: bytes, limit: int) -> bytes:
    """`5;chunk-signature=…\\r\\nhello\\r\\n0\\r\\n…` → `hello`; signatures and trailers are dropped."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 256)
        length = _chunk_length(body[at:end]) if end >= 0 else None
        if length is None:
            raise Fault("IncompleteBody", "The aws-chunked request body is damaged or ends early")
        if length == 0:
            return b"".join(parts)
        start, at = end + 2, end + 2 + length
        if body[at : at + 2] != b"\r\n":
            raise Fault("IncompleteBody", "A chunk of the aws-chunked request body has not its stated length")
        parts.append(body[start:at])
        at += 2


def _chunk_length(line: bytes) -> int | None:
    digits = line.split(b";", 1)[0]
    if not 1 <= len(digits) <= 16 or digits.strip(b"0123456789abcdefABCDEF"):
        return None
    return int(digits, 16)


def _too_large(limit: int) -> Fault:
    return Fault(
        "RequestEntityTooLargeException", f"The request body is larger than {limit} bytes", status=413
    )
