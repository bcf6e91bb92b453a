"""Which variables of an environment may be written down: with --with-environment only, and never these. Pure.

A name or a value that looks like a secret is one. That is a net with holes, which is why nothing of an
environment is kept unless asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(
    r"PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE|AUTH|CERT|SALT|SIGN|COOKIE|SESSION|DSN|LICEN[CS]E"
    r"|CONN(ECTION)?_?STR|DATABASE_UR[IL]|WEBHOOK|PWD",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@"  # a password in a URL
    r"|-----BEGIN|\bA(KIA|SIA)[A-Z0-9]{16}\b|\beyJ[\w-]{10,}\.|\b(gh[pousr]_|xox[abprs]-|sk[-_](live|test))"
    r"|[A-Za-z0-9+/_-]{32,}={0,2}"  # long and without a word break: a key, a hash, a token
)


def harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that look like no secret.

    >>> harmless({"STAGE": "prod", "DB_PASSWORD": "x", "DB": "postgres://me:x@db/web"})
    {'STAGE': 'prod'}
    """
    return {
        name: value
        for name, value in environment.items()
        if not _NAME.search(name) and not _VALUE.search(value)
    }
