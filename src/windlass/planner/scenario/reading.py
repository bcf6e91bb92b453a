"""Scenario files: YAML to a Scenario, with errors that name the line.

What is refused: what is no YAML, what the scenario does not know (with what was probably meant), quantities
without units. Reads files; knows nothing of playing them, nor whether an operation is there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec.structs import replace

from windlass.aws.quotas import BUILT_IN
from windlass.planner.scenario.model import Image, Scenario
from windlass.planner.scenario.parts import QUANTITIES
from windlass.planner.scenario.sweep import BadSweep, Sweep, variants
from windlass.planner.scenario.workload import Arrivals, Times
from windlass.planner.template.faults import BadTemplate
from windlass.planner.template.short_forms import TemplateLoader
from windlass.planner.template.stack import operations

SIZE_MAX = 1_000_000
"""Bytes of a scenario file; ours."""
START = yaml.Mark("", 0, 0, 0, None, 0)
EXPANDED_MAX = 200_000
"""Values of a file with all of its aliases written out: a few lines may stand for billions. Ours."""
ANY = "*"
"""In a path: some key of a mapping; msgspec does not say which."""
_WHERE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(\w[\w-]*)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")


class BadScenario(Exception):
    """Why a file is no scenario: one line for people, with file and line number."""


def read(path: Path) -> Scenario:
    """The scenario in that file. Raises BadScenario."""
    return _placed(parse(_text(path), str(path)), path.parent)


def swept(path: Path, sweeps: Sequence[Sweep]) -> list[Scenario]:
    """The variants of the scenario in that file, named after what they change. Raises BadScenario."""
    text = _text(path)
    parse(text, str(path))
    found = []
    try:
        for name, document in variants(yaml.load(text, TemplateLoader), sweeps):
            expanded = _expanded(document, None, str(path))
            scenario = _placed(_scenario(expanded, None, f"{path} with {name}"), path.parent)
            found.append(msgspec.structs.replace(scenario, name=name, published=None))
    except BadSweep as error:
        raise BadScenario(str(error)) from error
    return found


def _placed(scenario: Scenario, folder: Path) -> Scenario:
    """Its traces are beside its file; its profile is, if there is a file of that name."""
    profile = scenario.profile
    if profile not in BUILT_IN and _is_file(folder / profile):
        profile = str(folder / profile)

    def times(given: Times | None) -> Times | None:
        return given if given is None or given.trace is None else Times(trace=str(folder / given.trace))

    def image(given: Image) -> Image:
        consumes = given.consumes
        if consumes is None:
            return given
        return replace(given, consumes=replace(consumes, takes=times(consumes.takes)))

    def arrivals(given: Arrivals) -> Arrivals:
        return given if given.trace is None else Arrivals(trace=str(folder / given.trace))

    return replace(
        scenario,
        profile=profile,
        images={name: image(one) for name, one in scenario.images.items()},
        functions={name: replace(one, takes=times(one.takes)) for name, one in scenario.functions.items()},
        workloads=[
            replace(one, arrivals=arrivals(one.arrivals), service_time=times(one.service_time))
            for one in scenario.workloads
        ],
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file could have
        return False


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise BadScenario(f"{path}: this is no file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadScenario(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadScenario(f"{path}: this is no text in UTF-8") from error
    except ValueError as error:
        raise BadScenario(f"{str(path)!r}: {error}") from error
    if len(text) > SIZE_MAX:
        raise BadScenario(f"{path}: a scenario has at most {SIZE_MAX} characters")
    return text


def files(path: Path) -> list[Path]:
    """The scenarios that are meant: a file itself, of a folder all in it, by name. Raises BadScenario."""
    if not path.is_dir():
        return [path]
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if not found:
        raise BadScenario(f"{path}: there are no .yaml files in this folder")
    return found


def parse(text: str, name: str) -> Scenario:
    """The scenario in that text; `name` is what errors call it. Raises BadScenario."""
    try:
        node, read = _yaml(text, name)
        if read is None:
            raise BadScenario(f"{name}:1: there is nothing in this file; a scenario has a name and resources")
        return _scenario(_expanded(read, node, name), node, name)
    except RecursionError as error:
        raise BadScenario(f"{name}:1: it is nested too deeply") from error


def _yaml(text: str, name: str) -> tuple[yaml.Node, Any]:
    """What it says, and where. Raises BadScenario."""
    try:
        node = yaml.compose(text or "null", Loader=TemplateLoader)
        if node is not None:
            _expanded_size(node, {}, name)
        return node or yaml.ScalarNode("", "", START, START), yaml.load(text, TemplateLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise BadScenario(f"{name}:{line}: {error.problem or 'this is no YAML'}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadScenario(f"{name}:1: {error}") from error


def _expanded_size(node: yaml.Node, known: dict[int, int], name: str) -> int:
    """How many values it stands for. Raises BadScenario for too many, or for one that is in itself."""
    if id(node) in known:
        if not known[id(node)]:
            raise BadScenario(f"{name}:{node.start_mark.line + 1}: an alias of this stands inside it")
        return known[id(node)]
    known[id(node)] = 0
    size = 1 + sum(_expanded_size(child, known, name) for _, child, _ in _children(node))
    if size > EXPANDED_MAX:
        line = node.start_mark.line + 1
        raise BadScenario(
            f"{name}:{line}: with its aliases written out, this is more than {EXPANDED_MAX:,} values"
        )
    known[id(node)] = size
    return size


def _expanded(read: Any, node: yaml.Node | None, name: str) -> Any:
    """The scenario with operations where it has a template: in it, or in a file beside it."""
    resources = read.get("resources") if isinstance(read, dict) else None
    if not isinstance(resources, str | dict):
        return read
    above: tuple[str, ...]
    above, whole = ("resources",), isinstance(resources, str) or "Resources" in resources
    if isinstance(resources, str):
        path = Path(name).parent / resources
        # JSON may be indented with tabs, which YAML does not take; in its strings there are none.
        node, resources = _yaml(_text(path).replace("\t", "  "), str(path))
        name, above = str(path), ()
    template = resources if whole else {"Resources": resources}
    given = read.get("parameters")
    try:
        made = operations(template, given if isinstance(given, dict) else {}, str(read.get("name", "stack")))
    except BadTemplate as error:
        at = [*above, *(error.path if whole else error.path[1:])]
        where = f"{name}:{_line(node, at, error.why)}" if node is not None else name
        raise BadScenario(f"{where}: {error.why}") from error
    return {**read, "resources": made}


def _scenario(read: Any, node: yaml.Node | None, name: str) -> Scenario:
    """What was read, as a scenario; `node` knows its lines."""
    try:
        return msgspec.convert(read, Scenario, dec_hook=_quantity)
    except msgspec.ValidationError as error:
        path, why = _said(error)
        where = f"{name}:{_line(node, path, why)}" if node is not None else name
        raise BadScenario(f"{where}: {why}") from error


def _quantity(kind: type, given: object) -> Any:
    return kind(QUANTITIES[kind](given))


def _said(error: msgspec.ValidationError) -> tuple[list[str | int], str]:
    """Where in the file, and what to say."""
    text = str(error)
    found = _WHERE.search(text)
    path: list[str | int] = []
    if found is not None:
        text = text[: found.start()]
        steps = _STEP.findall(found["path"])
        path = [int(index) if index.isdigit() else name or ANY for name, index in steps]
    unknown = _UNKNOWN.match(text)
    if unknown is None:
        where = ".".join(str(step) for step in path if step != ANY)
        return path, f"{where}: {text}" if where else text
    known = sorted(_members(path))
    close = difflib.get_close_matches(unknown[1], known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return [*path, unknown[1]], f"unknown key {unknown[1]!r}: {hint}"


def _members(path: Iterable[str | int]) -> list[str]:
    """The keys that are known at that place."""
    kind: Any = msgspec.inspect.type_info(Scenario)
    for step in path:
        kind = _inner(kind, step)
    options = list(_structs(kind))
    return [field.encode_name for one in options for field in one.fields]


def _inner(kind: Any, step: str | int) -> Any:
    for one in _flat(kind):
        match one:
            case msgspec.inspect.StructType():
                for field in one.fields:
                    if field.encode_name == step:
                        return field.type
            case msgspec.inspect.ListType():
                return one.item_type
            case msgspec.inspect.DictType():
                return one.value_type
    return None


def _flat(kind: Any) -> Iterator[Any]:
    if isinstance(kind, msgspec.inspect.UnionType):
        yield from kind.types
    elif kind is not None:
        yield kind


def _structs(kind: Any) -> Iterator[msgspec.inspect.StructType]:
    return (one for one in _flat(kind) if isinstance(one, msgspec.inspect.StructType))


def _line(node: yaml.Node, path: list[str | int], why: str) -> int:
    """Where in the file the value of that path is, or as far as it goes.

    Where any key of a mapping may be meant, the one whose value `why` names.
    """
    line: int = node.start_mark.line
    for place, step in enumerate(path):
        children = _children(node)
        if step == ANY:
            rest = path[place + 1 :]
            fits = [child for child in children if _leads(child[1], rest, why)] or children
        else:
            fits = [child for child in children if child[0] == step]
        if not fits:
            break
        _, node, line = fits[0]
    return line + 1


def _children(node: yaml.Node) -> list[tuple[str | int, yaml.Node, int]]:
    """(key or index, value, line) of each."""
    if isinstance(node, yaml.MappingNode):
        return [(key.value, value, key.start_mark.line) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(index, one, one.start_mark.line) for index, one in enumerate(node.value)]
    return []


def _leads(node: yaml.Node, path: list[str | int], why: str) -> bool:
    """Whether that path is below the node, and ends in what `why` names."""
    for step in path:
        found = [value for key, value, _ in _children(node) if step in (key, ANY)]
        if not found:
            return False
        node = found[0]
    unknown = bool(path) and repr(path[-1]) in why
    return unknown or not isinstance(node, yaml.ScalarNode) or node.value in why
