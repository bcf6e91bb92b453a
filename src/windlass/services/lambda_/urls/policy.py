"""Whether a resource policy lets someone call a function by its URL. Pure.

Source: Lambda developer guide, "Control access to Lambda function URLs": since October 2025 a caller needs
lambda:InvokeFunctionUrl and lambda:InvokeFunction. Whoever belongs to the function's account may.
"""

from __future__ import annotations

from windlass.services.lambda_.grants import Policy, allows

ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
AUTH_TYPE = "lambda:FunctionUrlAuthType"
VIA_URL = "lambda:InvokedViaFunctionUrl"


def missing(policy: Policy, auth_type: str, account: str = "", arn: str = "") -> list[str]:
    """The actions that no statement of the policy allows to that caller; without one, to everybody."""
    facts = {AUTH_TYPE: auth_type, VIA_URL: "true"}
    return [action for action in ACTIONS if not allows(policy, action, account, arn, facts)]
