"""The VpcConfig of a request: checked by asking EC2, in Lambda's words when EC2 says no.

Known gaps: IPv6; tenancy of the VPC and permissions of the role are not looked at.
"""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Principal
from windlass.kernel.faults import Fault
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.vpc_model import VpcConfig


async def checked(call: Call, params: Params) -> VpcConfig | None:
    """What the request says of VPCs; None: nothing. Empty lists take the function out of its VPC.

    Raises Fault InvalidParameterValueException.
    """
    given: Params | None = params.get("VpcConfig")
    if given is None:
        return None
    if given.get("Ipv6AllowedForDualStack"):
        raise invalid("Windlass does not have IPv6 yet: leave out Ipv6AllowedForDualStack")
    subnets = tuple(dict.fromkeys(given.get("SubnetIds") or ()))
    groups = tuple(dict.fromkeys(given.get("SecurityGroupIds") or ()))
    if not subnets and not groups:
        return VpcConfig()
    if not subnets or not groups:
        missing = "SecurityGroupIds" if subnets else "SubnetIds"
        raise invalid(f"A VpcConfig names subnets and security groups, or neither: {missing} is empty")
    found = await _ask(call, "DescribeSubnets", {"SubnetIds": list(subnets)})
    vpcs = {subnet["VpcId"] for subnet in found["Subnets"]}
    found = await _ask(call, "DescribeSecurityGroups", {"GroupIds": list(groups)})
    vpcs |= {group["VpcId"] for group in found["SecurityGroups"]}
    if len(vpcs) != 1:
        raise invalid("The subnets and security groups of a VpcConfig must belong to one VPC")
    return VpcConfig(vpcs.pop(), subnets, groups)


async def _ask(call: Call, operation: str, params: Params) -> Params:
    principal = Principal(call.account, call.region, "lambda.amazonaws.com")
    try:
        return await call.calls.call("ec2", operation, params, principal)
    except Fault as fault:
        raise invalid(
            f"Error occurred while {operation}. EC2 Error Code: {fault.code}. "
            f"EC2 Error Message: {fault.message}"
        ) from fault
