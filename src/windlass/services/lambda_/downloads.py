"""Signed addresses from which packages can be fetched for ten minutes: GetFunction's Code.Location.

On AWS these lead to a bucket of the service; here they lead back to this endpoint. A signature is made with a
key that this plane drew at its start and keeps in memory, so addresses end with it. Whoever has the address
has the package, as there: it needs no credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, urlencode

from windlass.aws.wire import Request, Response
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.services.lambda_.code import CodeStore
from windlass.services.plane import Plane

PATH = "/_lambda/code/"
VALID: Duration = 10 * MINUTE
"""FunctionCodeLocation, Location; GetFunction."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Downloads:
    """A part: `url` for handlers, `answer` for the front."""

    def __init__(self, plane: Plane, code: CodeStore) -> None:
        self._clock = plane.clock
        self._code = code
        self._key = plane.chance.secret(32)

    def url(self, endpoint: str, sha256: str) -> str:
        """Where the package can be fetched from now on; `endpoint` is the one that the client uses."""
        expires_at = self._clock.now() + VALID
        query = {"Expires": expires_at // SECOND, "Signature": signature(self._key, sha256, expires_at)}
        return f"{endpoint}{PATH}{sha256}?{urlencode(query)}"

    async def answer(self, request: Request) -> Response:
        """The package, or why not; the errors are those of a presigned address of S3."""
        sha256 = request.path.removeprefix(PATH)
        query = dict(parse_qsl(request.query))
        expires = query.get("Expires", "")
        known = _SHA256.fullmatch(sha256) and _SECONDS.fullmatch(expires)
        if request.method != "GET" or not known:
            return _refused(403, "AccessDenied", "Access Denied")
        expires_at = int(expires) * SECOND
        expected = signature(self._key, sha256, expires_at)
        if not hmac.compare_digest(expected.encode(), query.get("Signature", "").encode()):
            return _refused(403, "SignatureDoesNotMatch", "The signature does not match")
        if self._clock.now() >= expires_at:
            return _refused(403, "AccessDenied", "Request has expired")
        try:
            body = await asyncio.get_running_loop().run_in_executor(None, self._code.get, sha256)
        except FileNotFoundError:
            return _refused(404, "NoSuchKey", "The specified key does not exist.")
        return Response(200, (("content-type", "application/zip"),), body)


def signature(key: bytes, sha256: str, expires_at: Instant) -> str:
    """Over the package and the second until which the address is good."""
    return hmac.digest(key, f"{sha256}/{expires_at // SECOND}".encode(), hashlib.sha256).hex()


def _refused(status: int, code: str, message: str) -> Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(status, (("content-type", "application/xml"),), body.encode())
