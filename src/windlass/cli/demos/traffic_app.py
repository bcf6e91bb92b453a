"""The application of the traffic demo: one file, as a Lambda function and as a web server.

Each request takes WORK_S, of waiting rather than of computing, as most do. The server works at THREADS of
them at a time, and lets others wait, as gunicorn with so many threads would. An answer says which instance it
is from, and the how many-th of it. Standard library alone.
"""

import json
import os
import secrets
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import ClassVar
from urllib.request import urlopen

WORK_S = 0.1
THREADS = 4
DRAINS_S = 25.0
"""After SIGTERM, at most; SIGKILL comes after 30 s."""
INSTANCE = secrets.token_hex(4)
NUMBERS = count(1)


def answer() -> str:
    """What the application says, after its work."""
    time.sleep(WORK_S)
    return json.dumps({"instance": INSTANCE, "number": next(NUMBERS)})


def handler(event: object, context: object) -> dict[str, object]:
    """For Lambda."""
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": answer()}


class Server(ThreadingHTTPServer):
    """For ECS and App Runner."""

    daemon_threads = True
    request_queue_size = 1024
    workers = threading.Semaphore(THREADS)
    taken: ClassVar[set[int]] = set()
    """Threads whose requests wait or are worked at."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            body = b"well"
        else:
            Server.taken.add(threading.get_ident())
            with Server.workers:
                body = answer().encode()
            Server.taken.discard(threading.get_ident())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line for each request would be most of the demo's work."""


def own_address() -> str:
    """The task's own in ECS, since it may share the machine's network; all that there are elsewhere."""
    metadata = os.environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if not metadata:
        return "0.0.0.0"
    with urlopen(metadata, timeout=10) as found:
        networks = json.load(found)["Networks"]
    return next((address for one in networks for address in one.get("IPv4Addresses", ())), "0.0.0.0")


def serve() -> None:
    """Until SIGTERM; what is under way is finished."""
    server = Server((own_address(), int(os.environ.get("PORT", "8080"))), Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    deadline = time.monotonic() + DRAINS_S
    while Server.taken and time.monotonic() < deadline:
        time.sleep(WORK_S)
    time.sleep(WORK_S)


if __name__ == "__main__":
    serve()
