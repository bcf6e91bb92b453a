"""An agent that kills itself at a step: `dying_agent.py STEP NUMBER ARGUMENTS…`, at the NUMBERth time."""

from __future__ import annotations

import os
import signal
import sys

from windlass.node.main import main


class Death:
    """Comes when the step is reached for the last of so many times."""

    def __init__(self, step: str, number: int) -> None:
        self._step = step
        self._left = number

    def __call__(self, step: str) -> None:
        self._left -= step == self._step
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[3:], Death(sys.argv[1], int(sys.argv[2]))))
