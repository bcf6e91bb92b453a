"""`windlass top`: a plane at a glance, drawn again each second until `q` or Ctrl-C.

Reads `/_windlass/overview` only. What a frame looks like top_frame.py decides; this has the terminal.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from windlass.cli.admin_client import AdminClient, Unreachable
from windlass.cli.output import fail, show_json

PERIOD_S = 1.0
WIDTH_IN_PIPE = 100
"""Columns of a frame that goes to no terminal and for which COLUMNS says nothing."""


def top(endpoint: str, once: bool, as_json: bool) -> None:
    """Show frames until the user has seen enough; one frame, or its data as JSON, when asked for that."""
    client = AdminClient(endpoint)
    if as_json:
        show_json(client.get("overview"))
    elif once:
        _once(client)
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail("top draws on a terminal; for a pipe there are --once and --json", 2)
    else:
        _until_enough(client)


def _once(client: AdminClient) -> None:
    from rich.console import Console

    from windlass.cli.top_frame import frame

    piped = not sys.stdout.isatty()
    width = int(os.environ.get("COLUMNS", WIDTH_IN_PIPE)) if piped else None
    console = Console(width=width, highlight=False)
    console.print(frame(client.get("overview"), client.endpoint, console.width, None))


def _until_enough(client: AdminClient) -> None:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

    from windlass.cli.top_frame import frame

    console = Console(highlight=False)
    with _keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            shown: RenderableType
            try:
                shown = frame(client.get("overview"), client.endpoint, console.width, console.height)
            except Unreachable as error:
                shown = Text(f"{error}\n\nq or Ctrl-C ends; looking again each second.", style="red")
            live.update(shown, refresh=True)
            if _asked_to_end():
                return


def _asked_to_end() -> bool:
    """Wait for the next frame's time, or for a key; Ctrl-C ends it as well."""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], PERIOD_S)
        key = os.read(sys.stdin.fileno(), 64) if ready else b"-"
    except KeyboardInterrupt:
        return True
    return not key or key[:1] in b"qQ\x03\x04"


@contextmanager
def _keys() -> Iterator[None]:
    """Single keys without echo, as long as it lasts."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
