"""Launch templates: create, versions, describe, modify, delete. What they say is checked when it is used."""

from __future__ import annotations

import re

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, describe, launch_data, limits, listing, tagging, templates
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import TEMPLATE
from windlass.services.ec2.handlers.serving import forget_tags, put_tags, refuse
from windlass.services.ec2.model import (
    TEMPLATES,
    VERSIONS,
    LaunchTemplate,
    Reads,
    TemplateVersion,
    tags_of,
)

_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}", re.ASCII)
FILTERS: dict[str, Values[LaunchTemplate]] = {
    "create-time": lambda row: (str(in_seconds(row.created_at)),),
    "launch-template-name": lambda row: (row.name,),
}


def create_launch_template(call: Call, params: Params) -> Result:
    """EC2 CreateLaunchTemplate: with version 1."""
    name = params["LaunchTemplateName"]
    if not _NAME.fullmatch(name):
        raise Fault(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, "
            "and the following characters: - ( ) . / _.",
        )
    _check_data(params)
    tags = tagging.specified(params.get("TagSpecifications", ()), "launch-template")
    with call.store.transact() as tx:
        if tx[TEMPLATES].first("name", (*call.scope, name)) is not None:
            raise Fault(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                "Launch template name already in use.",
            )
        template = LaunchTemplate(
            defaults.new_id(call.ids, "lt"), *call.scope, name, call.now, call.caller.arn
        )
        tx[TEMPLATES].put(template)
        put_tags(tx, call.scope, template.id, tags)
        _put_version(tx, call, template, 1, params, params["LaunchTemplateData"])
    return {"LaunchTemplate": _shown(template, call.store)}


def create_launch_template_version(call: Call, params: Params) -> Result:
    """EC2 CreateLaunchTemplateVersion: the next number, on top of a source version if one is named."""
    _check_data(params)
    with call.store.transact() as tx:
        template = _named(tx, call, params)
        data = params["LaunchTemplateData"]
        if params.get("SourceVersion"):
            data = launch_data.merged(templates.version(tx, template, params["SourceVersion"]).data, data)
        number = template.latest_version + 1
        if number > limits.TEMPLATE_VERSIONS_MAX:
            raise Fault(
                "VersionLimitExceeded",
                f"A launch template can have at most {limits.TEMPLATE_VERSIONS_MAX} versions.",
            )
        template = tx[TEMPLATES].put(replace(template, latest_version=number))
        made = _put_version(tx, call, template, number, params, data)
    return {"LaunchTemplateVersion": _version_shown(template, made)}


def modify_launch_template(call: Call, params: Params) -> Result:
    """EC2 ModifyLaunchTemplate: which version is the default."""
    with call.store.transact() as tx:
        template = _named(tx, call, params)
        wanted = templates.version(tx, template, params.get("DefaultVersion", ""))
        template = tx[TEMPLATES].put(replace(template, default_version=wanted.number))
    return {"LaunchTemplate": _shown(template, call.store)}


def delete_launch_template(call: Call, params: Params) -> Result:
    """EC2 DeleteLaunchTemplate, with all versions. What was launched with it stays."""
    with call.store.transact() as tx:
        template = _named(tx, call, params)
        shown = _shown(template, tx)
        for made in tx[VERSIONS].by("template", template.id):
            tx[VERSIONS].delete((template.id, made.number))
        tx[TEMPLATES].delete(template.id)
        forget_tags(tx, template.id)
    return {"LaunchTemplate": shown}


def describe_launch_templates(call: Call, params: Params) -> Result:
    """EC2 DescribeLaunchTemplates: by id, by name, or all."""
    names = params.get("LaunchTemplateNames")
    if names:
        found = [templates.named(call.store, call.scope, None, name) for name in dict.fromkeys(names)]
        return {"LaunchTemplates": [_shown(row, call.store) for row in found]}
    rows, more = listing.rows(
        call, params, TEMPLATE, "DescribeLaunchTemplates", ids="LaunchTemplateIds", names=FILTERS
    )
    return {"LaunchTemplates": [_shown(row, call.store) for row in rows], **more}


def describe_launch_template_versions(call: Call, params: Params) -> Result:
    """EC2 DescribeLaunchTemplateVersions: of one template the newest first; of all, $Latest or $Default."""
    refuse(params, ("Filters", "ResolveAlias"))
    wanted = params.get("Versions", ())
    if params.get("LaunchTemplateId") or params.get("LaunchTemplateName"):
        template = _named(call.store, call, params)
        if wanted:
            made = [templates.version(call.store, template, one) for one in dict.fromkeys(wanted)]
        else:
            low = int(params.get("MinVersion") or 1)
            high = int(params.get("MaxVersion") or template.latest_version)
            rows = call.store[VERSIONS].page("template", template.id, reverse=True)
            made = [row for row in rows if low <= row.number <= high]
        found = [(template, row) for row in made]
    else:
        if not wanted or not set(wanted) <= {templates.LATEST, templates.DEFAULT}:
            raise Fault("MissingParameter", "The request must contain the parameter LaunchTemplateId")
        found = [
            (template, templates.version(call.store, template, one))
            for template in call.store[TEMPLATES].by("scope", call.scope)
            for one in dict.fromkeys(wanted)
        ]
    page, more = listing.cut(call, params, "DescribeLaunchTemplateVersions", found)
    return {"LaunchTemplateVersions": [_version_shown(*one) for one in page], **more}


def _named(reads: Reads, call: Call, params: Params) -> LaunchTemplate:
    return templates.named(
        reads, call.scope, params.get("LaunchTemplateId"), params.get("LaunchTemplateName")
    )


def _check_data(params: Params) -> None:
    data = params["LaunchTemplateData"]
    refuse(data, ("InstanceRequirements",))
    if data.get("InstanceType"):
        launch_data.check_type(data["InstanceType"])
    if len(data.get("UserData", "")) > limits.USER_DATA_LENGTH_MAX:
        raise Fault("InvalidUserData.Malformed", "User data is limited to 16384 bytes")


def _put_version(
    tx: Transaction, call: Call, template: LaunchTemplate, number: int, params: Params, data: Params
) -> TemplateVersion:
    described = params.get("VersionDescription", "")
    return tx[VERSIONS].put(TemplateVersion(template.id, number, data, call.now, call.caller.arn, described))


def _shown(row: LaunchTemplate, reads: Reads) -> Result:
    return {
        "LaunchTemplateId": row.id,
        "LaunchTemplateName": row.name,
        "CreateTime": in_seconds(row.created_at),
        "CreatedBy": row.created_by,
        "DefaultVersionNumber": row.default_version,
        "LatestVersionNumber": row.latest_version,
        "Tags": describe.tags(tags_of(reads, row.id)),
    }


def _version_shown(template: LaunchTemplate, row: TemplateVersion) -> Result:
    shown: Result = {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": row.number,
        "CreateTime": in_seconds(row.created_at),
        "CreatedBy": row.created_by,
        "DefaultVersion": row.number == template.default_version,
        "LaunchTemplateData": dict(row.data),
    }
    return {**shown, "VersionDescription": row.description} if row.description else shown
