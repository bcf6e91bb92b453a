"""What CreateService and UpdateService are given: checked, with AWS's defaults filled in. Pure.

Sources: botocore's model and facts/apprunner.md, 3. What a parameter refers to is looked up elsewhere
(`references.py`). Members that UpdateService leaves out keep what they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.services.apprunner import limits
from windlass.services.apprunner.faults import invalid
from windlass.services.apprunner.model import Shape

_HEALTH_CHECK = {
    "Protocol": "TCP",
    "Path": "/",
    "Interval": 5,
    "Timeout": 2,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 5,
}
"""BM, HealthCheckConfiguration."""
_MIB = 1024
_CODE, _IMAGE = "CodeRepository", "ImageRepository"
_CONNECTED_HOSTS = ("https://github.com/", "https://bitbucket.org/")
"""Code there is read through a connection only, on AWS and here."""


def source(given: Shape, account: str, held: Shape | None = None) -> Shape:
    """SourceConfiguration. `held`: as it was, for an update. Raises InvalidRequestException."""
    kinds = [kind for kind in (_CODE, _IMAGE) if kind in given]
    if len(kinds) == 2 or not (kinds or held):
        raise invalid("Specify exactly one of CodeRepository and ImageRepository in SourceConfiguration.")
    if held is not None and kinds and kinds[0] not in held:
        raise invalid("You can't change the source of a service from code to image, or from image to code.")
    merged = {**(held or {}), **given}
    kind = _CODE if _CODE in merged else _IMAGE
    read = _code if kind == _CODE else _image
    merged[kind] = read(merged[kind])
    merged.setdefault("AutoDeploymentsEnabled", _deploys_by_itself(merged, account))
    _check_authentication(merged, account)
    return merged


def instance(given: Shape, held: Shape | None = None) -> Shape:
    """InstanceConfiguration, Cpu and Memory as numbers. Raises InvalidRequestException."""
    merged = {"Cpu": limits.DEFAULT_CPU, "Memory": limits.DEFAULT_MEMORY, **(held or {}), **given}
    merged["Cpu"] = _number(merged["Cpu"], " vCPU")
    merged["Memory"] = _number(merged["Memory"], " GB")
    if merged["Memory"] not in limits.SIZES.get(merged["Cpu"], ()):
        raise invalid(f"Cpu {merged['Cpu']} and Memory {merged['Memory']} don't go together.")
    return merged


def health_check(given: Shape, held: Shape | None = None) -> Shape:
    """HealthCheckConfiguration, whole. Raises InvalidRequestException."""
    merged = {**_HEALTH_CHECK, **(held or {}), **given}
    if not merged["Path"].startswith("/"):
        raise invalid("The Path of HealthCheckConfiguration must begin with a slash.")
    return merged


def network(given: Shape, held: Shape | None = None) -> Shape:
    """NetworkConfiguration, whole. Raises InvalidRequestException."""
    base: dict[str, Any] = {
        "EgressConfiguration": {"EgressType": "DEFAULT"},
        "IngressConfiguration": {"IsPubliclyAccessible": True},
        "IpAddressType": "IPV4",
    }
    merged = {**base, **(held or {}), **given}
    egress = {**base["EgressConfiguration"], **merged["EgressConfiguration"]}
    if (egress["EgressType"] == "VPC") != ("VpcConnectorArn" in egress):
        raise invalid(
            "EgressConfiguration must have a VpcConnectorArn if, and only if, its EgressType is VPC."
        )
    ingress = {**base["IngressConfiguration"], **merged["IngressConfiguration"]}
    return {**merged, "EgressConfiguration": egress, "IngressConfiguration": ingress}


def observability(given: Shape) -> Shape:
    """ObservabilityConfiguration of a service; empty when not enabled. Raises InvalidRequestException."""
    if not given.get("ObservabilityEnabled"):
        if "ObservabilityConfigurationArn" in given:
            raise invalid("ObservabilityConfigurationArn is valid only when ObservabilityEnabled is true.")
        return {}
    return given


def _image(given: Shape) -> Shape:
    configuration = dict(given.get("ImageConfiguration", {}))
    configuration.setdefault("Port", limits.DEFAULT_PORT)
    _check_application(configuration)
    return {**given, "ImageConfiguration": configuration}


def _code(given: Shape) -> Shape:
    configuration = dict(given.get("CodeConfiguration", {"ConfigurationSource": "REPOSITORY"}))
    if configuration["ConfigurationSource"] == "API":
        if "CodeConfigurationValues" not in configuration:
            raise invalid("CodeConfigurationValues are required when ConfigurationSource is API.")
        values = dict(configuration["CodeConfigurationValues"])
        values.setdefault("Port", limits.DEFAULT_PORT)
        _check_application(values)
        configuration["CodeConfigurationValues"] = values
    if not given["RepositoryUrl"]:
        raise invalid("RepositoryUrl must not be empty.")
    if not given["SourceCodeVersion"]["Value"]:
        raise invalid("The Value of SourceCodeVersion must not be empty.")
    return {"SourceDirectory": "/", **given, "CodeConfiguration": configuration}


def _check_application(values: Shape) -> None:
    """Port, environment and secrets: the same of images and code."""
    port = values["Port"]
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= limits.PORT_MAX):
        raise invalid(f"Port must be a number from 1 to {limits.PORT_MAX}.")
    variables: Mapping[str, str] = values.get("RuntimeEnvironmentVariables", {})
    secrets: Mapping[str, str] = values.get("RuntimeEnvironmentSecrets", {})
    for name in (*variables, *secrets):
        if name.startswith(limits.VARIABLE_PREFIX):
            raise invalid(
                f"Names of environment variables that begin with {limits.VARIABLE_PREFIX} are reserved."
            )
        if not name or "=" in name or "\0" in name:
            raise invalid("A name of an environment variable is empty, or has characters that none can have.")
    if any("\0" in value for value in variables.values()):
        raise invalid("A value of an environment variable has a character that none can have.")
    if twice := sorted(set(variables) & set(secrets)):
        raise invalid(f"{twice[0][:128]} is both an environment variable and a secret.")


def _check_authentication(merged: Shape, account: str) -> None:
    given = merged.get("AuthenticationConfiguration", {})
    if _CODE in merged:
        url = merged[_CODE]["RepositoryUrl"].lower()
        if "AccessRoleArn" in given or (url.startswith(_CONNECTED_HOSTS) and "ConnectionArn" not in given):
            raise invalid("Authentication configuration is invalid: code repositories need a ConnectionArn.")
        return
    private = merged[_IMAGE]["ImageRepositoryType"] == "ECR"
    if "ConnectionArn" in given or private != ("AccessRoleArn" in given):
        raise invalid(
            "Authentication configuration is invalid: images in ECR, and no others, need an AccessRoleArn."
        )
    if merged["AutoDeploymentsEnabled"] and not _deploys_by_itself(merged, account):
        raise invalid("AutoDeploymentsEnabled is not supported for ECR Public, or ECR in another account.")


def _deploys_by_itself(merged: Shape, account: str) -> bool:
    """The default of AutoDeploymentsEnabled; for images also whether it may be true."""
    image = merged.get(_IMAGE)
    if image is None:
        return True
    return image["ImageRepositoryType"] == "ECR" and str(image["ImageIdentifier"]).startswith(f"{account}.")


def _number(text: str, unit: str) -> str:
    """CPU units or MiB of "1 vCPU" or "2 GB", which both mean 1024 of something smaller.

    >>> _number("0.25 vCPU", " vCPU"), _number("512", " GB")
    ('256', '512')
    """
    return str(round(float(text.removesuffix(unit)) * _MIB)) if text.endswith(unit) else text
