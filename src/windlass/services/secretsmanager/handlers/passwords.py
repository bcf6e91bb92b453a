"""GetRandomPassword."""

from __future__ import annotations

import string

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.chance import Chance
from windlass.kernel.faults import Fault
from windlass.services.secretsmanager import limits

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""API reference, GetRandomPassword, ExcludePunctuation."""
_KINDS = (
    ("ExcludeLowercase", string.ascii_lowercase),
    ("ExcludeUppercase", string.ascii_uppercase),
    ("ExcludeNumbers", string.digits),
    ("ExcludePunctuation", PUNCTUATION),
)


def get_random_password(call: Call, params: Params) -> Result:
    """Secrets Manager GetRandomPassword: one of each kind of character that is included, unless "
    "told not to."""
    length, excluded = (
        params.get("PasswordLength", limits.PASSWORD_LENGTH),
        params.get("ExcludeCharacters", ""),
    )
    kinds = [letters for member, letters in _KINDS if not params.get(member, False)]
    if params.get("IncludeSpace"):
        kinds.append(" ")
    allowed = [left for kind in kinds if (left := "".join(c for c in kind if c not in excluded))]
    required = allowed if params.get("RequireEachIncludedType", True) else []
    if not allowed or len(required) > length:
        raise Fault(
            "InvalidParameterException",
            "The password can't be made: too many characters are excluded, or it is too short.",
        )
    stream = call.part(Chance).stream("secretsmanager.password")
    drawn = [stream.choice(kind) for kind in required]
    drawn += stream.choices("".join(allowed), k=length - len(drawn))
    stream.shuffle(drawn)
    return {"RandomPassword": "".join(drawn)}
