"""SSM, as far as what runs here needs it: Parameter Store, and what ECS Anywhere has of activations.

A machine becomes a managed instance (`mi-…`) by an activation; what it is to ECS is the fleet's and ECS's
business. Everything else of Systems Manager is refused: documents, commands, sessions. docs/aws/ssm.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.secret_values import SecretValues
from windlass.services.plane import Plane, Service
from windlass.services.ssm.handlers import (
    activations,
    managed_instances,
    parameter_listings,
    parameters,
    tags,
)
from windlass.services.ssm.model import TABLES
from windlass.services.ssm.reading import ParameterValues
from windlass.services.ssm.registrar import Registrar

_NO_CREDENTIALS = "the role is kept and shown, the machine gets no credentials of it"
_TAGGED = "managed instances and parameters only: nothing else of Systems Manager is here"


def _start(plane: Plane) -> Sequence[object]:
    registrar = Registrar(plane)
    plane.calls.part(SecretValues).serve("ssm", ParameterValues())
    plane.spawn.start(registrar.loop.name, registrar.loop.run())
    return (registrar,)


SERVICE = Service(
    name="ssm",
    handlers={
        "CreateActivation": activations.create_activation,
        "DescribeActivations": activations.describe_activations,
        "DeleteActivation": activations.delete_activation,
        "DescribeInstanceInformation": managed_instances.describe_instance_information,
        "DeregisterManagedInstance": managed_instances.deregister_managed_instance,
        "UpdateManagedInstanceRole": managed_instances.update_managed_instance_role,
        "PutParameter": parameters.put_parameter,
        "GetParameter": parameters.get_parameter,
        "GetParameters": parameters.get_parameters,
        "GetParametersByPath": parameter_listings.get_parameters_by_path,
        "GetParameterHistory": parameters.get_parameter_history,
        "DescribeParameters": parameter_listings.describe_parameters,
        "DeleteParameter": parameters.delete_parameter,
        "DeleteParameters": parameters.delete_parameters,
        "LabelParameterVersion": parameters.label_parameter_version,
        "UnlabelParameterVersion": parameters.unlabel_parameter_version,
        "AddTagsToResource": tags.add_tags_to_resource,
        "RemoveTagsFromResource": tags.remove_tags_from_resource,
        "ListTagsForResource": tags.list_tags_for_resource,
    },
    tables=TABLES,
    start=_start,
    partial={
        "PutParameter": (
            "SecureString: nothing is encrypted, there is no KMS; Policies are refused; "
            "aws:ec2:image is not checked"
        ),
        "DescribeParameters": "Shared is ignored: nothing is shared between accounts",
        "CreateActivation": f"RegistrationMetadata is refused; {_NO_CREDENTIALS}",
        "DescribeInstanceInformation": "no associations; managed instances only, no EC2 instances",
        "UpdateManagedInstanceRole": _NO_CREDENTIALS,
        "AddTagsToResource": _TAGGED,
        "RemoveTagsFromResource": _TAGGED,
        "ListTagsForResource": _TAGGED,
    },
)
