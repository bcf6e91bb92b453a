"""Where requests to function URLs come in: whom a host means, who may call, and what is answered.

The order is AWS's as far as it is known: a preflight request is answered without asking who calls; then
signature, policy, size, and the function's concurrency. The pure modules beside this one say what an event
looks like, what a result becomes, and what a policy allows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from windlass.aws.auth import Mode, authenticate, names_credentials
from windlass.aws.calls import Caller
from windlass.aws.wire import Broken, Request, Response
from windlass.kernel.clock import MILLISECOND, Duration
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.ids import Ids
from windlass.services.entry import Entry
from windlass.services.lambda_.concurrency import TOO_MANY
from windlass.services.lambda_.find import alias_of
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.limits import SYNC_PAYLOAD_BYTES_MAX
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.metering import Subject
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.streaming import Streamed, Streams
from windlass.services.lambda_.tracing import trace_id
from windlass.services.lambda_.urls import cors
from windlass.services.lambda_.urls.answer import PRELUDE_TYPE, Answer, BadAnswer, Prelude, plain, read
from windlass.services.lambda_.urls.event import Arrival, event
from windlass.services.lambda_.urls.model import FUNCTION_URLS, FunctionUrl, read_host
from windlass.services.lambda_.urls.policy import missing
from windlass.services.plane import Plane

log = logging.getLogger("windlass.lambda")
Visited = Callable[[Request], Awaitable[Response]]
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class UrlDoor:
    """Of one plane. `mode` and `region` are those of the front."""

    def __init__(self, plane: Plane, mode: Mode, region: str) -> None:
        self._plane = plane
        self._mode = mode
        self._region = region
        self._invoker = plane.calls.part(Invoker)
        self._measuring = plane.calls.part(Measuring)
        self._streams = plane.calls.part(Streams)
        self._entry = plane.calls.part(Entry)
        self._ids = Ids(plane.chance.stream("lambda.url"))

    def at(self, host: str) -> Visited | None:
        """Who answers requests to that host; None when it is no function URL's."""
        return None if read_host(host) is None else self.answer

    async def answer(self, request: Request) -> Response:
        """The response to one request; every failure is an answer too."""
        request_id = self._ids.uuid()
        given = request.headers.get("x-amzn-trace-id", "")
        trace = trace_id(given, self._plane.clock.now(), self._ids.hex(40))
        url = self._plane.store[FUNCTION_URLS].first("host", read_host(request.headers.get("host", "")))
        if url is None:
            response = _message(404, "Not Found")
        elif url.cors is not None and cors.is_preflight(request.method, request.headers):
            response = Response(200, cors.preflight(url.cors, request.headers))
        else:
            began = self._plane.clock.now()
            response = await self._visit(request, url, request_id, trace)
            response = replace(response, headers=cors.applied(url.cors, request.headers, response.headers))
            self._count(url, response.status, self._plane.clock.now() - began)
        ours = (("x-amzn-requestid", request_id), ("x-amzn-trace-id", trace))
        return replace(response, headers=(*response.headers, *ours))

    def _count(self, url: FunctionUrl, status: int, took: Duration) -> None:
        """Metrics of function URLs (Lambda developer guide, "Monitoring Lambda function URLs")."""
        subject = Subject(url.account, url.region, url.function, url.qualifier)
        self._measuring.add(subject, "UrlRequestCount")
        self._measuring.add(subject, "UrlRequestLatency", took / MILLISECOND)
        self._measuring.add(subject, "Url4xxCount", 1 if 400 <= status < 500 else 0)
        self._measuring.add(subject, "Url5xxCount", 1 if status >= 500 else 0)

    async def _visit(self, request: Request, url: FunctionUrl, request_id: str, trace: str) -> Response:
        try:
            function = self._plane.store[FUNCTIONS].require((url.account, url.region, url.function))
            caller = self._admit(request, url, function)
            if len(request.body) > SYNC_PAYLOAD_BYTES_MAX:
                return _message(413, "Request Entity Too Large")
            arrival = Arrival(self._plane.clock.now(), request_id, trace, caller)
            wanted = Event(request_id, event(request, url, arrival), trace_id=trace)
            return await self._invoke(function, url, wanted)
        except Fault as fault:
            if fault.code == TOO_MANY:
                return _json(429, {**fault.members, "message": fault.message})
            if fault.status == 403:
                return _message(403, fault.message)
            return self._broken(url, fault.message)
        except Retry as error:
            return self._broken(url, error.why)
        except Exception as error:
            log.error("request %s to %s failed", request_id, url.url_id, exc_info=error)
            return self._broken(url, f"Windlass failed; request {request_id}")

    def _admit(self, request: Request, url: FunctionUrl, function: Function) -> Caller | None:
        """Who calls, if the URL wants to know; raises Fault for those who may not."""
        caller = None if url.auth_type == "NONE" else self._signer(request, url)
        if caller is not None and caller.account == url.account:
            return caller
        alias = alias_of(self._plane.store, function, url.qualifier)
        policy = function.policy if alias is None else alias.policy
        account, arn = ("", "") if caller is None else (caller.account, caller.arn)
        lacking = missing(policy, url.auth_type, account, arn)
        if lacking:
            why = f"the resource policy does not allow {' and '.join(lacking)}"
            self._plane.journal.note("lambda", function.arn, "function URL forbidden", why)
            raise Fault("AccessDeniedException", _FORBIDDEN, status=403)
        return caller

    def _signer(self, request: Request, url: FunctionUrl) -> Caller:
        """Who signed the request. With `--auth open` a signature has to be there, and is believed."""
        if self._mode == "open" and not names_credentials(request):
            raise Fault("AccessDeniedException", _FORBIDDEN, status=403)
        caller, region = authenticate(
            request,
            self._entry.models.service("lambda"),
            self._plane.store,
            self._plane.clock.now(),
            mode=self._mode,
            default_region=self._region,
        )
        if self._mode == "sigv4" and region != url.region:
            raise Fault("InvalidSignatureException", _FORBIDDEN, status=403)
        return caller

    async def _invoke(self, function: Function, url: FunctionUrl, wanted: Event) -> Response:
        target = self._invoker.target(function, url.qualifier)
        try:
            if url.invoke_mode == "RESPONSE_STREAM":
                return await self._stream(url, self._streams.open(target, wanted))
            result = await self._invoker.invoke(target, wanted)
            if result.error:
                return self._broken(url, "the function failed")
            return _response(read(result.payload))
        except BadAnswer as bad:
            return self._broken(url, f"the function's result is no answer: {bad}")

    async def _stream(self, url: FunctionUrl, streamed: Streamed) -> Response:
        """The head as soon as it is known; the rest as it comes. Raises BadAnswer for a head that is none."""
        await streamed.begin()
        if streamed.failed:
            return self._broken(url, "the function failed")
        pieces = streamed.pieces()
        if streamed.content_type != PRELUDE_TYPE:
            head, first = plain(streamed.content_type), b""
        else:
            head, first = await _after_head(pieces)
        return replace(_response(head), stream=self._rest(url, streamed, first, pieces))

    async def _rest(
        self, url: FunctionUrl, streamed: Streamed, first: bytes, pieces: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        if first:
            yield first
        async for piece in pieces:
            if piece:
                yield piece
        try:
            code = streamed.ending().code
        except Exception as error:
            code = str(error)
        if code:
            self._plane.journal.note("lambda", url.function, "function URL broke off", code)
            raise Broken(code)

    def _broken(self, url: FunctionUrl, why: str) -> Response:
        self._plane.journal.note("lambda", url.function, "function URL answered 502", why)
        return Response(502, (("content-type", "application/json"),), b"Internal Server Error")


async def _after_head(pieces: AsyncIterator[bytes]) -> tuple[Answer, bytes]:
    """The head of a stream, and what came behind it."""
    prelude = Prelude()
    async for piece in pieces:
        if (found := prelude.feed(piece)) is not None:
            return found
    raise BadAnswer("the stream ends within its head")


def _response(answer: Answer) -> Response:
    return Response(answer.status, answer.headers, answer.body)


def _message(status: int, text: str) -> Response:
    return _json(status, {"Message": text})


def _json(status: int, members: dict[str, object]) -> Response:
    body = json.dumps(members, separators=(",", ":")).encode()
    return Response(status, (("content-type", "application/json"),), body)
