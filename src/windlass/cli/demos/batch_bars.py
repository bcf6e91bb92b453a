"""The live picture of the batch demo: a bar of states for each queue, and one of the vCPUs in use.

Drawn below the story while it goes on, on a terminal only; in a pipe the story's lines are all there is.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from windlass.cli.bars import bar
from windlass.cli.batch import states_bar, states_told

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

WIDTH = 60


class Bars:
    """Use it as a context manager; `show` draws what the plane's overview of Batch says."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def __enter__(self) -> Bars:
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, overview: dict[str, Any]) -> None:
        if self._live is not None:
            self._live.update(_drawn(overview), refresh=True)


def _drawn(overview: dict[str, Any]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for queue in overview["queues"]:
        table.add_row(Text(queue["name"], style="bold"), states_bar(queue["states"], WIDTH))
        table.add_row("", states_told(queue["states"]))
    for one in overview["environments"]:
        used = Text(bar(one["vcpus_used"], one["vcpus_max"], WIDTH), style="magenta")
        told = f"{one['vcpus_used']:g} of {one['vcpus_max']} vCPUs in use, {one['attempts']} attempts"
        table.add_row(Text(one["name"], style="bold"), used)
        table.add_row("", Text(told, style="magenta"))
    return table
