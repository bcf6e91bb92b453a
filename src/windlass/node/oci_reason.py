"""Why an OCI container did not start, as ECS words it (Container.reason). Pure."""

from __future__ import annotations

from windlass.node.command import CannotStart
from windlass.node.images.faults import BadImage, CannotPull, Withdrawn

EXPECTED = (BadImage, CannotPull, CannotStart, Withdrawn, OSError, ValueError)
"""OSError: a full disk, a layer that was just removed, no process or descriptor left. ValueError: a NUL or

half a character where the kernel or JSON takes none.
"""


def reason(error: Exception) -> str:
    """What is shown of one of the EXPECTED; nothing when nobody wants the container any more."""
    match error:
        case Withdrawn():
            return ""
        case BadImage():
            return str(CannotPull(str(error)))
        case OSError():
            return str(CannotStart(f"{error.filename or 'the container'}: {error.strerror or error}"))
        case ValueError():
            return str(CannotStart(str(error)))
        case _:
            return str(error)
