"""Where a redirect leads, and what a rule makes of a request's host and URL before it is forwarded. Pure.

A redirect's texts may hold #{protocol}, #{host}, #{port}, #{path} (without its first slash) and #{query}
(elbv2 API, RedirectActionConfig); they are filled in once, so what a client sent is never read as one. A
rewrite replaces the first place that its expression is found in; one that is not found changes nothing (ALB
guide, "Transforms for listener rules"). The URL is path and query together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import quote

from windlass.fleet.proxy_messages import Redirect, Rewrite, Scheme
from windlass.kernel.linear_regex import Replace, replacer
from windlass.proxy.rules import Question

_PLACEHOLDER = re.compile(r"#\{(protocol|host|port|path|query)\}")
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
"""What stands in a Location as it is; the rest is percent-encoded."""


def location(redirect: Redirect, question: Question, scheme: Scheme, port: int) -> str:
    """The Location of that redirect, for a request that came to a listener of that scheme and port.

    Redirect(301, protocol="HTTPS", port="443") of http://a.example/x?y=1 → "https://a.example:443/x?y=1"
    """
    own = {
        "protocol": scheme,
        "host": question.name,
        "port": str(port),
        "path": question.path.removeprefix("/"),
        "query": question.query,
    }

    def filled(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: own[found[1]], text)

    query = filled(redirect.query)
    url = f"{filled(redirect.protocol).lower()}://{filled(redirect.host)}:{filled(redirect.port)}"
    return quote(url + filled(redirect.path) + (f"?{query}" if query else ""), safe=_VISIBLE)


class CannotRewrite(Exception):
    """A rewrite made something that is no host or no URL: the client gets 500."""


Change: TypeAlias = Callable[[str, str], tuple[str, str]]
"""(host, path and query) as they came → as they go to the target. Raises CannotRewrite."""

_HOST = re.compile(r"[A-Za-z0-9._~:\[\]-]+")
_URL = re.compile(r"/[\x21-\x7e\x80-\xff]*")


def change(rewrites: Sequence[Rewrite]) -> Change | None:
    """What a rule's rewrites do, compiled; None: nothing. Raises BadRegex."""
    hosts = [replacer(one.pattern, one.replacement) for one in rewrites if one.what == "host"]
    urls = [replacer(one.pattern, one.replacement) for one in rewrites if one.what == "url"]
    if not hosts and not urls:
        return None
    return lambda host, url: (_changed(hosts, host, _HOST), _changed(urls, url, _URL))


def _changed(replaces: Sequence[Replace], text: str, shape: re.Pattern[str]) -> str:
    for replace in replaces:
        found = replace(text)
        if found is not None:
            if not shape.fullmatch(found):
                raise CannotRewrite(found)
            text = found
    return text
