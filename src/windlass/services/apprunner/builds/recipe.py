"""How source code is built and run: read from apprunner.yaml, or from the API's values. Pure.

The file is a stranger's: at most 64 KiB, no YAML aliases (a few bytes of which can mean gigabytes), nothing
deep, each member of the kind that it must be; one that nobody knows is named. Source: App Runner Developer
Guide, config-file-ref (facts/apprunner.md, 3); `pre-run` and `secrets` of `run` are newer and unverified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.services.apprunner.limits import DEFAULT_PORT, PORT_MAX, VARIABLE_PREFIX

FILE = "apprunner.yaml"
FILE_BYTES_MAX = 64 * 1024
"""Ours; AWS tells no limit."""
COMMANDS_MAX = 100
"""Commands of one list; ours."""
DEPTH_MAX = 20
"""Mappings and lists within each other; ours. The time that the parser takes grows with each that is open."""
VERSION = "1.0"
PORT_VARIABLE = "PORT"

_TOP = ("version", "runtime", "build", "run")
_BUILD = ("commands", "env")
_COMMANDS = ("pre-build", "build", "post-build")
_RUN = ("runtime-version", "pre-run", "command", "network", "env", "secrets")
_NETWORK = ("port", "env")


class Unfit(Exception):
    """The configuration cannot be used; one sentence that says where and why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to do with the source code. Commands are lines for a shell, of the code's owner."""

    runtime: str
    """As apprunner.yaml spells it: "python311"."""
    version: str = ""
    """run.runtime-version, "3.11.4"; "" for the runtime's own."""
    build: tuple[str, ...] = ()
    build_variables: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    port: str = DEFAULT_PORT
    port_variable: str = PORT_VARIABLE
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


def of_values(values: Mapping[str, Any]) -> Recipe:
    """From CodeConfigurationValues, which handlers have checked: ConfigurationSource API."""
    build, variables = values.get("BuildCommand", ""), values.get("RuntimeEnvironmentVariables", {})
    return Recipe(
        runtime=runtime_name(values["Runtime"]),
        build=(build,) if build else (),
        build_variables=variables,
        command=_one_line("StartCommand", values.get("StartCommand", "")),
        port=values["Port"],
        variables=variables,
        secrets=values.get("RuntimeEnvironmentSecrets", {}),
    )


def runtime_name(shown: str) -> str:
    """An API's Runtime as apprunner.yaml spells it.

    >>> runtime_name("PYTHON_311"), runtime_name("NODEJS_18"), runtime_name("PYTHON_3")
    ('python311', 'nodejs18', 'python3')
    """
    return shown.replace("_", "").lower()


def of_file(data: bytes) -> Recipe:
    """From the bytes of apprunner.yaml: ConfigurationSource REPOSITORY. Raises Unfit."""
    top = _mapping(FILE, _parsed(data), _TOP)
    if str(top.get("version")) != VERSION:
        raise Unfit(f"version must be {VERSION}, and is {top.get('version')!r}")
    build = _mapping("build", top.get("build"), _BUILD)
    commands = _mapping("build.commands", build.get("commands"), _COMMANDS)
    if not commands.get("build"):
        raise Unfit("build.commands.build is missing")
    run = _mapping("run", top.get("run"), _RUN)
    network = _mapping("run.network", run.get("network", {}), _NETWORK)
    variables = _pairs("run.env", run.get("env"), "value")
    secrets = _pairs("run.secrets", run.get("secrets"), "value-from")
    if twice := sorted(set(variables) & set(secrets)):
        raise Unfit(f"{twice[0][:128]!r} is in run.env and in run.secrets")
    lines = [line for name in _COMMANDS for line in _lines(f"build.commands.{name}", commands.get(name))]
    return Recipe(
        runtime=_text("runtime", top.get("runtime") or None),
        version=_text("run.runtime-version", run.get("runtime-version", "")),
        build=(*lines, *_lines("run.pre-run", run.get("pre-run"))),
        build_variables=_pairs("build.env", build.get("env"), "value"),
        command=_one_line("run.command", _text("run.command", run.get("command"))),
        port=_port(network.get("port", DEFAULT_PORT)),
        port_variable=_name("run.network.env", _text("run.network.env", network.get("env", PORT_VARIABLE))),
        variables=variables,
        secrets=secrets,
    )


