"""The Extensions API against raw HTTP: who may register when, events, errors, wording."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.node.test_runtime_api import Heard, Line, Runtime
from windlass.node.extensions_api import (
    ERROR_TYPE,
    IDENTIFIER,
    NAME,
    ExtensionsApi,
    Facts,
    invoke_event,
    shutdown_event,
)
from windlass.node.http import Request
from windlass.node.runtime_api import RuntimeApi

FACTS = Facts("f", "7", "app.handler", "123456789012")
REGISTER, NEXT = "/2020-01-01/extension/register", "/2020-01-01/extension/event/next"
BOTH = b'{"events":["INVOKE","SHUTDOWN"]}'
Story = Callable[[ExtensionsApi, Callable[[], Awaitable[Runtime]]], Awaitable[None]]


def play(story: Story) -> None:
    async def run() -> None:
        extensions = ExtensionsApi(FACTS, lambda: None)
        api = RuntimeApi(Heard(), {"/2020-01-01/": extensions})
        port = await api.listen()
        lines: list[Runtime] = []

        async def dial() -> Runtime:
            lines.append(Runtime(*await asyncio.open_connection("127.0.0.1", port)))
            return lines[-1]

        await story(extensions, dial)
        for line in lines:
            line.writer.close()
        api.close()

    asyncio.run(run())


async def register(line: Runtime, name: str, body: bytes = BOTH, *headers: str) -> tuple[str, Any]:
    """(identifier header, answer)."""
    line.send("POST", REGISTER, body, f"Lambda-Extension-Name: {name}", *headers)
    status, answered, answer = await line.answer()
    assert status == 200, answer
    return f"Lambda-Extension-Identifier: {answered['lambda-extension-identifier']}", json.loads(answer)


def test_an_external_extension_lives(tmp_path: Any) -> None:
    """Register, next, INVOKE, next, SHUTDOWN; the environment sees when it is registered and when settled."""

    async def story(extensions: ExtensionsApi, dial: Callable[[], Awaitable[Runtime]]) -> None:
        extensions.expect(["e"])
        line = await dial()
        assert not extensions.registered()
        me, answer = await register(line, "e", BOTH, "Lambda-Extension-Accept-Feature: other, accountId")
        assert answer == {
            "functionName": "f", "functionVersion": "7", "handler": "app.handler",
            "accountId": "123456789012",
        }  # fmt: skip
        assert extensions.registered() and not extensions.settled()
        line.send("GET", NEXT, b"", me)
        await (await dial()).call("GET", "/2018-06-01/ping")  # what was sent before has been taken in
        assert extensions.settled()
        extensions.offer("INVOKE", invoke_event("r1", "arn:f", "Root=1", 99))
        _, headers, body = await line.answer()
        assert json.loads(body) == {
            "eventType": "INVOKE", "requestId": "r1", "invokedFunctionArn": "arn:f", "deadlineMs": 99,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1"},
        }  # fmt: skip
        assert len(headers["lambda-extension-event-identifier"]) == 36 and not extensions.settled()
        extensions.offer("SHUTDOWN", shutdown_event("spindown", 5))  # it is busy: the event waits for it
        assert (await line.call("GET", NEXT, b"", me))[1] == {
            "eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": 5,
        }  # fmt: skip

    play(story)


def test_internal_extensions() -> None:
    """Only while the runtime initialises, only INVOKE, each name once, at most ten in all."""

    async def story(extensions: ExtensionsApi, dial: Callable[[], Awaitable[Runtime]]) -> None:
        line = await dial()
        extensions.expect(["e"])

        async def refused(name: str, body: bytes) -> tuple[str, str]:
            status, fault = await line.call("POST", REGISTER, body, f"Lambda-Extension-Name: {name}")
            assert status == 403
            return fault["errorType"], fault["errorMessage"]

        assert await refused("i", BOTH) == (
            "Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
        )  # fmt: skip
        assert await refused("e", b'{"events":["X"]}') == (
            "Extension.InvalidEventType", "X: ErrorInvalidEventType",
        )  # fmt: skip
        assert (await refused("i", b"{"))[0] == "InvalidRequestFormat"
        assert (await refused("i", b"[]"))[0] == "InvalidRequestFormat"
        assert await refused("", b"{}") == ("Extension.InvalidExtensionName", "Empty extension name")
        _, answer = await register(line, "i", b'{"events":["INVOKE"]}')
        assert "accountId" not in answer
        taken = ("Extension.InvalidExtensionState", "Extension with this name already registered")
        assert await refused("i", b"{}") == taken
        for number in range(8):
            await register(line, f"i{number}", b"{}")
        assert await refused("more", b"{}") == ("Extension.TooManyExtensions", "Extension limit (10) reached")
        extensions.close()
        closed = ("Extension.RegistrationClosed", "Extension registration closed already")
        assert await refused("late", b"{}") == closed

    play(story)


def test_who_is_not_known() -> None:
    """403 in each case; another path 404, another method 405."""

    async def story(extensions: ExtensionsApi, dial: Callable[[], Awaitable[Runtime]]) -> None:
        line = await dial()
        nobody = "00000000-0000-4000-8000-000000000000"
        for header, error_type, message in (
            ("X: y", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
            ("Lambda-Extension-Identifier: x", "Extension.InvalidExtensionIdentifier",
             "Invalid Lambda-Extension-Identifier"),
            (f"Lambda-Extension-Identifier: {nobody}", "Extension.UnknownExtensionIdentifier",
             f"Unknown extension {nobody}"),
        ):  # fmt: skip
            assert await line.call("GET", NEXT, b"", header) == (
                403, {"errorType": error_type, "errorMessage": message},
            )  # fmt: skip
        assert (await line.call("GET", "/2020-01-01/extension/what"))[0] == 404
        assert (await line.call("GET", REGISTER))[0] == 405

    play(story)


@pytest.mark.parametrize(("path", "state"), [("init", "InitError"), ("exit", "ExitError")])
def test_an_extension_gives_up(path: str, state: str) -> None:
    """The first error counts; after that it is asked no more."""

    async def story(extensions: ExtensionsApi, dial: Callable[[], Awaitable[Runtime]]) -> None:
        line = await dial()
        me, _ = await register(line, "i", b"{}")
        where = f"/2020-01-01/extension/{path}/error"
        status, fault = await line.call("POST", where, b"{}", me)
        assert (status, fault["errorType"]) == (403, "Extension.MissingHeader")
        for error_type in ("Extension.First", "Extension.Second"):
            header = f"Lambda-Extension-Function-Error-Type: {error_type}"
            assert await line.call("POST", where, b"{}", me, header) == (202, {"status": "OK"})
        [extension] = extensions.all
        assert (extension.state, extension.error_type) == (state, "Extension.First")
        status, fault = await line.call("GET", NEXT, b"", me)
        assert (status, fault["errorType"]) == (403, "Extension.InvalidExtensionState")
        assert (
            f"State transition from {state} to Ready failed for extension {extension.id}."
            in (fault["errorMessage"])
        )

    play(story)


CALLS = ("register", "next", "init", "exit", "invoke", "shutdown", "lost", "close")


@given(st.lists(st.sampled_from(CALLS), max_size=25))
def test_any_order_of_calls(calls: list[str]) -> None:
    """An event is given out once, only to who asked, and never before it registered; nothing raises."""
    extensions = ExtensionsApi(FACTS, lambda: None)
    extensions.expect(["e"])
    line: Any = Line()
    offered, seen, waiting = 0, 0, 0
    for call in calls:
        me = {IDENTIFIER: extensions.all[0].id, ERROR_TYPE: "x", NAME: "e"}
        match call:
            case "register":
                extensions.answer(Request("POST", REGISTER, me, bytearray(BOTH)), line)
            case "next":
                extensions.answer(Request("GET", NEXT, me), line)
            case "init" | "exit":
                extensions.answer(Request("POST", f"/2020-01-01/extension/{call}/error", me), line)
            case "invoke" | "shutdown":
                subscribed = bool(extensions.all[0].events)
                offered += subscribed
                extensions.offer("INVOKE" if call == "invoke" else "SHUTDOWN", b"event")
            case "lost":
                extensions.lost(line)
                line = Line()
            case "close":
                extensions.close()
        seen += line.answers.count((200, b"event"))
        waiting = extensions.all[0].event is not None
        assert seen + waiting <= offered
        assert all(status in (200, 202, 403) for status, _ in line.answers)
        line.answers.clear()
