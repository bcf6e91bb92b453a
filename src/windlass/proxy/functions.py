"""Pools that are a Lambda function: the plane invokes it with the whole request, and has its response.

The only bodies that are kept whole; both are bounded as an Application Load Balancer's are (1 MB).
(facts/autoscaling-elb-events.md section 4.2: 413, 502)
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from windlass.fleet.proxy_messages import FunctionAnswer, FunctionCall, Pool
from windlass.kernel.spawn import Spawn
from windlass.proxy.framing import Headers

if TYPE_CHECKING:
    from windlass.proxy.exchange import Exchange

BODY_BYTES_MAX = 2**20
"""Of a request and of a response, where the pool has no limit of its own."""
_OURS = frozenset({"content-length", "connection", "transfer-encoding", "keep-alive", "upgrade"})
"""Headers of a function's response that the proxy writes itself."""

log = logging.getLogger("windlass.proxy")


class Function:
    """One of them; `ask` has the plane invoke it."""

    def __init__(
        self, pool: Pool, ask: Callable[[FunctionCall], Awaitable[FunctionAnswer]], spawn: Spawn
    ) -> None:
        self.pool = pool
        self._ask = ask
        self._spawn = spawn

    @property
    def body_max(self) -> int:
        return self.pool.body_max or BODY_BYTES_MAX

    def become(self, pool: Pool) -> None:
        self.pool = pool

    def look(self, endpoint: str) -> None:
        """Functions are not probed."""

    def take(self, exchange: Exchange) -> None:
        exchange.collect(self.body_max, self._call)

    def end(self, exchange: Exchange) -> None:
        """Nothing is held."""

    def idle(self) -> Iterable[str]:
        return ()

    def cookies(self, exchange: Exchange, set_by_target: Iterable[str], secure: bool) -> Iterable[str]:
        return ()

    def sweep(self, now: float) -> None:
        """There are no connections."""

    def close(self, cut: bool) -> None:
        """There are none."""

    def _call(self, exchange: Exchange, headers: Headers, body: bytes) -> None:
        choice = exchange.choice
        assert choice is not None
        path, _, query = choice.target.partition("?")
        call = FunctionCall(
            0,
            self.pool.key,
            exchange.served.frontend.key,
            exchange.request.method,
            path,
            query,
            tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers),
            body,
            exchange.via.client,
        )
        self._spawn.start(f"function {self.pool.key}", self._answer(exchange, call))

    async def _answer(self, exchange: Exchange, call: FunctionCall) -> None:
        answer = await self._ask(call)
        if exchange.done:
            return
        if answer.error or not 200 <= answer.status <= 599 or len(answer.body) > self.body_max:
            exchange.error = answer.error or "LambdaInvalidResponse"
            exchange.answer(502)
            return
        headers = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in answer.headers
            if name.lower() not in _OURS
        ]
        exchange.reply(answer.status, headers, answer.body)
