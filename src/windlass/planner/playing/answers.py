"""What a scenario's parameters name of answers before them: "${web.targetGroups[0].arn}". Pure.

An answer is called by its `as`; behind the name comes a JMESPath expression (jmespath.org), as in --query of
the aws CLI, with two functions more: after(text, mark) and part(text, mark, number). `default` is there from
the beginning: subnets, security_groups and vpc of the default VPC, account, region, and package: some code
for a function.
"""

from __future__ import annotations

import re
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w-]*)((?:\.|\[)[^}]*)?\}", re.ASCII)


class _Functions(functions.Functions):  # type: ignore[misc]
    """Those of JMESPath, and what ARNs are taken apart with."""

    @functions.signature({"types": ["string"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_after(self, text: str, mark: str) -> str:
        """What comes after the first such mark: after('…:loadbalancer/app/web/1', 'loadbalancer/')."""
        return text.partition(mark)[2]

    @functions.signature({"types": ["string"]}, {"types": ["string"]}, {"types": ["number"]})  # type: ignore[untyped-decorator]
    def _func_part(self, text: str, mark: str, index: int) -> str | None:
        """The part with that number, from 0, between marks; nothing where there are not so many."""
        parts = text.split(mark)
        return parts[int(index)] if mark and 0 <= index < len(parts) else None


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class NotThere(Exception):
    """A name that means nothing. `empty`: it means something that has nothing there."""

    def __init__(self, why: str, empty: bool = False) -> None:
        super().__init__(why)
        self.empty = empty


class Answers:
    """Those of one run."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def keep(self, name: str, answer: Any) -> None:
        """From now on ${name…} means that answer."""
        self._kept[name] = answer

    def copy(self) -> Answers:
        """One that knows the same, and to which more is added than to this one."""
        copied = Answers()
        copied._kept.update(self._kept)
        return copied

    def filled(self, params: Any) -> Any:
        """The parameters with what they name. Raises NotThere."""
        match params:
            case dict():
                return {name: self.filled(value) for name, value in params.items()}
            case list():
                return [self.filled(value) for value in params]
            case str():
                whole = _REFERENCE.fullmatch(params)
                if whole is not None:
                    return self._found(whole)
                return _REFERENCE.sub(lambda found: str(self._found(found)), params)
            case _:
                return params

    def _found(self, said: re.Match[str]) -> Any:
        name, rest = said[1], (said[2] or "").removeprefix(".")
        if name not in self._kept:
            raise NotThere(
                f"{said[0]}: nothing is called {name!r}; there are {', '.join(sorted(self._kept))}"
            )
        if not rest:
            return self._kept[name]
        try:
            found = jmespath.search(rest, self._kept[name], _OPTIONS)
        except JMESPathError as error:
            raise NotThere(f"{said[0]}: {error}") from error
        if found is None:
            raise NotThere(f"{said[0]}: the answer called {name!r} has nothing there", empty=True)
        return found
