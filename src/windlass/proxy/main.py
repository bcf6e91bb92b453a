"""A proxy's process: `python -m windlass.proxy.main`. Started by the plane; composition root of proxy/.

It holds the plane's table (table.py) and goes on with the last one when the plane is gone.
"""

from __future__ import annotations

import asyncio
import os
import sys

from windlass.fleet.frames import StreamTransport
from windlass.fleet.proxy_messages import TO_PROXY_BYTES_MAX, ProxyHello, Table, Took, decode_to_proxy
from windlass.proxy.table import Current


async def serve(socket: str, index: int) -> None:
    """Hold the table of the plane at that Unix socket until the plane ends the session."""
    current = Current()
    reader, writer = await asyncio.open_unix_connection(socket)
    transport = StreamTransport(reader, writer, TO_PROXY_BYTES_MAX, decode_to_proxy)
    await transport.send(ProxyHello(index, os.getpid(), current.generation, ""))
    while (message := await transport.receive()) is not None:
        if isinstance(message, Table):
            current.take(message)
            await transport.send(Took(current.generation))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
