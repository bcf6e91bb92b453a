"""What Elastic Load Balancing refuses, in its words. Sources: API reference (codes); texts as AWS answers.

`code` of a Fault is the shape's name in the model, which makes the short code on the wire
(TargetGroupNotFoundException → TargetGroupNotFound).
"""

from __future__ import annotations

from windlass.kernel.faults import Fault


def invalid(message: str) -> Fault:
    return Fault("ValidationError", message)


def configuration(message: str) -> Fault:
    return Fault("InvalidConfigurationRequestException", message)


def unsupported(what: str) -> Fault:
    """For what AWS has and Windlass does not: said with the error that AWS gives to what it cannot do."""
    return Fault("InvalidConfigurationRequestException", f"Windlass does not have {what}")


def no_load_balancer(names: str) -> Fault:
    return Fault("LoadBalancerNotFoundException", f"Load balancers '[{names}]' not found")


def no_group(names: str) -> Fault:
    return Fault("TargetGroupNotFoundException", f"Target groups '{names}' not found")


def one_group_missing(arn: str) -> Fault:
    return Fault("TargetGroupNotFoundException", f"Target group '{arn}' not found")


def no_listener(arn: str) -> Fault:
    return Fault("ListenerNotFoundException", f"Listener '{arn}' not found")


def no_rule(arn: str) -> Fault:
    return Fault("RuleNotFoundException", f"Rule '{arn}' not found")


def not_permitted(message: str) -> Fault:
    return Fault("OperationNotPermittedException", message)


def in_use(message: str) -> Fault:
    return Fault("ResourceInUseException", message)


def bad_action(message: str) -> Fault:
    return Fault("InvalidLoadBalancerActionException", message)


def bad_target(message: str) -> Fault:
    return Fault("InvalidTargetException", message)


def too_many(what: str, most: float, of: str) -> Fault:
    """`too_many("Rules", 100, "rules per load balancer")` → TooManyRules."""
    return Fault(f"TooMany{what}Exception", f"The maximum number of {of} ({most:g}) has been reached")
