"""Signature Version 4: reading what a request claims, and verifying it. Pure.

Decides from the request, the secret and the time; knows neither rows nor how a service words its errors:
it raises `Refused` with a kind, and auth.py turns that into the fault of the service's family. Rules, their
order and texts: fact sheet wire-protocols, section 7.
Known gaps: chunk signatures of streaming S3 uploads are not verified (the seed signature is); SigV4a
(ECDSA) is refused. `request.body` must be the bytes as sent: gzip is undone later.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

from windlass.aws.wire import Request
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
PRESIGNED_S_MAX = 604_800
"""Seconds that a presigned URL may live: seven days (AWS docs, "Signing requests", query parameters)."""
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

GLOBAL_SCOPE = "aws-global"
"""The Region in the scope of some clients of global services; it means us-east-1."""
REGION = re.compile(rf"[a-z]{{2}}(-[a-z]+){{1,3}}-\d{{1,2}}|{GLOBAL_SCOPE}")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_PAIR = re.compile(r"\s*([A-Za-z-]+)\s*=\s*([^,\s]*)\s*")
_QUERY_MUST = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date")


class Refused(Exception):
    """A request whose signature is not accepted: `kind` is a row of auth.py's table, `message` the text
    where the kind alone does not fix it."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Auth:
    """What a signed request claims. `date` is the scope's day, `amz_date` the time of signing as text."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    presigned: bool
    amz_date: str
    expires_s: int | None = None
    session_token: str | None = None
    terminator: str = TERMINATOR

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def read_auth(request: Request) -> Auth | None:
    """The claims of a request, from its header or its query; None when it has none.

    Raises Refused for half of a signature, for both kinds at once and for an unknown algorithm.
    """
    header = request.headers.get("authorization")
    presigned = "X-Amz-Algorithm=" in request.query or "X-Amz-Signature=" in request.query
    if header and presigned:
        raise Refused("both")
    if header:
        return _from_header(header, request)
    return _from_query(query_pairs(request.query)) if presigned else None


def _from_header(header: str, request: Request) -> Auth:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise Refused("incomplete", f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts: dict[str, str] = {}
    for item in rest.split(","):
        pair = _PAIR.fullmatch(item)
        if pair is None:
            raise Refused(
                "incomplete",
                f"'{item.strip()}' not a valid key=value pair (missing equal-sign) in Authorization header: "
                f"'{header}'.",
            )
        parts[pair[1]] = pair[2]
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    stamp = request.headers.get("x-amz-date") or _stamp_of_date(request.headers.get("date"))
    texts = [f"Authorization header requires '{name}' parameter." for name in missing]
    if not stamp:
        texts.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if texts:
        raise Refused("incomplete", f"{' '.join(texts)} Authorization={header}")
    return _auth(
        parts,
        amz_date=stamp or "",
        expires_s=None,
        session_token=request.headers.get("x-amz-security-token"),
    )


def _from_query(pairs: list[tuple[str, str]]) -> Auth:
    given: dict[str, str] = {}
    for name, value in pairs:
        given.setdefault(unquote(name), unquote(value))
    missing = [f"X-Amz-{name}" for name in _QUERY_MUST if not given.get(f"X-Amz-{name}")]
    if missing:
        texts = [f"AWS query-string parameters must include '{name}'." for name in missing]
        raise Refused("incomplete", f"{' '.join(texts)} Re-examine the query-string parameters.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise Refused("incomplete", f"Unsupported AWS 'algorithm': '{given['X-Amz-Algorithm']}'.")
    expires = given.get("X-Amz-Expires", str(15 * 60))
    if not expires.isdecimal() or not 1 <= int(expires[:9]) <= PRESIGNED_S_MAX:
        raise Refused("incomplete", f"X-Amz-Expires must be between 1 and {PRESIGNED_S_MAX} seconds")
    return _auth(
        {name: given[f"X-Amz-{name}"] for name in _QUERY_MUST},
        amz_date=given["X-Amz-Date"],
        expires_s=int(expires),
        session_token=given.get("X-Amz-Security-Token"),
    )


def _auth(
    parts: Mapping[str, str], *, amz_date: str, expires_s: int | None, session_token: str | None
) -> Auth:
    """The claims in Credential, SignedHeaders and Signature; only a presigned request expires."""
    access_key, date, region, service, terminator = _credential(parts["Credential"])
    return Auth(
        access_key=access_key,
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=tuple(parts["SignedHeaders"].lower().split(";")),
        signature=parts["Signature"],
        presigned=expires_s is not None,
        amz_date=amz_date,
        expires_s=expires_s,
        session_token=session_token,
    )


def _credential(text: str) -> list[str]:
    """Access key, day, Region, service, terminator: split from the right."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or not parts[0]:
        raise Refused(
            "incomplete",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{text}'",
        )
    return parts


def _stamp_of_date(header: str | None) -> str | None:
    """A Date header in the form that is signed: `20250101T000000Z`."""
    if not header:
        return None
    try:
        return parsedate_to_datetime(header).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return header


