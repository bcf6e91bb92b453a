"""Signatures: what botocore signs is accepted, anything else is refused in the service family's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW, REGION, a_plane
from windlass.aws.auth import FAULTS, auth_fault, authenticate, family_of
from windlass.aws.credentials import CREDENTIALS, Credentials, access_key, issue, root_credentials
from windlass.aws.sigv4 import Refused, canonical_path, canonical_query, read_auth, stamp, verify
from windlass.aws.wire import Request
from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION = botocore.session.get_session()


def a_service(name: str = "ecs") -> Any:
    return SESSION.get_service_model(name)


def signed(
    monkeypatch: pytest.MonkeyPatch | None = None,
    *,
    service: str = "ecs",
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    presigned: bool = False,
    row: Credentials | None = None,
    expires: int = 60,
    at: int = NOW,
    region: str = REGION,
) -> Request:
    """A request as botocore signs it at that instant."""
    credentials = BotoCredentials(row.access_key if row else "AKIATEST", row.secret if row else SECRET)
    if row and row.session_token:
        credentials = BotoCredentials(row.access_key, row.secret, row.session_token)
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    request.context["timestamp"] = stamp(at)
    plain, query = (S3SigV4Auth, S3SigV4QueryAuth) if service == "s3" else (SigV4Auth, SigV4QueryAuth)
    signer = (
        query(credentials, service, region, expires) if presigned else plain(credentials, service, region)
    )
    with pytest.MonkeyPatch.context() as patch:
        moment = datetime.fromtimestamp(at / SECOND, UTC)
        if hasattr(botocore.auth, "get_current_datetime"):
            patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))
        signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    sent = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    return Request(
        method=method,
        path=parts.path or "/",
        query=parts.query,
        headers={"host": parts.netloc, **sent},
        body=body,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def a_store() -> Store:
    return a_plane().store


def with_key(store: Store, **changes: Any) -> Credentials:
    plane = a_plane()
    row = access_key(
        Ids(plane.chance.stream("t")),
        plane.chance,
        account="111122223333",
        arn="arn:u",
        user_id="AIDA",
        now=NOW,
    )
    with store.transact() as tx:
        return tx[CREDENTIALS].put(replace(row, **changes))


URLS = (
    (
        "lambda",
        "POST",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations",
        "",
    ),
    (
        "lambda",
        "DELETE",
        "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Af",
        "tagKeys=a&tagKeys=b%20c",
    ),
    ("batch", "GET", "/v1/tags/arn%3Aaws%3Abatch%3Ax%3A1%3Ajob-queue%2Fq", ""),
    ("sqs", "POST", "/", ""),
    ("sts", "GET", "/", "Action=GetCallerIdentity&Version=2011-06-15"),
    ("iam", "POST", "/", ""),
    ("scheduler", "GET", "/schedules", "NextToken=a%2Fb%3D%3D&MaxResults=3"),
    ("s3", "PUT", "/bucket/a%20b//c/../d%2Be~%3D%2A%3A%C3%A9", "uploads="),
)


@pytest.mark.parametrize("presigned", [False, True])
@pytest.mark.parametrize(("service", "method", "path", "query"), URLS)
def test_accepts_what_botocore_signs(
    service: str, method: str, path: str, query: str, presigned: bool
) -> None:
    """Header and presigned signatures of every kind of path and query that our clients send."""
    body = b"" if presigned or method in ("GET", "DELETE") else b"Action=x"
    url = f"http://127.0.0.1:4566{path}" + (f"?{query}" if query else "")
    request = signed(service=service, method=method, url=url, body=body, presigned=presigned)
    auth = read_auth(request)
    assert auth is not None
    assert (auth.access_key, auth.region, auth.service, auth.presigned) == (
        "AKIATEST",
        REGION,
        service,
        presigned,
    )
    verify(request, auth, SECRET)


safe = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@given(
    st.lists(safe.filter(lambda s: s not in (".", "..") and s), max_size=4),
    st.dictionaries(safe.filter(bool), safe, max_size=4),
    st.binary(max_size=40),
)
def test_accepts_any_path_query_and_body(segments: list[str], query: dict[str, str], body: bytes) -> None:
    """Whatever a client may name its resources."""
    path = "/".join(quote(segment, safe="") for segment in segments)
    text = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
    request = signed(url=f"http://localhost:4566/{path}?{text}", body=body, service="lambda")
    auth = read_auth(request)
    assert auth is not None
    verify(request, auth, SECRET)


CHANGES = {
    "body": lambda r: replace(r, body=r.body + b" "),
    "path": lambda r: replace(r, path="/other"),
    "query": lambda r: replace(r, query=f"{r.query}&a=b"),
    "method": lambda r: replace(r, method="PUT"),
    "host": lambda r: replace(r, headers={**r.headers, "host": "elsewhere"}),
    "header": lambda r: replace(r, headers={**r.headers, "x-amz-target": "Other.Op"}),
    "date": lambda r: replace(r, headers={**r.headers, "x-amz-date": stamp(NOW + SECOND)}),
    "signature": lambda r: replace(
        r, headers={**r.headers, "authorization": r.headers["authorization"][:-4] + "0bad"}
    ),
    "region": lambda r: replace(
        r, headers={**r.headers, "authorization": r.headers["authorization"].replace(REGION, "eu-west-2")}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_refuses_a_changed_request(change: str) -> None:
    """Each part that is signed matters."""
    request = CHANGES[change](signed(headers={"X-Amz-Target": "Service.Op"}))
    auth = read_auth(request)
    assert auth is not None
    with pytest.raises(Refused) as refused:
        verify(request, auth, SECRET)
    assert refused.value.kind == "signature"


def test_refuses_a_wrong_secret_and_a_false_body_digest() -> None:
    """S3 clients send the digest of the body, which then must be the body's."""
    request = signed(service="s3", method="PUT", url="http://h/b/k", body=b"one")
    auth = read_auth(request)
    assert auth is not None
    for body, secret in ((b"two", SECRET), (b"one", "other")):
        with pytest.raises(Refused):
            verify(replace(request, body=body), auth, secret)


