"""What an agent is told about running functions."""

from __future__ import annotations

import pytest

from windlass.node.function_settings import FunctionSettings, read
from windlass.node.function_users import Range
from windlass.node.images.settings import BadSetting


def test_without_any() -> None:
    assert read({}) == FunctionSettings() and read({}).isolated and read({}).freeze


def test_all_of_them() -> None:
    found = read(
        {
            "WINDLASS_FUNCTION_ISOLATION": "off",
            "WINDLASS_FUNCTION_FREEZE": "off",
            "WINDLASS_FUNCTION_USERS": "70000-79999",
        }
    )
    assert found == FunctionSettings(False, False, (Range(70_000, 79_999),))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WINDLASS_FUNCTION_ISOLATION", "yes"),
        ("WINDLASS_FUNCTION_FREEZE", "0"),
        ("WINDLASS_FUNCTION_USERS", "0-9"),
        ("WINDLASS_FUNCTION_USERS", "9-5"),
        ("WINDLASS_FUNCTION_USERS", "5"),
        ("WINDLASS_FUNCTION_USERS", "1-4294967295"),
    ],
)
def test_nonsense_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=name):
        read({name: text})
