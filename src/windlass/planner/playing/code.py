"""What the code of a scenario's functions does: it takes its time, then calls operations with their answers.

Each event has answers of its own: those of the scenario's resources, its own as `event`, and those of the
calls before. A call that fails makes a function error of the event, as an exception in a handler does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from windlass.kernel.clock import Duration
from windlass.kernel.faults import Fault
from windlass.planner.playing.answers import Answers, NotThere
from windlass.planner.playing.calling import WHEN, Calling
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.scenario.workload import Function
from windlass.sim.function_model import FunctionModel

UNHANDLED = "Unhandled"
EVENT = "event"


def model(name: str, said: Function, draw: Callable[[], Duration] | None, calling: Calling) -> FunctionModel:
    """The function of that name; `draw` is how long an event, or a record of it, takes."""

    def takes(payload: bytes) -> Duration:
        if draw is None:
            return 0
        return sum(draw() for _ in range(_records(payload) if said.per_record else 1))

    async def does(payload: bytes) -> tuple[bytes, str]:
        answers = calling.answers.copy()
        answers.keep(EVENT, _read(payload))
        where = f"functions.{name}"
        for call in said.calls:
            try:
                if WHEN in call and not _holds(call[WHEN], answers):
                    continue
                await calling.call(call, where, answers, faults=True)
            except Fault as fault:
                error = {"errorType": fault.code, "errorMessage": fault.message}
                return json.dumps(error).encode(), UNHANDLED
        return b"null", ""

    return FunctionModel(takes, said.init, does if said.calls else None)


def _holds(said: Any, answers: Answers) -> bool:
    """null and missing things do not."""
    try:
        return bool(answers.filled(said))
    except NotThere as error:
        if error.empty:
            return False
        raise CannotPlay(f"when: {error}") from error


def _read(payload: bytes) -> Any:
    try:
        return json.loads(payload or b"null")
    except ValueError:
        return None


def _records(payload: bytes) -> int:
    event = _read(payload)
    records = event.get("Records") if isinstance(event, dict) else None
    return len(records) if isinstance(records, list) else 1
