from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from windlass.fleet.proxy_messages import Endpoint, Forward, Pool, Share, Sticky
from windlass.kernel.clock import SECOND
from windlass.proxy.stickiness import GroupSessions, Seal, Sessions, cookie

NOW = 1_700_000_000 * SECOND
SEAL = Seal(b"secret")
POOL = Pool(
    "pool",
    sticky=Sticky("lb_cookie", seconds=60),
    endpoints=tuple(Endpoint(key, "127.0.0.1", 80) for key in ("a:80", "b:80")),
)


def sent_back(*set_cookies: str) -> str:
    """The Cookie header of a client that got these."""
    return "theme=dark; " + "; ".join(text.partition(";")[0] for text in set_cookies)


def test_a_client_comes_back_to_its_target_for_a_while() -> None:
    sessions = Sessions(SEAL, POOL)
    found = sessions.cookies("b:80", (), False, NOW)
    assert [text.partition("=")[0] for text in found] == ["AWSALB", "AWSALBCORS"]
    assert found[0].endswith("; Expires=Tue, 14 Nov 2023 22:14:20 GMT; Path=/")
    assert found[1].endswith("; Path=/; SameSite=None")
    assert sessions.cookies("b:80", (), True, NOW)[1].endswith("; SameSite=None; Secure")
    assert sessions.target(sent_back(*found), NOW + 59 * SECOND) == "b:80"
    assert sessions.target(sent_back(*found), NOW + 60 * SECOND) is None


def test_a_cookie_is_good_for_nothing_else() -> None:
    """Another pool, secret, kind or target that is gone: as if there were none."""
    header = sent_back(*Sessions(SEAL, POOL).cookies("a:80", (), False, NOW))
    assert Sessions(SEAL, POOL).target(header, NOW) == "a:80"
    assert Sessions(Seal(b"other"), POOL).target(header, NOW) is None
    assert Sessions(SEAL, replace(POOL, key="other")).target(header, NOW) is None
    assert Sessions(SEAL, replace(POOL, endpoints=POOL.endpoints[1:])).target(header, NOW) is None
    assert Sessions(SEAL, replace(POOL, sticky=None)).target(header, NOW) is None
    by_application = replace(POOL, sticky=Sticky("app_cookie", "sid", 60))
    forged = header.replace("AWSALB", "AWSALBAPP-0") + "; sid=1"
    assert Sessions(SEAL, by_application).target(forged, NOW) is None


def test_an_application_s_cookie_begins_and_carries_a_session() -> None:
    """1. Nothing before the application sets its own. 2. Both must come back."""
    sessions = Sessions(SEAL, replace(POOL, sticky=Sticky("app_cookie", "sid", 60)))
    assert sessions.cookies("a:80", ("other=1; Path=/",), False, NOW) == []
    (ours,) = sessions.cookies("a:80", ("other=1", "sid=7; HttpOnly"), False, NOW)
    assert ours.startswith("AWSALBAPP-0=")
    assert sessions.target(sent_back(ours), NOW) is None
    assert sessions.target(sent_back(ours) + "; sid=7", NOW) == "a:80"


def test_a_client_stays_with_its_group() -> None:
    forward = Forward((Share("blue", 1), Share("green", 1), Share("off", 0)), sticky_s=60)
    sessions = GroupSessions(SEAL, "rule", forward)
    found = sessions.cookies("green", False, NOW)
    assert [text.partition("=")[0] for text in found] == ["AWSALBTG", "AWSALBTGCORS"]
    assert sessions.pool(sent_back(*found), NOW) == "green"
    assert sessions.pool(sent_back(*found), NOW + 60 * SECOND) is None
    without = GroupSessions(SEAL, "rule", Forward((Share("blue", 1), Share("green", 0)), sticky_s=60))
    assert without.pool(sent_back(*found), NOW) is None
    assert GroupSessions(SEAL, "other", forward).pool(sent_back(*found), NOW) is None
    assert GroupSessions(SEAL, "rule", replace(forward, sticky_s=0)).cookies("green", False, NOW) == []


def test_values_tell_nothing_about_targets() -> None:
    """Two clients of one target get values that share no part."""
    one, other = (SEAL.close("x", SEAL.id("pool", "a:80"), NOW + shift) for shift in (0, 1))
    assert not any(a == b for a, b in zip(_pieces(one), _pieces(other), strict=True))


def _pieces(value: str) -> list[str]:
    return [value[place : place + 4] for place in range(0, len(value), 4)]


@given(st.integers(0, 10**9), st.integers(0, 300))
def test_no_bit_can_be_changed(until: int, bit: int) -> None:
    value = SEAL.close("x", b"12345678", until + 1)
    assert SEAL.open("x", value, 0) == b"12345678"
    place = bit % (len(value) - 1)  # the last character has bits that mean nothing
    changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
    assert SEAL.open("x", changed, 0) is None


@given(st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    assert SEAL.open("x", text, 0) is None
    assert Sessions(SEAL, POOL).target(f"AWSALB={text}", NOW) is None


def test_cookies_are_found_by_their_whole_name() -> None:
    assert cookie("AWSALBCORS=1; AWSALB=2;AWSALB=3", "AWSALB") == "2"
    assert cookie("AWSALBCORS=1", "AWSALB") is None
    assert cookie("a=b=c", "a") == "b=c"
