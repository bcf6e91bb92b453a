"""What the code of a function does in a simulated world: how long its parts take, and what it calls.

Of a function that nobody says anything of, events take no time and its result is its event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from windlass.fleet.messages import FunctionSpec
from windlass.kernel.clock import Duration, seconds
from windlass.sim.course import Course


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """Of one function. `takes` is asked for each event, beside what it `does`."""

    takes: Callable[[bytes], Duration] | None = None
    init: Duration | None = None
    """Its own initialisation; None: the profile's delay."""
    does: Callable[[bytes], Awaitable[tuple[bytes, str]]] | None = None
    """With its event: its result, and FunctionError or "". """


NOTHING_SAID = FunctionModel()


def function_course(
    function: FunctionSpec, delay_s: Callable[[str], float], model: FunctionModel = NOTHING_SAID
) -> Course:
    """How the life of a function's environment goes by a profile's delays.

    Of a snapshot it is taken that it is there for whoever is restored from it.
    """
    pull, start = seconds(delay_s("lambda.code")), seconds(delay_s("lambda.sandbox"))
    runtime = seconds(delay_s("lambda.runtime"))
    init = seconds(delay_s("lambda.init")) if model.init is None else model.init
    if function.template:  # it is initialised before it is there
        return Course(pull=pull, start=start + runtime + init)
    if function.snapshot:
        restore = seconds(delay_s("lambda.restore"))
        return Course(pull=pull, start=start, restore=restore, takes=model.takes, does=model.does)
    return Course(pull=pull, start=start, runtime=runtime, init=init, takes=model.takes, does=model.does)
