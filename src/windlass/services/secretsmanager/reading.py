"""What others ask of Secrets Manager: the value that a reference in a task definition means.

Forms: facts/autoscaling-elb-events.md section 9; ECS Developer Guide, secrets-envvar-secrets-manager.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from windlass.aws.secret_values import Scope, Unreadable
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.secretsmanager import find

_ARN_FIELDS = 7


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret's ARN, and which version and which member of its JSON is meant: "" the current one, all."""

    arn: str
    key: str = ""
    stage: str = ""
    version_id: str = ""


def reference(text: str) -> Reference:
    """Raises ValueError for what has too many or too few parts.

    >>> found = reference("arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf:password::")
    >>> found.arn, found.key
    ('arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf', 'password')
    """
    parts = text.split(":")
    if len(parts) not in (_ARN_FIELDS, _ARN_FIELDS + 3):
        raise ValueError(f"unexpected ARN format with parameters when trying to retrieve ASM secret: {text}")
    return Reference(":".join(parts[:_ARN_FIELDS]), *parts[_ARN_FIELDS:])


class SecretReferences:
    """Answers what others ask (aws/secret_values.py)."""

    def read(self, reads: Store | Transaction, scope: Scope, text: str, now: Instant) -> str:
        """In the asker's account, but in whatever Region the ARN names.

        What another account shares by its policy is out of reach: policies authorize nothing here.
        """
        try:
            wanted = reference(text)
            row = find.secret(reads, (scope[0], wanted.arn.split(":")[3]), wanted.arn)
            version = find.version(reads, row, wanted.version_id, wanted.stage)
        except ValueError as error:
            raise Unreadable(str(error)) from None
        except Fault as fault:
            raise Unreadable(f"{fault.code}: {fault.message}") from None
        if version.text is None:
            raise Unreadable("the secret is binary: an environment variable needs a SecretString")
        return _member(version.text, wanted.key) if wanted.key else version.text


def _member(text: str, key: str) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or key not in content:
        raise Unreadable(f"retrieved secret from Secrets Manager did not contain json key {key}")
    found = content[key]
    return found if isinstance(found, str) else json.dumps(found)