def refusal(request: Request, store: Store, service: str, now: int = NOW) -> Fault:
    with pytest.raises(Fault) as refused:
        authenticate(request, a_service(service), store, now, mode="sigv4")
    return refused.value


def test_a_known_key_is_its_caller() -> None:
    """The row says who calls; the scope says where."""
    store = a_store()
    row = with_key(store)
    caller, region = authenticate(signed(row=row), a_service(), store, NOW, mode="sigv4")
    assert (caller.account, caller.arn, caller.user_id, region) == ("111122223333", "arn:u", "AIDA", REGION)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ecs", "InvalidSignatureException", 400),
        ("lambda", "InvalidSignatureException", 403),
        ("iam", "SignatureDoesNotMatch", 403),
        ("sqs", "SignatureDoesNotMatch", 403),
        ("ec2", "AuthFailure", 401),
    ],
)
def test_wrong_secrets_are_refused_in_the_familys_words(service: str, code: str, status: int) -> None:
    """The right key with another secret."""
    store = a_store()
    row = with_key(store)
    fault = refusal(signed(row=replace(row, secret="no"), service=service), store, service)
    assert (fault.code, fault.status) == (code, status)


def test_order_of_checks() -> None:
    """Time comes before scope, scope before key, key before signature."""
    store = a_store()
    row = replace(with_key(store), secret="no")
    late = signed(row=row, service="sqs", at=NOW - HOUR)
    assert "Signature expired" in refusal(late, store, "iam").message
    elsewhere = signed(row=replace(row, access_key="AKIANOBODY"), service="sqs")
    message = refusal(elsewhere, store, "iam").message
    assert message == "Credential should be scoped to correct service: 'iam'. "
    unknown = signed(row=replace(row, access_key="AKIANOBODY"), service="iam")
    assert refusal(unknown, store, "iam").code == "InvalidClientTokenId"
    assert refusal(signed(row=row, service="iam"), store, "iam").message.startswith(
        "The request signature we"
    )


@pytest.mark.parametrize(("service", "minutes"), [("ecs", 5), ("iam", 15)])
def test_clock_skew(service: str, minutes: int) -> None:
    """So many minutes either way are forgiven, and no second more."""
    store = a_store()
    row = with_key(store)
    for at in (NOW - minutes * MINUTE, NOW + minutes * MINUTE):
        authenticate(signed(row=row, service=service, at=at), a_service(service), store, NOW, mode="sigv4")
    old = refusal(signed(row=row, service=service, at=NOW - minutes * MINUTE - SECOND), store, service)
    assert old.message == (
        f"Signature expired: {stamp(NOW - minutes * MINUTE - SECOND)} is now earlier than "
        f"{stamp(NOW - minutes * MINUTE)} ({stamp(NOW)} - {minutes} min.)"
    )
    early = refusal(signed(row=row, service=service, at=NOW + minutes * MINUTE + SECOND), store, service)
    assert early.message.startswith("Signature not yet current: ")


def test_presigned_urls_end() -> None:
    """A URL for sixty seconds works at sixty, not at sixty-one."""
    store = a_store()
    row = with_key(store)
    url = "http://h/?Action=GetCallerIdentity&Version=2011-06-15"
    request = signed(row=row, service="sts", method="GET", url=url, body=b"", presigned=True)
    authenticate(request, a_service("sts"), store, NOW + 60 * SECOND, mode="sigv4")
    assert "expired" in refusal(request, store, "sts", NOW + 61 * SECOND).message


