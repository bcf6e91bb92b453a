"""What pages of other origins are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.lambda_.urls.cors import applied, is_preflight, preflight
from windlass.services.lambda_.urls.model import Cors

ASKED = {
    "origin": "https://page",
    "access-control-request-method": "PUT",
    "access-control-request-headers": "x-a,x-b",
}
ALLOW_ORIGIN = "access-control-allow-origin"
ORIGINS = st.sampled_from(["*", "https://page", "https://other", "null"])


def test_what_a_preflight_is() -> None:
    """OPTIONS with an origin and a method; a plain OPTIONS is the function's."""
    assert is_preflight("OPTIONS", ASKED) and not is_preflight("PUT", ASKED)
    assert not is_preflight("OPTIONS", {"origin": "https://page"})


def test_a_preflight_that_may() -> None:
    """Everything that is configured, and nothing else."""
    cors = Cors(
        allow_methods=("PUT", "GET"),
        allow_headers=("x-a",),
        allow_origins=("https://page",),
        max_age_s=0,
        expose_headers=("x-c",),
    )
    assert preflight(cors, ASKED) == (
        (ALLOW_ORIGIN, "https://page"),
        ("vary", "Origin"),
        ("access-control-allow-methods", "PUT,GET"),
        ("access-control-allow-headers", "x-a"),
        ("access-control-max-age", "0"),
    )
    assert preflight(Cors(allow_origins=("*",)), ASKED) == ((ALLOW_ORIGIN, "*"),)


def test_a_preflight_that_may_not() -> None:
    """No header at all: the browser then refuses."""
    assert preflight(Cors(allow_origins=("https://other",), allow_methods=("*",)), ASKED) == ()
    assert preflight(Cors(allow_methods=("*",)), ASKED) == ()


def test_with_credentials_nothing_is_a_wildcard() -> None:
    """Browsers take no * then: the origin, the method and the headers are named."""
    cors = Cors(True, allow_origins=("*",), allow_methods=("*",), allow_headers=("*",))
    assert dict(preflight(cors, ASKED)) == {
        ALLOW_ORIGIN: "https://page",
        "vary": "Origin",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a,x-b",
    }


def test_the_configuration_stands_over_the_function() -> None:
    """Its headers go, ours come; without a configuration they stay."""
    said = (("Access-Control-Allow-Origin", "https://evil"), ("x-own", "1"))
    assert applied(None, ASKED, said) == said
    cors = Cors(allow_origins=("https://page",), expose_headers=("x-own", "date"))
    assert applied(cors, ASKED, said) == (
        ("x-own", "1"),
        (ALLOW_ORIGIN, "https://page"),
        ("vary", "Origin"),
        ("access-control-expose-headers", "x-own,date"),
    )
    assert applied(cors, {"origin": "https://other"}, said) == (("x-own", "1"),)
    assert applied(cors, {}, said) == (("x-own", "1"),)


@pytest.mark.parametrize("credentials", [True, False])
@given(allowed=st.lists(ORIGINS), origin=ORIGINS)
def test_no_origin_gets_in_that_is_not_listed(credentials: bool, allowed: list[str], origin: str) -> None:
    """An answer names the origin or *, and only when it is allowed; never * with credentials."""
    headers = dict(applied(Cors(credentials, allow_origins=tuple(allowed)), {"origin": origin}, ()))
    shown = headers.get(ALLOW_ORIGIN)
    assert (shown is not None) == ("*" in allowed or origin in allowed)
    assert shown in (None, "*", origin)
    if credentials and shown == "*":
        assert origin == "*"
