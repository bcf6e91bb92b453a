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
PARAMETER_LEVELS_MAX = 15
"""Slashes in a name; SSM API reference, PutParameter, Name."""
PARAMETER_NAME_MAX = 1011
"""Characters, with the ARN's head 2,048 (1,011 for a name as such); SSM API reference, PutParameter."""
PARAMETER_BYTES_MAX = {"Standard": 4096, "Advanced": 8192}
"""Of a value by tier; SSM API reference, PutParameter, Value."""
PARAMETERS_MAX = 10_000
"""Standard parameters per account and Region; SSM API reference, PutParameter, Tier."""
PARAMETER_VERSIONS_MAX = 100
"""The oldest goes, unless it has a label; Systems Manager User Guide, parameter versions."""
LABELS_MAX = 10
"""Per version; SSM API reference, LabelParameterVersion."""
PARAMETERS_PAGE = 10
"""GetParametersByPath; DescribeParameters and GetParameterHistory show PARAMETERS_DESCRIBED."""
PARAMETERS_DESCRIBED = 50
