"""When Python looks for reference cycles: seldom, in a process that makes hardly any.

Rows, requests and answers are trees, which go when nobody holds them any more. By default the collector walks
them all the time and finds nothing: 7 % of the CPU of a RunTask call.
"""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 10, 100)
"""Objects, and passes of the younger generation, before a pass of the garbage collector.

With these it took a quarter of its former time while 500,000 rows were inserted, with pauses under 30 ms.
"""


def look_seldom() -> None:
    """Call it before the modules of a plane are imported: they are all to stay, and a tenth of the CPU that

    importing them took went into looking whether they are garbage.
    """
    gc.set_threshold(*THRESHOLDS)


def settle() -> None:
    """What is there now stays, modules, models and rows of the log: never look at it, at all else seldom.

    Call it once, when a plane is ready to serve.
    """
    gc.freeze()
    look_seldom()
