"""Reading a parameter by its reference: for GetParameter, and for tasks that are started with its value."""

from __future__ import annotations

from windlass.aws.secret_values import Scope, Unreadable
from windlass.kernel.clock import Instant
from windlass.kernel.store import Store, Transaction
from windlass.services.ssm import parameter as rules
from windlass.services.ssm.model import PARAMETERS, VERSIONS, Parameter, ParameterVersion


class NotThere(Exception):
    """No such parameter or version, in SSM's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def find(reads: Store | Transaction, scope: Scope, text: str) -> tuple[Parameter, ParameterVersion]:
    """The parameter and the version that a name or an ARN means. Raises NotThere."""
    named = rules.reference(text)
    if text.startswith("arn:") and tuple(text.split(":")[4:2:-1]) != scope:
        raise NotThere("ParameterNotFound", f"Parameter {text} not found.")
    parameter = reads[PARAMETERS].get((*scope, named.name))
    if parameter is None and text.startswith("arn:"):
        parameter = reads[PARAMETERS].get((*scope, f"/{named.name}"))  # an ARN does not tell "a" from "/a"
    if parameter is None:
        raise NotThere("ParameterNotFound", f"Parameter {text} not found.")
    version = rules.choose(parameter, reads[VERSIONS].by("parameter", parameter.key), named.selector)
    if version is None:
        raise NotThere(
            "ParameterVersionNotFound",
            f"Systems Manager could not find version {named.selector} of {parameter.name}. "
            "Verify the version and try again.",
        )
    return parameter, version


class ParameterValues:
    """Answers what others ask of Parameter Store (aws/secret_values.py)."""

    def read(self, reads: Store | Transaction, scope: Scope, reference: str, now: Instant) -> str:
        """In the asker's account, but in whatever Region an ARN names: nothing is shared between accounts."""
        where = (scope[0], reference.split(":")[3]) if reference.startswith("arn:") else scope
        try:
            _, version = find(reads, where, reference)
        except NotThere as none:
            raise Unreadable(str(none)) from None
        return version.value
