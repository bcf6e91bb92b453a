"""YAML with CloudFormation's tags: !Ref a is {Ref: a}, !Sub a is {Fn::Sub: a}. Pure.

Source: CloudFormation User Guide, "Intrinsic function reference".
"""

from __future__ import annotations

from typing import Any

import yaml

WHOLE = ("Ref", "Condition")
"""Tags that are keys as they are; of all others the key begins with Fn::."""


class TemplateLoader(yaml.SafeLoader):
    """A safe loader that knows the tags."""


def _short(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in WHOLE else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _short)
