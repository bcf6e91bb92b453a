"""Limits of SSM, with sources. Facts: docs/aws/ssm.md."""

from __future__ import annotations

from windlass.kernel.clock import DAY, Duration

ACTIVATION_DEFAULT: Duration = DAY
"""How long an activation is good when nothing is asked for; SSM API reference, CreateActivation."""
ACTIVATION_MAX: Duration = 30 * DAY
"""SSM API reference, CreateActivation, ExpirationDate."""
REGISTRATION_LIMIT_DEFAULT = 1
CODE_BYTES = 15
"""An activation code is 20 characters of base 64, as AWS's are."""
TAGS_MAX = 50
"""Per resource; SSM API reference, AddTagsToResource."""
ACTIVATIONS_PAGE = 50
INSTANCES_PAGE = 10
"""SSM API reference, DescribeInstanceInformation, MaxResults: the default."""
ATTRIBUTES_MAX = 10
"""Attributes of its own per container instance; ECS Developer Guide, service quotas."""
