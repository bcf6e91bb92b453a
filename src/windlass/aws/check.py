"""Parameters against the constraints of the model, with AWS's wording.

Decides whether a call's input breaks `required`, `min`, `max`, `enum` or `pattern`; knows nothing of what
the members mean. Types are right already (the protocols see to that). Wording: Coral's, as lambda, events,
logs and the query services answer it (fact sheet wire-protocols, section 6; lists and maps of scalars as
Lambda reports them). Each shape is compiled once to closures, because every request passes here.
Known gaps: patterns that `java_regex` does not run are not checked; nor are strings longer than
PATTERN_CHARS_MAX against their pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

from windlass.aws.java_regex import compiled
from windlass.kernel.faults import Fault

PATTERN_CHARS_MAX = 131_072
"""Characters that are matched against a pattern; the longest modelled maximum with one (IAM policies)."""
VALUE_CHARS_MAX = 1_024
"""Characters of a refused value that are repeated in the message."""

Path: TypeAlias = "tuple[Path, str] | None"
"""Where a value stands, innermost last; joined only when something is wrong with it."""
Problems: TypeAlias = "list[str]"
Check: TypeAlias = Callable[[Any, Path, Problems], None]
"""Appends to the problems what is wrong with the value."""
Rule: TypeAlias = "tuple[str, Callable[[Any], bool]]"
"""A constraint of one value: its text after "Member must", and whether a value keeps it."""

_NUMBERS = ("integer", "long", "float", "double")
_NOT_NULL = "Member must not be null"


def check(
    params: Mapping[str, Any], shape: Shape | None, invalid: str, skip: frozenset[str] = frozenset()
) -> None:
    """Raise Fault(`invalid`) when `params` break a constraint of the input shape.

    `skip` names kinds that the service words itself: "required", "range", "enum", "pattern"; or an enum by
    its shape, "enum RetryAction", where it takes more than the model tells.
    """
    checks = compile_shape(shape, skip) if shape is not None else None
    if checks is None:
        return
    problems: Problems = []
    checks(params, None, problems)
    if problems:
        many = "error" if len(problems) == 1 else "errors"
        raise Fault(invalid, f"{len(problems)} validation {many} detected: {'; '.join(problems)}")


@cache
def compile_shape(shape: Shape, skip: frozenset[str]) -> Check | None:
    """The checks of an operation's input; None when the model constrains nothing."""
    return _Compiler(skip).shape(shape)


class _Compiler:
    """Turns shapes to closures; remembers each by name, because shapes may hold themselves."""

    def __init__(self, skip: frozenset[str]) -> None:
        self._skip = skip
        self._slots: dict[str, list[Check | None]] = {}
        self._done: set[str] = set()

    def shape(self, shape: Shape) -> Check | None:
        if isinstance(shape, StructureShape | ListShape | MapShape):
            return self._nested(shape)
        return _scalar(self.rules(shape), bool(shape.metadata.get("sensitive")))

    def _nested(self, shape: Shape) -> Check | None:
        if shape.name in self._done:
            return self._slots[shape.name][0]
        if shape.name in self._slots:
            return _later(self._slots[shape.name])
        slot = self._slots[shape.name] = [None]
        if isinstance(shape, StructureShape):
            slot[0] = self._structure(shape)
        elif isinstance(shape, ListShape):
            slot[0] = self._list(shape)
        else:
            slot[0] = self._map(cast(MapShape, shape))
        self._done.add(shape.name)
        return slot[0]

    def _structure(self, shape: StructureShape) -> Check | None:
        required = frozenset() if "required" in self._skip else frozenset(shape.required_members)
        members = []
        for name, member in shape.members.items():
            found = self.shape(member)
            if found is not None or name in required:
                members.append((name, label(name), found, name in required))
        if not members:
            return None

        def checks(value: Any, path: Path, problems: Problems) -> None:
            for name, at, member, must in members:
                held = value.get(name)
                if held is None:
                    if must:
                        problems.append(f"Value null at '{join((path, at))}' {_failed(_NOT_NULL)}")
                elif member is not None:
                    member(held, (path, at), problems)

        return checks

    def _list(self, shape: ListShape) -> Check | None:
        size = _scalar(self.rules(shape), False)
        if not isinstance(shape.member, StructureShape | ListShape | MapShape):
            return _both(size, _each(self.rules(shape.member), "Member must satisfy constraint", list))
        member = self.shape(shape.member)
        if member is None:
            return size

        def checks(value: Any, path: Path, problems: Problems) -> None:
            for number, held in enumerate(value, 1):
                member(held, (path, f"{number}.member"), problems)

        return _both(size, checks)

    def _map(self, shape: MapShape) -> Check | None:
        size = _both(
            _scalar(self.rules(shape), False),
            _each(self.rules(shape.key), "Map keys must satisfy constraint", list),
        )
        if not isinstance(shape.value, StructureShape | ListShape | MapShape):
            values = _each(
                self.rules(shape.value), "Map value must satisfy constraint", lambda held: held.values()
            )
            return _both(size, values)
        member = self.shape(shape.value)
        if member is None:
            return size

        def checks(value: Any, path: Path, problems: Problems) -> None:
            for key, held in value.items():
                member(held, (path, f"{key}.member"), problems)

        return _both(size, checks)

    def rules(self, shape: Shape) -> list[Rule]:
        """What the model says of one value: largest first, as AWS lists them."""
        found: list[Rule] = []
        if "range" not in self._skip:
            found += _number_rules(shape) if shape.type_name in _NUMBERS else _length_rules(shape)
        if shape.type_name != "string":
            return found
        matches = compiled(pattern) if (pattern := shape.metadata.get("pattern")) else None
        if matches is not None and "pattern" not in self._skip:
            found.append((f"satisfy regular expression pattern: {pattern}", _cautious(matches, shape)))
        if (values := shape.metadata.get("enum")) and not {"enum", f"enum {shape.name}"} & self._skip:
            found.append((f"satisfy enum value set: [{', '.join(values)}]", frozenset(values).__contains__))
        return found