def _parsed(data: bytes) -> object:
    import yaml  # slow to load, and few planes build anything

    if len(data) > FILE_BYTES_MAX:
        raise Unfit(f"the file has {len(data)} bytes; {FILE_BYTES_MAX} are taken")
    try:
        text = data.decode()
        _check_tokens(yaml, text)
        parsed: object = yaml.load(text, _as_written(yaml))
    except UnicodeDecodeError:
        raise Unfit("the file is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise Unfit(f"the file is not YAML: {error.problem}{where}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Unfit(f"the file is not YAML: {str(error)[:200]}") from None
    return parsed


def _check_tokens(yaml: Any, text: str) -> None:
    """Neither aliases nor depths, before anything is built of them."""
    blocks = yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken
    flows = yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken
    ends = yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken
    depth = 0
    for token in yaml.scan(text):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            raise Unfit("anchors and aliases are not taken")
        depth += isinstance(token, (*blocks, *flows)) - isinstance(token, ends)
        if depth > DEPTH_MAX:
            raise Unfit(f"the file is more than {DEPTH_MAX} mappings and lists deep")


def _as_written(yaml: Any) -> Any:
    """A loader of mappings, lists and text: 3.10 stays "3.10", and `no` is no boolean."""
    return yaml.BaseLoader


def _mapping(where: str, value: object, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"{where} must have {', '.join(known)}" if value else f"{where} is missing")
    for name in value:
        if name not in known:
            raise Unfit(f"{where} has the unknown member {str(name)[:100]!r}; there are {', '.join(known)}")
    return value


def _lines(where: str, value: object) -> tuple[str, ...]:
    """A list of commands; none when the member is not there."""
    if value in (None, ""):
        return ()
    if not isinstance(value, list) or not all(isinstance(line, str) and line.strip() for line in value):
        raise Unfit(f"{where} must be a list of commands")
    if len(value) > COMMANDS_MAX:
        raise Unfit(f"{where} has {len(value)} commands; {COMMANDS_MAX} are taken")
    for line in value:
        _usable(where, line)
    return tuple(value)


def _pairs(where: str, value: object, of: str) -> dict[str, str]:
    """A list of names with a value each."""
    if value in (None, ""):
        return {}
    if not isinstance(value, list):
        raise Unfit(f"{where} must be a list of name and {of}")
    found: dict[str, str] = {}
    for pair in value:
        if not isinstance(pair, dict) or set(pair) != {"name", of} or not isinstance(pair[of], str):
            raise Unfit(f"{where} must be a list of name and {of}")
        name = _name(where, pair["name"])
        if name in found:
            raise Unfit(f"{where} has {name!r} twice")
        found[name] = _usable(where, pair[of])
    return found


def _name(where: str, value: object) -> str:
    """The name of an environment variable."""
    if not isinstance(value, str) or not value or "=" in value or "\0" in value or len(value) > 51_200:
        raise Unfit(f"{where} has a name that no variable can have: {str(value)[:100]!r}")
    if value.startswith(VARIABLE_PREFIX):
        raise Unfit(f"{where}: names that begin with {VARIABLE_PREFIX} are reserved")
    return _usable(where, value)


def _text(where: str, value: object) -> str:
    if value is None:
        raise Unfit(f"{where} is missing")
    if not isinstance(value, str):
        raise Unfit(f"{where} must be text")
    return _usable(where, value).strip()


def _one_line(where: str, command: str) -> str:
    if not command:
        raise Unfit(f"{where} is missing")
    if "\n" in command:
        raise Unfit(f"{where} has more than one line")
    return command


def _port(value: object) -> str:
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= PORT_MAX):
        raise Unfit(f"run.network.port must be a number from 1 to {PORT_MAX}")
    return text


def _usable(where: str, text: str) -> str:
    """Text that a process can be given: no NUL, and nothing that is no character (YAML can spell those)."""
    if "\0" in text or any(is_surrogate(letter) for letter in text):
        raise Unfit(f"{where} has a character that no environment can have")
    return text


def is_surrogate(letter: str) -> bool:
    """Half a character, of which UTF-8 has none."""
    return "\ud800" <= letter <= "\udfff"
