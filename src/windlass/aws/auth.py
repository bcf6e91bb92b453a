"""Who calls, and in which Region: the credentials of a request against the rows.

`open` believes what the request says; `sigv4` verifies it in AWS's order: form, time, scope, token, key,
signature. What differs between service families is the table FAULTS. Source: fact sheet wire-protocols,
section 7 ("Order of checks", "The same failures elsewhere"; cells marked UNVERIFIED there are so here).
Known gaps: IAM policies are stored and not enforced, so nothing here answers AccessDenied for one.
"""

from __future__ import annotations

import hmac
import re
from typing import Literal, TypeAlias

from botocore.model import ServiceModel

from windlass.aws.calls import Caller
from windlass.aws.credentials import CREDENTIALS, Credentials, caller, caller_of
from windlass.aws.sigv4 import (
    GLOBAL_SCOPE,
    REGION,
    Auth,
    Refused,
    check_host_signed,
    check_scope,
    check_time,
    read_auth,
    verify,
)
from windlass.aws.wire import Request
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store

Mode: TypeAlias = Literal["open", "sigv4"]
Family: TypeAlias = Literal["query", "json", "rest-json", "sqs", "ec2", "s3"]
"""Services that word the same failure alike."""
Row: TypeAlias = "tuple[str, int, str | None]"
"""Code, HTTP status, and the text where the family has its own."""

DEFAULT_REGION = "us-east-1"

_NO_TOKEN = "Request is missing Authentication Token"
_BAD_TOKEN = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
_S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and "
    "signing method."
)
_EC2_REFUSED = "AWS was not able to validate the provided access credentials"
_S3_UNKNOWN = "The AWS Access Key Id you provided does not exist in our records."
_S3_SKEW = "The difference between the request time and the current time is too large."

_QUERY: dict[str, Row] = {
    "missing": ("MissingAuthenticationToken", 403, _NO_TOKEN),
    "incomplete": ("IncompleteSignature", 400, None),
    "both": ("SignatureDoesNotMatch", 403, None),
    "host": ("SignatureDoesNotMatch", 403, None),
    "clock": ("SignatureDoesNotMatch", 403, None),
    "url_expired": ("SignatureDoesNotMatch", 403, None),
    "scope": ("SignatureDoesNotMatch", 403, None),
    "token": ("InvalidClientTokenId", 403, "The security token included in the request is invalid"),
    "expired": ("ExpiredToken", 403, _EXPIRED),
    "key": ("InvalidClientTokenId", 403, _BAD_TOKEN),
    "signature": ("SignatureDoesNotMatch", 403, _MISMATCH),
}
_JSON: dict[str, Row] = {
    "missing": ("MissingAuthenticationTokenException", 400, _NO_TOKEN),
    "incomplete": ("IncompleteSignatureException", 400, None),
    "both": ("InvalidSignatureException", 400, None),
    "host": ("InvalidSignatureException", 400, None),
    "clock": ("InvalidSignatureException", 400, None),
    "url_expired": ("InvalidSignatureException", 400, None),
    "scope": ("InvalidSignatureException", 400, None),
    "token": ("UnrecognizedClientException", 400, _BAD_TOKEN),
    "expired": ("ExpiredTokenException", 400, _EXPIRED),
    "key": ("UnrecognizedClientException", 400, _BAD_TOKEN),
    "signature": ("InvalidSignatureException", 400, _MISMATCH),
}
_EC2: dict[str, Row] = {
    **dict.fromkeys(_QUERY, ("AuthFailure", 401, _EC2_REFUSED)),
    "expired": ("RequestExpired", 400, "Request has expired."),
    "clock": ("RequestExpired", 400, "Request has expired."),
    "url_expired": ("RequestExpired", 400, "Request has expired."),
}
_S3: dict[str, Row] = {
    "missing": ("AccessDenied", 403, "Access Denied"),
    "incomplete": ("AuthorizationHeaderMalformed", 400, None),
    "both": ("InvalidArgument", 400, "Only one auth mechanism allowed"),
    "host": ("SignatureDoesNotMatch", 403, _S3_MISMATCH),
    "clock": ("RequestTimeTooSkewed", 403, _S3_SKEW),
    "url_expired": ("AccessDenied", 403, "Request has expired"),
    "scope": ("AuthorizationHeaderMalformed", 400, None),
    "token": ("InvalidAccessKeyId", 403, _S3_UNKNOWN),
    "expired": ("ExpiredToken", 400, "The provided token has expired."),
    "key": ("InvalidAccessKeyId", 403, _S3_UNKNOWN),
    "signature": ("SignatureDoesNotMatch", 403, _S3_MISMATCH),
}
FAULTS: dict[Family, dict[str, Row]] = {
    "query": _QUERY,
    "json": _JSON,
    "rest-json": {kind: (code, 403, text) for kind, (code, _, text) in _JSON.items()},
    "sqs": {kind: (code, 403, text) for kind, (code, _, text) in _QUERY.items()},
    "ec2": _EC2,
    "s3": _S3,
}
"""What each family answers, by kind of failure. `None` for a text: the one that `Refused` carries."""

