"""Where source code is: which repositories can be read, and which directory of one is meant. Pure.

A RepositoryUrl is a directory of this machine, or file://…: a git repository, of which the branch is read, or
a plain directory, which is taken as it is. Nothing is fetched from other machines: those are refused, in
words that say what to do. Knows text; whether anything is there, checkout.py finds out.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from windlass.services.apprunner.builds.recipe import Unfit, is_surrogate

PATH_LENGTH_MAX = 4_096
"""Characters; Linux, PATH_MAX."""
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,254}")
ELSEWHERE = (
    "Windlass reads source code from this machine only: give RepositoryUrl the absolute path of a directory "
    "or git repository, or file:// and that path. Clone {url} and name the clone."
)


def directory(url: str) -> str:
    """The absolute path that a RepositoryUrl means. Raises Unfit.

    >>> directory("file:///srv/my%20code"), directory("/srv/code/")
    ('/srv/my code', '/srv/code')
    """
    path = url
    if not url.startswith("/"):
        try:
            read = urlsplit(url)
        except ValueError:
            raise Unfit(ELSEWHERE.format(url=repr(url[:200]))) from None
        elsewhere = read.scheme.lower() != "file" or read.netloc not in ("", "localhost")
        if elsewhere or read.query or read.fragment:
            raise Unfit(ELSEWHERE.format(url=repr(url[:200])))
        path = unquote(read.path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    clean = "/" + "/".join(parts)
    unusable = len(path) > PATH_LENGTH_MAX or any(ord(one) < 32 or is_surrogate(one) for one in path)
    if not path.startswith("/") or ".." in parts or unusable:
        raise Unfit(f"RepositoryUrl {url[:200]!r} names no directory: it must be absolute, without '..'")
    if clean == "/":
        raise Unfit("RepositoryUrl must not be the root directory")
    return clean


def branch(value: str) -> str:
    """The name of a branch: what git takes as one, and never as an option. Raises Unfit.

    Source: git-check-ref-format(1).
    """
    wrong = any(text in value for text in ("..", "@{", "//", "/.", ".lock/"))
    if wrong or not _BRANCH.fullmatch(value) or value.endswith((".lock", "/", ".")):
        raise Unfit(f"SourceCodeVersion {value[:200]!r} is no name of a branch")
    return value


def inside(source_directory: str) -> str:
    """SourceDirectory relative to the repository's root, "" for the root itself. Raises Unfit.

    >>> inside("/"), inside("services/web/")
    ('', 'services/web')
    """
    parts = [part for part in source_directory.split("/") if part not in ("", ".")]
    if (
        ".." in parts
        or ".git" in parts
        or "\0" in source_directory
        or len(source_directory) > PATH_LENGTH_MAX
    ):
        raise Unfit(f"SourceDirectory {source_directory[:200]!r} leaves the repository")
    return "/".join(parts)
