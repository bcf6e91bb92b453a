"""Publish, read, list and delete layer versions; look up those that a function uses."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.faults import Fault
from windlass.services.lambda_ import describe
from windlass.services.lambda_.code import CodeUsage
from windlass.services.lambda_.downloads import Downloads
from windlass.services.lambda_.handlers.packages import take_package
from windlass.services.lambda_.layer_model import LAYER_VERSIONS, LAYERS, Layer, LayerUse, LayerVersion
from windlass.services.lambda_.layers import (
    LayerReference,
    asked_layers,
    described,
    layer_of,
    matches,
    may_read,
    missing,
    not_allowed,
    use_of,
    version_of_arn,
    whole,
)
from windlass.services.lambda_.limits import LIST_ITEMS_MAX, NAME_CHARS_MAX
from windlass.services.lambda_.package import invalid


async def publish_layer_version(call: Call, params: Params) -> Result:
    """PublishLayerVersion: the next number, whatever was deleted."""
    named = layer_of(params["LayerName"], call.account, call.region)
    if (named.account, named.region) != call.scope:
        raise not_allowed(call.caller.arn, named)
    if len(named.name) > NAME_CHARS_MAX:
        raise invalid(f"Layer name {named.name} is longer than {NAME_CHARS_MAX} characters")
    package = await take_package(call, params["Content"], "Please provide a source for layer content.")
    call.part(CodeUsage).check(call.scope, package.size)
    with call.store.transact() as tx:
        key = (named.account, named.region, named.name)
        layer = tx[LAYERS].get(key) or Layer(*key, last_version=0)
        layer = tx[LAYERS].put(Layer(*key, last_version=layer.last_version + 1))
        version = tx[LAYER_VERSIONS].put(
            LayerVersion(
                *key,
                number=layer.last_version,
                code_sha256=package.sha256,
                code_size=package.size,
                unpacked_size=package.unpacked_size,
                created_at=call.now,
                revision_id=call.ids.uuid(),
                description=params.get("Description", ""),
                license=params.get("LicenseInfo", ""),
                runtimes=tuple(params.get("CompatibleRuntimes", ())),
                architectures=tuple(params.get("CompatibleArchitectures", ())),
            )
        )
    return _whole(call, version)


def get_layer_version(call: Call, params: Params) -> Result:
    return _whole(call, readable(call, numbered(call, params)))


def get_layer_version_by_arn(call: Call, params: Params) -> Result:
    reference = version_of_arn(params["Arn"])
    if reference is None:
        raise invalid(f"{params['Arn']} is not the ARN of a layer version")
    return _whole(call, readable(call, reference))


def delete_layer_version(call: Call, params: Params) -> Result:
    """DeleteLayerVersion: functions that use it go on. One that is not there is no error."""
    reference = numbered(call, params)
    if (reference.account, reference.region) == call.scope:
        with call.store.transact() as tx:
            tx[LAYER_VERSIONS].delete(reference.key)
    return {}


def list_layer_versions(call: Call, params: Params) -> Result:
    """ListLayerVersions, the newest first. A filtered page may be short and still have a next one."""
    named = layer_of(params["LayerName"], call.account, call.region)
    key = (named.account, named.region, named.name)
    versions, marker = page(
        call.store[LAYER_VERSIONS],
        "layer",
        key,
        operation="ListLayerVersions",
        filters=[*call.scope, *key, *_filters(params)],
        token=params.get("Marker"),
        limit=params.get("MaxItems", LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
        where=lambda version: matches(version, params) and may_read(version, call.account),
        reverse=True,
    )
    return describe.page("LayerVersions", [described(version) for version in versions], marker)


def list_layers(call: Call, params: Params) -> Result:
    """ListLayers: each with its newest version that matches; layers without one are left out."""
    layers, marker = page(
        call.store[LAYERS],
        "scope",
        call.scope,
        operation="ListLayers",
        filters=[*call.scope, *_filters(params)],
        token=params.get("Marker"),
        limit=params.get("MaxItems", LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    shown: list[Result] = []
    for layer in layers:
        versions = call.store[LAYER_VERSIONS].by("layer", layer.key)
        newest = [version for version in versions if matches(version, params)][-1:]
        shown += [
            {"LayerName": one.name, "LayerArn": one.layer_arn, "LatestMatchingVersion": described(one)}
            for one in newest
        ]
    return describe.page("Layers", shown, marker)


def uses(call: Call, arns: list[str]) -> tuple[LayerUse, ...]:
    """The layer versions of a function's `Layers`, as they are now, or AWS's fault."""
    found = []
    for reference in asked_layers(arns, call.region):
        version = call.store[LAYER_VERSIONS].get(reference.key)
        if version is None:
            raise missing(reference)
        if not may_read(version, call.account):
            raise not_allowed(call.caller.arn, reference)
        found.append(use_of(version))
    return tuple(found)


def numbered(call: Call, params: Params) -> LayerReference:
    """The layer version that LayerName and VersionNumber mean."""
    if params["VersionNumber"] < 1:
        raise invalid("Layer Version Cannot be less than 1")
    named = layer_of(params["LayerName"], call.account, call.region)
    return LayerReference(named.account, named.region, named.name, params["VersionNumber"])


def readable(call: Call, reference: LayerReference) -> LayerVersion:
    """The version, if there is one that the caller may read."""
    version = call.store[LAYER_VERSIONS].get(reference.key)
    if version is None:
        if reference.account != call.account:  # whether it exists is not for strangers
            raise not_allowed(call.caller.arn, reference)
        raise Fault("ResourceNotFoundException", "The resource you requested does not exist.")
    if not may_read(version, call.account):
        raise not_allowed(call.caller.arn, reference)
    return version


def _whole(call: Call, version: LayerVersion) -> Result:
    return whole(version, call.part(Downloads).url(call.endpoint, version.code_sha256))


def _filters(params: Params) -> list[str]:
    return [params.get("CompatibleRuntime", ""), params.get("CompatibleArchitecture", "")]
