"""STS: who calls, and temporary credentials. Policies are not enforced; see docs/aws/sts.md."""

from __future__ import annotations

from windlass.services.plane import Service
from windlass.services.sts.handlers import identity, sessions

_NOT_ENFORCED = "Policy, PolicyArns and Tags are accepted and change nothing: policies are not enforced"

SERVICE = Service(
    name="sts",
    handlers={
        "AssumeRole": sessions.assume_role,
        "GetSessionToken": sessions.get_session_token,
        "GetCallerIdentity": identity.get_caller_identity,
        "GetAccessKeyInfo": identity.get_access_key_info,
    },
    partial={
        "AssumeRole": (
            f"{_NOT_ENFORCED}; the trust policy, ExternalId and MFA are not checked, TransitiveTagKeys and "
            "ProvidedContexts are ignored, PackedPolicySize is not there; root may assume roles"
        ),
        "GetSessionToken": "MFA (SerialNumber, TokenCode) is not checked",
        "GetAccessKeyInfo": "a key that Windlass did not make is the account that --auth open takes it for",
    },
    invalid="ValidationError",
    throttled="Throttling",
)
