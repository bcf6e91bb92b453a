"""Addresses of packages: good for ten minutes, for one package, and only as they were signed."""

from __future__ import annotations

import asyncio

import pytest

from tests.build import SetClock, a_plane
from tests.lambda_build import a_zip
from windlass.aws.wire import Request, Response
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.downloads import VALID, Downloads

HOST = "http://127.0.0.1:4566"


def fetched(downloads: Downloads, url: str, method: str = "GET") -> Response:
    path, _, query = url.removeprefix(HOST).partition("?")
    return asyncio.run(downloads.answer(Request(method, path, query)))


def test_an_address_is_good_for_ten_minutes() -> None:
    """Then it says that it has expired; one of another package was never good."""
    clock, code = SetClock(), CodeStore(None)
    downloads = Downloads(a_plane(clock=clock), code)
    sha256, other = code.put(a_zip()), code.put(a_zip("x = 1"))
    url = downloads.url(HOST, sha256)
    assert fetched(downloads, url).body == a_zip()
    assert fetched(downloads, url.replace(sha256, other)).status == 403
    assert fetched(downloads, url, "PUT").status == 403
    clock.time += VALID
    late = fetched(downloads, url)
    assert late.status == 403 and b"Request has expired" in late.body


@pytest.mark.parametrize("path", ["", "..%2Fwindlass.db", "../windlass.db", "0" * 63, "0" * 64])
@pytest.mark.parametrize(
    "query", ["", "Expires=x&Signature=x", "Expires=9999999999&Signature=ü", "Expires=1"]
)
def test_what_was_not_signed_leads_nowhere(path: str, query: str) -> None:
    """No file is looked at."""
    downloads = Downloads(a_plane(), CodeStore(None))
    assert fetched(downloads, f"{HOST}/_lambda/code/{path}?{query}").status == 403


def test_a_package_that_is_gone() -> None:
    """404, as S3 says it."""
    downloads = Downloads(a_plane(), CodeStore(None))
    answer = fetched(downloads, downloads.url(HOST, "0" * 64))
    assert answer.status == 404 and b"NoSuchKey" in answer.body
