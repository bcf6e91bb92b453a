"""Functions of container images: what a request may ask for, and how it is shown. Pure.

Source: Lambda API, FunctionCode and ImageConfig; docs/aws/lambda.md, "Container images". Known gap: an image
has no size here, and how large it may be is not checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from windlass.services.lambda_.model import Image, Settings
from windlass.services.lambda_.package import invalid


def is_image(params: Mapping[str, Any]) -> bool:
    """Whether CreateFunction asks for a function of an image. Raises the fault for one that mixes both."""
    asked: bool = params.get("PackageType", "Zip") == "Image"
    uri = params["Code"].get("ImageUri")
    if asked and not uri:
        raise invalid("Please provide ImageUri when creating a function with packageType Image.")
    if uri and not asked:
        raise invalid("Please don't provide ImageUri when creating a function with packageType Zip.")
    if asked and any(params.get(member) for member in ("Runtime", "Handler", "Layers")):
        raise invalid(
            "Runtime, Handler and Layers are not for functions with packageType Image: leave them out."
        )
    return asked


def created(params: Mapping[str, Any]) -> Settings:
    """The code of a new function of an image; the rest of its settings is settings.updated's."""
    image = configured(Image(params["Code"]["ImageUri"]), params)
    return Settings(role=params["Role"], handler="", runtime="", code_sha256="", code_size=0, image=image)


def with_code(settings: Settings, params: Mapping[str, Any]) -> Settings | None:
    """The settings that UpdateFunctionCode asks for; None for a function of a package.

    The image is resolved anew, whether its URI changes or not.
    """
    uri = params.get("ImageUri")
    if settings.image is None:
        if uri:
            raise invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
        return None
    if not uri:
        raise invalid("Please provide ImageUri when updating a function with packageType Image.")
    return replace(settings, image=replace(settings.image, uri=uri, resolved=""))


def reconfigured(settings: Settings, params: Mapping[str, Any]) -> Settings:
    """The settings with the request's ImageConfig, if it has one."""
    if "ImageConfig" not in params:
        return settings
    if settings.image is None:
        raise invalid("ImageConfig is for functions with packageType Image: leave it out.")
    return replace(settings, image=configured(settings.image, params))


def configured(image: Image, params: Mapping[str, Any]) -> Image:
    """The image with the members of ImageConfig; one that is there replaces the whole value."""
    given: Mapping[str, Any] = params.get("ImageConfig") or {}
    return replace(
        image,
        entry_point=tuple(given.get("EntryPoint", image.entry_point)),
        command=tuple(given.get("Command", image.command)),
        working_directory=given.get("WorkingDirectory", image.working_directory),
    )


def resolved(uri: str, digest: str) -> str:
    """The URI with a digest in place of its tag.

    >>> resolved("localhost:5000/app:v1", "sha256:ab"), resolved("app", "sha256:ab")
    ('localhost:5000/app@sha256:ab', 'app@sha256:ab')
    """
    repository = uri.partition("@")[0]
    folder, slash, name = repository.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}@{digest}"


def described(image: Image) -> dict[str, Any]:
    """Its part of FunctionConfiguration. CodeSha256 is the digest's, in hex as AWS shows it."""
    shown: dict[str, Any] = {"PackageType": "Image", "CodeSha256": image.resolved.rpartition(":")[2]}
    config: dict[str, Any] = {}
    if image.entry_point:
        config["EntryPoint"] = list(image.entry_point)
    if image.command:
        config["Command"] = list(image.command)
    if image.working_directory:
        config["WorkingDirectory"] = image.working_directory
    return {**shown, "ImageConfigResponse": {"ImageConfig": config}} if config else shown


def code_location(image: Image) -> dict[str, Any]:
    """GetFunction, Code."""
    found = {"RepositoryType": "ECR", "ImageUri": image.uri}
    return {**found, "ResolvedImageUri": image.resolved} if image.resolved else found
