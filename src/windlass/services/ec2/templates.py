"""Launch templates and their versions, as callers name them. Reads only.

Wordings: EC2 API reference, error codes.
"""

from __future__ import annotations

import re

from windlass.fleet.blueprints import TemplateName
from windlass.kernel.faults import Fault
from windlass.services.ec2.find import TEMPLATE
from windlass.services.ec2.model import TEMPLATES, VERSIONS, LaunchTemplate, Reads, Scope, TemplateVersion

LATEST, DEFAULT = "$Latest", "$Default"
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def named(reads: Reads, scope: Scope, template_id: str | None, name: str | None) -> LaunchTemplate:
    """The template by id or by name, whichever is given; exactly one must be."""
    if bool(template_id) == bool(name):
        raise Fault(
            "InvalidParameterCombination" if template_id else "MissingParameter",
            "The request must contain exactly one of the parameters LaunchTemplateId and LaunchTemplateName",
        )
    if template_id:
        return TEMPLATE.one(reads, scope, template_id)
    found = reads[TEMPLATES].first("name", (*scope, name))
    if found is None:
        raise Fault(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )
    return found


def version(reads: Reads, template: LaunchTemplate, wanted: str) -> TemplateVersion:
    """The version of that number, $Latest, or $Default, which "" means too."""
    number = {LATEST: template.latest_version, DEFAULT: template.default_version}.get(wanted or DEFAULT)
    if number is None and _NUMBER.fullmatch(wanted):
        number = int(wanted)
    found = None if number is None else reads[VERSIONS].get((template.id, number))
    if found is None:
        raise Fault(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {wanted} for the launch template with ID {template.id}.",
        )
    return found


def resolve(reads: Reads, scope: Scope, wanted: TemplateName) -> tuple[LaunchTemplate, TemplateVersion]:
    """The template and the version that a launch would be made of now."""
    template = named(reads, scope, wanted.id, wanted.name if not wanted.id else None)
    return template, version(reads, template, wanted.version)
