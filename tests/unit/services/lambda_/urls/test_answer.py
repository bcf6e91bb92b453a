"""What a function's result becomes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.lambda_.urls.answer import PRELUDE_END, Answer, BadAnswer, Prelude, plain, read

JSON = ("content-type", "application/json")


def answered(result: Any) -> Answer:
    return read(json.dumps(result).encode())


@pytest.mark.parametrize("result", ["Hello, world!", {"message": "x"}, None, 7, [1], True])
def test_what_is_no_answer_is_the_body(result: Any) -> None:
    """200, JSON, letter for letter."""
    assert answered(result) == Answer(200, (JSON,), json.dumps(result).encode())


def test_an_answer() -> None:
    """Status, headers in lower case, cookies, body."""
    assert answered(
        {
            "statusCode": 201,
            "headers": {"X-A": "1", "N": 2, "B": True, "Gone": None, "Content-Type": "text/html"},
            "cookies": ["a=1", "b=2; Secure"],
            "body": "é",
        }
    ) == Answer(
        201,
        (
            ("x-a", "1"),
            ("n", "2"),
            ("b", "true"),
            ("content-type", "text/html"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2; Secure"),
        ),
        "é".encode(),
    )


def test_what_an_answer_may_leave_out() -> None:
    """Only the status is needed; bodies of 204 and 304 are none; base64 is decoded."""
    assert answered({"statusCode": "404"}) == Answer(404, (JSON,))
    assert answered({"statusCode": 304, "body": "x"}).body == b""
    assert answered({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}).body == b"\x00\xff"


def test_headers_of_the_connection_are_ours() -> None:
    """A function does not say how long our answer is."""
    given_headers = {"Content-Length": "3", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert answered({"statusCode": 200, "headers": given_headers}).headers == (JSON,)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "ok"},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"a b": "x"}},
        {"statusCode": 200, "headers": {"a": "x\r\nset-cookie: y"}},
        {"statusCode": 200, "headers": {"a": ["x"]}},
        {"statusCode": 200, "headers": {"a": "☃"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a\nb"]},
    ],
)
def test_bad_answers(result: Any) -> None:
    """Of the wrong form, or not to be said in HTTP."""
    with pytest.raises(BadAnswer):
        answered(result)


@given(st.binary(max_size=40) | st.from_type(dict).map(lambda _: b"{}"))
def test_any_bytes_are_an_answer_or_a_bad_one(payload: bytes) -> None:
    """Nothing else comes out, whatever a function says."""
    with suppress(BadAnswer):
        assert read(payload).status == 200


HEAD = json.dumps({"statusCode": 202, "headers": {"x-a": "1"}, "cookies": ["c=1"]}).encode()


@given(st.integers(1, 20))
def test_the_head_of_a_stream(step: int) -> None:
    """However it is cut, the head is the same and nothing behind it is lost."""
    whole, prelude = HEAD + PRELUDE_END + b"body\x00" * 3, Prelude()
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    found, left = None, b""
    for number, piece in enumerate(pieces):
        found = prelude.feed(piece)
        if found is not None:
            left = b"".join(pieces[number + 1 :])
            break
    assert found is not None
    head, rest = found
    assert head == Answer(202, (("x-a", "1"), JSON, ("set-cookie", "c=1")))
    assert rest + left == b"body\x00" * 3


def test_streams_without_a_head() -> None:
    """An empty one is 200; what is none is refused; other content types have none."""
    found = Prelude().feed(PRELUDE_END + b"x")
    assert found is not None and (found[0].status, found[1]) == (200, b"x")
    for bad in (b"[]" + PRELUDE_END, b"{" + PRELUDE_END, b"x" * 20_000):
        with pytest.raises(BadAnswer):
            Prelude().feed(bad)
    assert plain("text/html").headers == (("content-type", "text/html"),)
    assert plain("").headers == (("content-type", "application/octet-stream"),)