def _later(slot: list[Check | None]) -> Check:
    """A shape inside itself: its checks are in the slot by the time that anything is checked."""

    def checks(value: Any, path: Path, problems: Problems) -> None:
        if slot[0] is not None:
            slot[0](value, path, problems)

    return checks


def _number_rules(shape: Shape) -> list[Rule]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    found: list[Rule] = []
    if high is not None:
        found.append((f"have value less than or equal to {high}", lambda value: value <= high))
    if low is not None:
        found.append((f"have value greater than or equal to {low}", lambda value: value >= low))
    return found


def _length_rules(shape: Shape) -> list[Rule]:
    if shape.type_name not in ("string", "blob", "list", "map"):
        return []
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    found: list[Rule] = []
    if high is not None:
        found.append((f"have length less than or equal to {high}", lambda value: len(value) <= high))
    if low:
        found.append((f"have length greater than or equal to {low}", lambda value: len(value) >= low))
    return found


def _cautious(matches: Callable[[str], bool], shape: Shape) -> Callable[[str], bool]:
    """Run the pattern only on strings that the model's length allows: others are refused for that."""
    most = min(shape.metadata.get("max", PATTERN_CHARS_MAX), PATTERN_CHARS_MAX)
    return lambda value: len(value) > most or matches(value)


def _scalar(rules: list[Rule], secret: bool) -> Check | None:
    """The checks of one value. A secret is not repeated in the message."""
    if not rules:
        return None

    def checks(value: Any, path: Path, problems: Problems) -> None:
        for text, keeps in rules:
            if not keeps(value):
                shown = "" if secret else f" '{show(value)}'"
                problems.append(f"Value{shown} at '{join(path)}' {_failed(f'Member must {text}')}")

    return checks


def _each(rules: list[Rule], what: str, parts: Callable[[Any], Any]) -> Check | None:
    """The checks of the scalars in a list, or of a map's keys or values: reported once, for all of it."""
    if not rules:
        return None
    texts = ", ".join([*(f"Member must {text}" for text, _ in rules), _NOT_NULL])

    def checks(value: Any, path: Path, problems: Problems) -> None:
        if not all(keeps(held) for held in parts(value) for _, keeps in rules):
            problems.append(f"Value '{show(value)}' at '{join(path)}' {_failed(f'{what}: [{texts}]')}")

    return checks


def _both(first: Check | None, second: Check | None) -> Check | None:
    if first is None or second is None:
        return first or second

    def checks(value: Any, path: Path, problems: Problems) -> None:
        first(value, path, problems)
        second(value, path, problems)

    return checks


def _values(held: Mapping[str, Any]) -> Any:
    return held.values()


def _failed(constraint: str) -> str:
    return f"failed to satisfy constraint: {constraint}"


def label(name: str) -> str:
    """A member as AWS's messages name it: `RoleName` → roleName."""
    return name[:1].lower() + name[1:]


def join(path: Path) -> str:
    """`containerDefinitions.1.member.name`."""
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(name)
    return ".".join(reversed(names))


def show(value: Any) -> str:
    """A value as Java prints it: `[a, b]`, `{k=v}`."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}={show(held)}" for key, held in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(show, value))}]"
    elif isinstance(value, bytes | bytearray):
        text = f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    else:
        text = str(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}..."