SKEW: dict[Family, Duration] = {
    "query": 15 * MINUTE,
    "json": 5 * MINUTE,
    "rest-json": 5 * MINUTE,
    "sqs": 15 * MINUTE,
    "ec2": 15 * MINUTE,
    "s3": 15 * MINUTE,
}
"""How far the client's clock may be off."""

_FAMILIES: dict[str, Family] = {"query": "query", "rest-json": "rest-json", "ec2": "ec2", "rest-xml": "s3"}
_OPEN_SCOPE = re.compile(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]+)/[^/,\s]+/")
_OPEN_QUERY = re.compile(
    r"X-Amz-Credential=([^/&%]+)(?:/|%2F)[^/&%]*(?:/|%2F)([^/&%]+)(?:/|%2F)", re.IGNORECASE
)
_OLD_KEY = re.compile(r"(?:^|&)AWSAccessKeyId=([^&]+)")


def family_of(service: ServiceModel) -> Family:
    """How a service words its refusals; json 1.0, json 1.1 and CBOR alike."""
    if service.service_name == "sqs":
        return "sqs"
    return _FAMILIES.get(service.protocol, "json")


def auth_fault(kind: str, family: Family, message: str = "") -> Fault:
    code, status, text = FAULTS[family][kind]
    return Fault(code, message if text is None else text, status=status)


def authenticate(
    request: Request,
    service: ServiceModel,
    store: Store,
    now: Instant,
    *,
    mode: Mode,
    default_region: str = DEFAULT_REGION,
) -> tuple[Caller, str]:
    """The caller and the Region that the request is for. Raises the family's Fault in `sigv4` mode."""
    if mode == "open":
        return _believe(request, store, default_region)
    family = family_of(service)
    try:
        row, auth = _verified(request, service.signing_name, store, now, SKEW[family])
    except Refused as refused:
        raise auth_fault(refused.kind, family, refused.message) from refused
    return caller(row), auth.region if auth.region != GLOBAL_SCOPE else DEFAULT_REGION


def names_credentials(request: Request) -> bool:
    """Whether the request says whose it is, signed well or badly."""
    return bool(
        _OPEN_SCOPE.search(request.headers.get("authorization", "")) or _OPEN_QUERY.search(request.query)
    )


def _believe(request: Request, store: Store, default_region: str) -> tuple[Caller, str]:
    """`--auth open`: the access key and the Region that are named, however badly the request is signed."""
    named = _OPEN_SCOPE.search(request.headers.get("authorization", "")) or _OPEN_QUERY.search(request.query)
    if named is not None:
        region = named[2] if REGION.fullmatch(named[2]) else default_region
        return caller_of(named[1], store), region if region != GLOBAL_SCOPE else DEFAULT_REGION
    old = _OLD_KEY.search(request.query)
    return caller_of(old[1] if old else "", store), default_region


def _verified(
    request: Request, signing_name: str, store: Store, now: Instant, skew: Duration
) -> tuple[Credentials, Auth]:
    """AWS's order: time before scope, scope before token and key, key before signature."""
    auth = read_auth(request)
    if auth is None:
        raise Refused("missing")
    check_host_signed(auth)
    check_time(auth, now, skew)
    check_scope(auth, signing_name)
    row = store[CREDENTIALS].get(auth.access_key)
    if row is None or not row.active:
        raise Refused("token" if auth.session_token else "key")
    if not hmac.compare_digest(row.session_token.encode(), (auth.session_token or "").encode()):
        raise Refused("token" if auth.session_token else "key")
    if row.expires_at is not None and now >= row.expires_at:
        raise Refused("expired")
    verify(request, auth, row.secret)
    return row, auth
