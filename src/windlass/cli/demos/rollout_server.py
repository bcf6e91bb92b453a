"""A web server of the rollout demo: answers with its revision until it is told to stop, then drains.

Sockets alone, no http.server: hundreds of these start within seconds on two cores. Its port is announced as a
file's name, as a load balancer's target would be registered; on SIGTERM the file goes first, and the server a
little later, so that who has just read its name is still answered.
"""

import select
import signal
import socket
import sys
import time
from pathlib import Path

DRAINS_S = 1.0
"""How long it answers after SIGTERM."""


def serve(revision: str, targets: str) -> None:
    """Until SIGTERM, and a little longer."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    target = Path(targets) / f"{listener.getsockname()[1]}.{revision}"
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    target.touch()
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(revision)}\r\n\r\n{revision}".encode()
    ends_at = None
    while ends_at is None or time.monotonic() < ends_at:
        left = None if ends_at is None else max(0.0, ends_at - time.monotonic())
        ready, _, _ = select.select([listener, woken], [], [], left)
        if woken in ready:
            woken.recv(64)
            if ends_at is None:
                target.unlink()
                ends_at = time.monotonic() + DRAINS_S
        if listener in ready:
            client, _ = listener.accept()
            with client:
                client.settimeout(5)
                client.recv(4096)
                client.sendall(answer)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
