"""Which program of this machine runs the functions of a runtime: the exact version if it is here.

`python3.12` is that interpreter if it is on the PATH and works, else the agent's own. `nodejs22.x` is a
Node.js of that major version if there is one, else the one that there is. `provided.*` brings its program in
the package. What runs in the place of something else is said in each environment's first log line.
Blocks: runs candidates once. Call `find` in an executor and keep the answer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal, TypeAlias

Family: TypeAlias = Literal["python", "nodejs", "provided", "image"]
ANSWER_WITHIN_S = 10
_NODEJS = re.compile(r"nodejs(\d+)\.x")
_NODEJS_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)\s*")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs the functions of one runtime, called `name` ("nodejs22.x").

    `version` is what the program says of itself, "22.1.0". Both are empty for a family without a program, and
    where this machine has none.
    """

    name: str
    family: Family
    path: str = ""
    version: str = ""

    @property
    def shown(self) -> str:
        """As the INIT_START line names it: "nodejs:22.1.0", "provided:al2023"; an image has no such line."""
        return f"{self.family}:{self.version}" if self.version else self.name.replace(".", ":", 1)

    @property
    def notice(self) -> str:
        """What the owner of a function should know of it; empty when all is as asked."""
        if self.family == "nodejs" and not self.path:
            return (
                f"Windlass runs {self.name} functions with the Node.js of the machine, and this one has "
                "none: install it (on Debian and Ubuntu the package is called nodejs)"
            )
        wanted = self.name.removeprefix(self.family).removesuffix("x").rstrip(".") + "."
        if not self.version or self.version.startswith(wanted):
            return ""
        return f"Windlass: {self.name} is not installed, running under {self.family}{self.version}"


IMAGE = Runtime("", "image")
"""A container image brings all that it needs."""


def find(name: str) -> Runtime:
    """What runs functions of that runtime."""
    if name.startswith("python"):
        return find_python(name)
    return find_nodejs(name) if _NODEJS.fullmatch(name) else Runtime(name, "provided")


def find_python(name: str) -> Runtime:
    """Exactly that version if it is on the PATH and works, else our own."""
    own = Runtime(name, "python", sys.executable, ".".join(str(part) for part in sys.version_info[:3]))
    wanted = name.removeprefix("python") + "."
    if own.version.startswith(wanted):
        return own
    path = shutil.which(name)
    question = "import platform, sys; print(sys.executable, platform.python_version(), sep='\\n')"
    answer = _ask([path, "-c", question]).split() if path else []
    if len(answer) != 2 or not answer[1].startswith(wanted):
        return own
    return Runtime(name, "python", answer[0], answer[1])


def find_nodejs(name: str) -> Runtime:
    """That major version if a program of the PATH is one, else the first Node.js that works, else none."""
    major = name.removeprefix("nodejs").removesuffix(".x")
    found = []
    for command in (f"node{major}", f"nodejs{major}", f"node-{major}", "node", "nodejs"):
        path = shutil.which(command)
        version = _NODEJS_VERSION.fullmatch(_ask([path, "--version"])) if path else None
        if path and version:
            found.append(Runtime(name, "nodejs", path, ".".join(version.groups())))
            if version[1] == major:
                return found[-1]
    return found[0] if found else Runtime(name, "nodejs")


def _ask(command: list[str]) -> str:
    try:
        asked = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=ANSWER_WITHIN_S
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout
