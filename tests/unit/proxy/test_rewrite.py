from __future__ import annotations

import pytest

from windlass.fleet.proxy_messages import Redirect, Rewrite
from windlass.proxy.rewrite import CannotRewrite, change, location
from windlass.proxy.rules import Question


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        (Redirect(301, protocol="HTTPS", port="443"), "https://shop.example:443/a/b?x=1"),
        (Redirect(302, host="new.#{host}"), "http://new.shop.example:8080/a/b?x=1"),
        (Redirect(302, path="/v2/#{path}", query=""), "http://shop.example:8080/v2/a/b"),
        (Redirect(302, path="/#{host}/#{port}", query="#{query}&y=2"), "http://shop.example:8080/shop.example/8080?x=1&y=2"),
        (Redirect(302, path="/#{nothing}"), "http://shop.example:8080/#{nothing}?x=1"),
    ],
)  # fmt: skip
def test_redirects_fill_in_the_request_s_own(redirect: Redirect, expected: str) -> None:
    question = Question("GET", "shop.example:8080", "/a/b", "x=1")
    assert location(redirect, question, "http", 8080) == expected


def test_what_a_client_sends_is_no_placeholder_and_no_second_header() -> None:
    question = Question("GET", "a", "/#{host}\r\nX: é", "")
    assert location(Redirect(301), question, "http", 80) == "http://a:80/#{host}%0D%0AX:%20%C3%A9"


def test_rewrites_change_what_they_find() -> None:
    """Host and URL; what is not found stays; the URL is path and query."""
    both = change(
        [
            Rewrite("host", r"^(.+)\.example\.com$", "$1.internal"),
            Rewrite("url", r"^/api/(.*)\?v=1$", "/v1/$1"),
        ]
    )
    assert both is not None
    assert both("web.example.com", "/api/users?v=1") == ("web.internal", "/v1/users")
    assert both("example.org", "/api/users") == ("example.org", "/api/users")
    assert change([]) is None


@pytest.mark.parametrize(
    "rewrite", [Rewrite("url", "^/", ""), Rewrite("url", "a", " "), Rewrite("host", ".*", "")]
)
def test_what_is_no_url_or_host_fails(rewrite: Rewrite) -> None:
    """The client gets 500 (ALB guide, "Transforms for listener rules")."""
    made = change([rewrite])
    assert made is not None
    with pytest.raises(CannotRewrite):
        made("a.example", "/a")
