"""Managed runtimes: what runs a service's code, on a machine that has what it has. Pure.

`python311` is Python 3.11, `python3` any Python 3; `nodejs18` is Node.js 18. A node looks for exactly that
version (node/function_interpreters.py, as for functions) and says what it found. Where it has another version
of the language only, that is used and the build log says so; where it has none, the build fails. The other
runtimes of App Runner are refused. Under runners with images the public image of the language is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from windlass.services.apprunner.builds.recipe import Unfit

_RUNTIME = re.compile(r"(python|nodejs)(\d{1,3})")
_VERSION = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}")
REFUSED = (
    "Windlass has no managed runtime {name!r}; it has python3, python311 and so on, nodejs18 and so on. "
    "Build an image of the application and deploy that."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`asked` is how the node is asked for it: "python3.11", "nodejs18.x"."""

    asked: str
    image: str
    program: str
    """What its commands are called by: "python3", "node"."""
    any_version: bool = False


def wanted(runtime: str, version: str = "") -> Wanted:
    """What that runtime of apprunner.yaml means, with its runtime-version if it has one. Raises Unfit.

    >>> wanted("python311").asked, wanted("python3", "3.9.16").asked, wanted("nodejs18").asked
    ('python3.11', 'python3.9', 'nodejs18.x')
    """
    found = _RUNTIME.fullmatch(runtime)
    if found is None:
        raise Unfit(REFUSED.format(name=runtime[:100]))
    if version and not _VERSION.fullmatch(version):
        raise Unfit(f"run.runtime-version {version[:100]!r} is no version")
    family, digits = found[1], found[2]
    if family == "nodejs":
        major = version.split(".")[0] or digits
        return Wanted(f"nodejs{major}.x", f"public.ecr.aws/docker/library/node:{major}", "node")
    if not digits.startswith("3"):
        raise Unfit(REFUSED.format(name=runtime[:100]))
    minor = version.split(".")[1] if "." in version else digits[1:]
    exact = f"3.{minor}" if minor else "3"
    return Wanted(
        f"python{exact}", f"public.ecr.aws/docker/library/python:{exact}", "python3", any_version=not minor
    )
