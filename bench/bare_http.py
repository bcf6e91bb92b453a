"""The bare cost of HTTP: uvicorn with the same settings, which reads the body and answers a constant."""

from __future__ import annotations

import asyncio
import signal
import socket

import uvloop

from windlass.aws.wire import Request, Response
from windlass.front.server import make_server

ANSWER = Response(
    200, (("content-type", "application/x-amz-json-1.0"),), b'{"MessageId":"' + b"0" * 36 + b'"}'
)


async def serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    async def answer(request: Request, gone: object) -> Response:
        return ANSWER

    server = make_server(answer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: setattr(server, "should_exit", True))
    print(f"bare ready on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(serve())
