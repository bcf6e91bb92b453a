"""apprunner.yaml, which is a stranger's, and the API's values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.apprunner.builds import recipe
from windlass.services.apprunner.builds.recipe import FILE_BYTES_MAX, Recipe, Unfit

WHOLE = b"""
version: 1.0
runtime: python311
build:
  commands:
    pre-build:
      - echo before
    build:
      - pip install -r requirements.txt
      - python manage.py collectstatic
    post-build:
      - echo after
  env:
    - name: STAGE
      value: no
run:
  runtime-version: 3.10
  pre-run:
    - echo last
  command: gunicorn app:app -b :$APP_PORT
  network:
    port: 8000
    env: APP_PORT
  env:
    - name: GREETING
      value: "hello"
  secrets:
    - name: TOKEN
      value-from: arn:aws:ssm:eu-west-1:123456789012:parameter/token
"""
LEAST = """
version: 1.0
runtime: nodejs18
build:
  commands:
    build:
      - npm ci
run:
  command: node server.js
"""


def test_a_whole_file() -> None:
    """Commands in their order, values as they are written: 3.10 is no number, and `no` no boolean."""
    assert recipe.of_file(WHOLE) == Recipe(
        runtime="python311",
        version="3.10",
        build=(
            "echo before",
            "pip install -r requirements.txt",
            "python manage.py collectstatic",
            "echo after",
            "echo last",
        ),
        build_variables={"STAGE": "no"},
        command="gunicorn app:app -b :$APP_PORT",
        port="8000",
        port_variable="APP_PORT",
        variables={"GREETING": "hello"},
        secrets={"TOKEN": "arn:aws:ssm:eu-west-1:123456789012:parameter/token"},
    )


def test_the_least_there_can_be() -> None:
    least = recipe.of_file(LEAST.encode())
    assert least == Recipe("nodejs18", build=("npm ci",), command="node server.js")
    assert (least.port, least.port_variable) == ("8080", "PORT")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version: 1.0", "version: 2.0", "version must be 1.0"),
        ("runtime: nodejs18", "", "runtime is missing"),
        ("    build:\n      - npm ci", "    pre-build: [x]", "build.commands.build is missing"),
        ("      - npm ci", "      - [npm, ci]", "build.commands.build must be a list of commands"),
        (
            "    build:\n      - npm ci",
            "    build: npm ci",
            "build.commands.build must be a list of commands",
        ),
        ("  command: node server.js", "  port: 1", "run has the unknown member 'port'"),
        ("  command: node server.js", "  env: []", "run.command is missing"),
        ("  command: node server.js", "  command: |\n    a\n    b", "run.command has more than one line"),
        ("  command: node server.js", "  command: [node]", "run.command must be text"),
        ("run:", "run: &all", "anchors and aliases are not taken"),
        ("run:", "run: *all\nx:", "anchors and aliases are not taken"),
        ("run:", "run: {", "the file is not YAML"),
        ("run:", "\tx: 1\nrun:", "the file is not YAML"),
        ("run:", "? [a, b]\n: 1\nrun:", "the file is not YAML"),
        ("run:", "run:\n  network:\n    port: 70000", "run.network.port must be a number"),
        ("run:", "run:\n  network:\n    port: \u0661", "run.network.port must be a number"),
        ("run:", "run:\n  network:\n    env: A=B", "no variable can have"),
        ("run:", "run:\n  env:\n    - name: X", "run.env must be a list of name and value"),
        ("run:", "run:\n  env:\n    - {name: X, value: [1]}", "run.env must be a list of name and value"),
        ("run:", "run:\n  env:\n    - {name: AWSAPPRUNNER_X, value: 1}", "are reserved"),
        ("run:", "run:\n  env: [{name: X, value: 1}, {name: X, value: 2}]", "run.env has 'X' twice"),
        ("run:", 'run:\n  env: [{name: X, value: "\\ud800"}]', "that no environment can have"),
        ("run:", 'run:\n  env: [{name: "\\ud800", value: x}]', "that no environment can have"),
        ("      - npm ci", '      - "echo \\0"', "that no environment can have"),
        (
            "run:",
            "run:\n  env: [{name: X, value: 1}]\n  secrets: [{name: X, value-from: y}]",
            "'X' is in run.env and in run.secrets",
        ),
    ],
)
def test_refusals(old: str, new: str, why: str) -> None:
    """Each says what is wrong, and where."""
    assert old in LEAST
    with pytest.raises(Unfit, match=why.replace("[", r"\[")):
        recipe.of_file(LEAST.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"- 1", b"1", b"null", b"a: " * 9_000, b"#" * (FILE_BYTES_MAX + 1)],
)
def test_what_is_no_configuration(data: bytes) -> None:
    with pytest.raises(Unfit):
        recipe.of_file(data)


@pytest.mark.parametrize("opens", [b"[", b"{a: ", b"- "])
def test_a_deep_file_is_refused_at_once(opens: bytes) -> None:
    """As large as a file may be; read to its end, it would keep the plane from all else."""
    with pytest.raises(Unfit, match="mappings and lists deep"):
        recipe.of_file(opens * (FILE_BYTES_MAX // len(opens)))


trees: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=8) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(["version", "runtime", "build", "run", "env"]), trees)
def test_any_tree_is_read_or_refused(name: str, tree: Any) -> None:
    """Nothing else than Unfit comes of a member of another shape."""
    import yaml

    whole = yaml.safe_load(LEAST) | {"version": "1.0"}
    try:
        read = recipe.of_file(yaml.safe_dump({**whole, name: tree}).encode())
    except Unfit as why:
        assert str(why)
    else:
        assert read.command and read.runtime


def test_values_of_the_api() -> None:
    values = {
        "Runtime": "PYTHON_311",
        "BuildCommand": "make",
        "StartCommand": "python app.py",
        "Port": "80",
        "RuntimeEnvironmentVariables": {"A": "b"},
    }
    read = recipe.of_values(values)
    assert (read.runtime, read.build, read.command, read.port) == (
        "python311",
        ("make",),
        "python app.py",
        "80",
    )
    with pytest.raises(Unfit, match="StartCommand is missing"):
        recipe.of_values({"Runtime": "PYTHON_3", "Port": "80"})