def test_session_tokens() -> None:
    """Temporary credentials need their token, and end."""
    plane = a_plane()
    with plane.store.transact() as tx:
        row = issue(
            tx,
            Ids(plane.chance.stream("t")),
            plane.chance,
            account="1",
            arn="a",
            user_id="u",
            now=NOW,
            expires_at=NOW + HOUR,
        )
    authenticate(signed(row=row), a_service(), plane.store, NOW, mode="sigv4")
    other = signed(row=replace(row, session_token="other"))
    assert refusal(other, plane.store, "ecs").code == "UnrecognizedClientException"
    without = signed(row=replace(row, session_token=""))
    assert refusal(without, plane.store, "ecs").code == "UnrecognizedClientException"
    later = signed(row=row, at=NOW + HOUR)
    assert refusal(later, plane.store, "ecs", NOW + HOUR).code == "ExpiredTokenException"


def test_expired_rows_do_not_pile_up() -> None:
    """A day after their end, issuing others takes them away."""
    plane = a_plane()
    ids = Ids(plane.chance.stream("t"))
    for day in range(5):
        with plane.store.transact() as tx:
            now = NOW + day * 48 * HOUR
            issue(tx, ids, plane.chance, account="1", arn="a", user_id="u", now=now, expires_at=now + HOUR)
    assert len(plane.store[CREDENTIALS]) == 1


@pytest.mark.parametrize(
    ("headers", "query", "code"),
    [
        ({}, "", "MissingAuthenticationToken"),
        ({"authorization": "Basic abc"}, "", "IncompleteSignature"),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"}, "", "IncompleteSignature"),
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "", "IncompleteSignature"),
        (
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
                "x-amz-date": "x",
            },
            "",
            "IncompleteSignature",
        ),
        (
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00",
                "x-amz-date": "yesterday",
            },
            "",
            "IncompleteSignature",
        ),
        (
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=x-a, Signature=00",
                "x-amz-date": stamp(NOW),
            },
            "",
            "SignatureDoesNotMatch",
        ),
        ({}, "X-Amz-Algorithm=AWS4-HMAC-SHA256", "IncompleteSignature"),
        (
            {"authorization": "AWS4-HMAC-SHA256 x"},
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_malformed_signatures(headers: dict[str, str], query: str, code: str) -> None:
    """Half a signature, both kinds, no signature: each its code."""
    request = Request("POST", "/", query, {"host": "h", **headers})
    assert refusal(request, a_store(), "iam").code == code


@pytest.mark.parametrize(
    ("key", "account"),
    [("test", "000000000000"), ("123456789012", "123456789012"), ("12345678901", "000000000000")],
)
def test_open_mode_takes_the_account_from_the_key(key: str, account: str) -> None:
    """Unknown keys: twelve digits are an account; the Region is the scope's, and no signature is needed."""
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/20260101/ap-south-1/ecs/aws4_request, Signature=x"
    request = Request("POST", "/", headers={"authorization": authorization})
    caller, region = authenticate(request, a_service(), a_store(), NOW, mode="open")
    assert (caller.account, caller.arn, region) == (account, f"arn:aws:iam::{account}:root", "ap-south-1")


def test_open_mode_takes_no_nonsense_for_a_region() -> None:
    """A Region ends up in ARNs and keys, so it must look like one."""
    for region in ("nonsense", "eu-west-1x", "EU-WEST-1", "x" * 5000):
        authorization = f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/ecs/aws4_request"
        request = Request("POST", "/", headers={"authorization": authorization})
        assert authenticate(request, a_service(), a_store(), NOW, mode="open")[1] == "us-east-1"


def test_open_mode_knows_keys_and_presigned_urls() -> None:
    """A key of ours is its caller; a request without any is the default account in the default Region."""
    store = a_store()
    row = with_key(store)
    request = signed(row=row, service="sts", method="GET", url="http://h/?Action=x", body=b"", presigned=True)
    assert authenticate(request, a_service("sts"), store, NOW, mode="open")[0].account == "111122223333"
    caller, region = authenticate(
        Request("GET", "/"), a_service(), store, NOW, mode="open", default_region="eu-north-1"
    )
    assert (caller.account, region) == ("000000000000", "eu-north-1")


def test_root_credentials_are_made_once() -> None:
    """The second start finds the key of the first."""
    plane = a_plane()
    first = root_credentials(plane.store, Ids(plane.chance.stream("t")), plane.chance, NOW)
    again = root_credentials(plane.store, Ids(plane.chance.stream("t")), plane.chance, NOW + 1)
    assert first == again
    assert first.arn == "arn:aws:iam::000000000000:root"
    assert len(first.secret) == 40


def test_every_family_has_every_kind() -> None:
    """No kind of refusal is without words anywhere."""
    kinds = set(FAULTS["query"])
    assert all(set(rows) == kinds for rows in FAULTS.values())
    assert {family_of(a_service(name)) for name in ("ecs", "cloudwatch", "logs")} == {"json"}
    assert auth_fault("scope", "s3", "text").message == "text"


def test_canonical_forms() -> None:
    """Paths are normalised and encoded twice, S3's once; queries are sorted."""
    assert canonical_path("/a//b/./c/../d/", "ecs") == "/a/b/d/"
    assert canonical_path("/a//b/../c", "s3") == "/a//b/../c"
    assert canonical_query("b=2&a=1&X-Amz-Signature=zz&a=%7e+") == "a=1&a=~%2B&b=2"