def check_time(auth: Auth, now: Instant, skew: Duration) -> None:
    """Refuse what was signed too long ago or too far ahead. A presigned request lives `expires_s`."""
    signed = instant_of(auth.amz_date)
    if signed is None:
        raise Refused(
            "incomplete",
            f"Date must be in ISO-8601 'basic format'. Got '{auth.amz_date}'. See http://en.wikipedia.org/wiki/ISO_8601",
        )
    minutes = skew // MINUTE
    if signed > now + skew:
        raise Refused(
            "clock",
            f"Signature not yet current: {auth.amz_date} is still later than {stamp(now + skew)} "
            f"({stamp(now)} + {minutes} min.)",
        )
    if auth.presigned:
        if now > signed + (auth.expires_s or 0) * SECOND:
            end = stamp(signed + (auth.expires_s or 0) * SECOND)
            raise Refused("url_expired", f"Signature expired: {end} is now earlier than {stamp(now)}")
    elif signed < now - skew:
        raise Refused(
            "clock",
            f"Signature expired: {auth.amz_date} is now earlier than {stamp(now - skew)} "
            f"({stamp(now)} - {minutes} min.)",
        )


def check_scope(auth: Auth, signing_name: str) -> None:
    """Refuse a credential scope of another service, of no Region, or of another day."""
    if auth.terminator != TERMINATOR:
        raise Refused(
            "scope",
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{auth.terminator}'.",
        )
    texts = []
    if not REGION.fullmatch(auth.region):
        texts.append("Credential should be scoped to a valid region. ")
    if auth.service != signing_name:
        texts.append(f"Credential should be scoped to correct service: '{signing_name}'. ")
    if texts:
        raise Refused("scope", "".join(texts))
    if auth.date != auth.amz_date[:8]:
        raise Refused(
            "scope",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{auth.date}' != '{auth.amz_date[:8]}', from '{auth.amz_date}'.",
        )


def check_host_signed(auth: Auth) -> None:
    if "host" not in auth.signed_headers and ":authority" not in auth.signed_headers:
        raise Refused("host", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")


def verify(request: Request, auth: Auth, secret: str) -> None:
    """Refuse a request whose signature the secret does not give, or whose body is not the one signed."""
    claimed = request.headers.get("x-amz-content-sha256", "")
    if _HEX_DIGEST.fullmatch(claimed) and claimed != hashlib.sha256(request.body).hexdigest():
        raise Refused("signature")
    if not hmac.compare_digest(signature_of(request, auth, secret).encode(), auth.signature.encode()):
        raise Refused("signature")


def signature_of(request: Request, auth: Auth, secret: str) -> str:
    """The signature that the request should carry: 64 hex digits."""
    digest = hashlib.sha256(canonical_request(request, auth)).hexdigest()
    text = "\n".join((ALGORITHM, auth.amz_date, auth.scope, digest))
    key = f"AWS4{secret}".encode()
    for part in (auth.date, auth.region, auth.service, auth.terminator):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(request: Request, auth: Auth) -> bytes:
    """The bytes whose digest is signed."""
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in auth.signed_headers]
    lines = (
        request.method,
        canonical_path(request.path, auth.service),
        canonical_query(request.query),
        "".join(headers),
        ";".join(auth.signed_headers),
        _payload_digest(request, auth),
    )
    return "\n".join(lines).encode()


def _payload_digest(request: Request, auth: Auth) -> str:
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed:
        return claimed
    if auth.presigned and auth.service == "s3":
        return UNSIGNED_PAYLOAD
    return hashlib.sha256(request.body).hexdigest()


def canonical_path(path: str, service: str) -> str:
    """S3 encodes each byte once and keeps every slash; all others normalise and encode what is encoded.

    >>> canonical_path("/2015-03-31/functions/arn%3Aaws", "lambda")
    '/2015-03-31/functions/arn%253Aaws'
    """
    if service == "s3":
        return quote_from_bytes(unquote_to_bytes(path or "/"), safe="/-_.~")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    tail = "/" if path.endswith("/") and kept else ""
    return quote_from_bytes(f"/{'/'.join(kept)}{tail}".encode(), safe="/-_.~")


def canonical_query(query: str) -> str:
    """Names and values decoded, encoded again strictly, and sorted; without the signature itself."""
    pairs = sorted(
        (_encode(name), _encode(value)) for name, value in query_pairs(query) if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def query_pairs(query: str) -> list[tuple[str, str]]:
    """A query string as it came, cut into names and values, still encoded."""
    found = []
    for item in query.split("&"):
        if item:
            name, _, value = item.partition("=")
            found.append((name, value))
    return found


def _encode(text: str) -> str:
    return quote_from_bytes(unquote_to_bytes(text), safe="-_.~")


def instant_of(text: str) -> Instant | None:
    """`20250101T000000Z` as an instant; None for another form."""
    if not re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
        return None
    try:
        return int(datetime.strptime(f"{text}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()) * SECOND
    except ValueError:
        return None


def stamp(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
