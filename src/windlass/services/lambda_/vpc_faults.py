"""What Lambda says when a function cannot be connected with its VPC. Pure.

Sentences are those of the Lambda API reference (errors of Invoke); EC2's codes come from fleet/interfaces.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.kernel.faults import Fault
from windlass.services.lambda_.transitions import Reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no interface: as a function's state says it, and `error` as Invoke does."""

    reason: Reason
    error: str

    def fault(self) -> Fault:
        """As Invoke answers it."""
        return Fault(self.error, self.reason.text, status=502)


_TROUBLES = {
    "InsufficientFreeAddressesInSubnet": Trouble(
        Reason(
            "SubnetOutOfIPAddresses",
            "Lambda couldn't set up VPC access for the Lambda function because one or more configured "
            "subnets has no available IP addresses.",
        ),
        "SubnetIPAddressLimitReachedException",
    ),
    "NetworkInterfaceLimitExceeded": Trouble(
        Reason(
            "EniLimitExceeded",
            "Lambda couldn't create an elastic network interface in the VPC, specified as part of Lambda "
            "function configuration, because the limit for network interfaces has been reached.",
        ),
        "ENILimitReachedException",
    ),
    "InvalidSubnetID.NotFound": Trouble(
        Reason(
            "InvalidSubnet", "The subnet ID provided in the Lambda function VPC configuration is not valid."
        ),
        "InvalidSubnetIDException",
    ),
    "InvalidGroup.NotFound": Trouble(
        Reason(
            "InvalidSecurityGroup",
            "The security group ID provided in the Lambda function VPC configuration is not valid.",
        ),
        "InvalidSecurityGroupIDException",
    ),
}


def trouble(code: str) -> Trouble:
    """What EC2's error means for a function."""
    unexpected = f"Lambda received an unexpected Amazon EC2 client exception: {code}"
    return _TROUBLES.get(code) or Trouble(Reason("InternalError", unexpected), "EC2UnexpectedException")
