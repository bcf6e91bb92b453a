"""ARNs: `arn:partition:service:region:account:resource`. Pure.

Source: AWS docs, "Identify AWS resources with Amazon Resource Names (ARNs)".
"""

from __future__ import annotations

from dataclasses import dataclass

PARTITION = "aws"
"""The only partition that Windlass plays."""


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN in parts; `region` and `account` are empty where AWS leaves them out (IAM, S3).

    >>> Arn("ecs", "eu-west-1", "123456789012", "cluster/default")
    arn:aws:ecs:eu-west-1:123456789012:cluster/default
    """

    service: str
    region: str
    account: str
    resource: str
    partition: str = PARTITION

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    __repr__ = __str__


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None for what is none. Colons in the resource belong to it."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        return None
    return Arn(partition=parts[1], service=parts[2], region=parts[3], account=parts[4], resource=parts[5])


def arn(service: str, region: str, account: str, resource: str) -> str:
    """An ARN of ours as text."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"
