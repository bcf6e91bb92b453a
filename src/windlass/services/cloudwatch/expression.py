"""Metric math: reads an expression and works it out over time series. Pure.

Numbers, ids, + - * / ^, comparisons, AND and OR, lists, and the functions of FUNCTIONS (CloudWatch User
Guide, "Using metric math"). Series meet at the times that both have; functions over a list of series take
what there is at each time. What has no value (a division by zero) is no point. The rest of the language is
refused: more functions, SEARCH, arrays as results.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
import statistics
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from windlass.kernel.faults import Fault

DEPTH_MAX = 50
"""Nesting that is read; ours."""
Points: TypeAlias = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the start of their period, in seconds since the epoch."""

    period: int
    points: Points


@dataclass(frozen=True, slots=True)
class Name:
    """A word that no function knows: REPEAT, LINEAR; or the text in METRICS("text")."""

    text: str


Value: TypeAlias = "float | Series | list[Series] | Name"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression is worked out over."""

    named: Callable[[str], Series]
    """The series of an id; raises Fault for one that is not there."""
    metrics: Mapping[str, Series]
    """The metrics of the call by id: what METRICS() means."""
    times: Sequence[int] = field(default_factory=tuple)
    """All periods of the call, for FILL."""


def evaluate(text: str, scope: Scope) -> Series:
    """The expression's series. Raises Fault ValidationError for what is none, or not of what we have."""
    parser = _Parser(text, scope)
    value = parser.expression()
    parser.end()
    if not isinstance(value, Series):
        raise wrong(f"{text!r} is not a single time series")
    return value


def ids(text: str) -> frozenset[str]:
    """The ids that an expression names."""
    return frozenset(re.findall(r"\b[a-z]\w*", re.sub(r'"[^"]*"', "", text)))


def wrong(why: str) -> Fault:
    return Fault("ValidationError", f"Error in expression: {why}")


_TOKEN = re.compile(
    r'\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(\w+)|"([^"]*)"|(<=|>=|==|!=|&&|\|\||[-+*/^()\[\],<>]))'
)
_LEVELS: tuple[Mapping[str, Callable[[float, float], float]], ...] = (
    {"OR": lambda a, b: float(bool(a or b)), "||": lambda a, b: float(bool(a or b))},
    {"AND": lambda a, b: float(bool(a and b)), "&&": lambda a, b: float(bool(a and b))},
    {
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
        "==": lambda a, b: float(a == b),
        "!=": lambda a, b: float(a != b),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
    {"^": math.pow},
)
"""Operators, those that bind least first."""


class _Parser:
    """Reads and works out in one go: an expression is used once."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._scope = scope
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0

    def expression(self, level: int = 0) -> Value:
        if level == len(_LEVELS):
            return self._operand()
        value = self.expression(level + 1)
        while self._peek()[0] in ("op", "word") and self._peek()[1] in _LEVELS[level]:
            operation = _LEVELS[level][self._next()[1]]
            value = _combine(operation, value, self.expression(level + 1))
        return value

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise wrong(f"unexpected {self._peek()[1]!r}")

    def _operand(self) -> Value:
        kind, text = self._next()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise wrong("it is nested too deeply")
        try:
            match kind, text:
                case "number", _:
                    return float(text)
                case "op", "-":
                    return _combine(operator.sub, 0.0, self._operand())
                case "op", "(":
                    value = self.expression()
                    self._expect(")")
                    return value
                case "op", "[":
                    return _listed(self._arguments("]"))
                case "text", _:
                    return Name(text)
                case "word", _ if self._peek() == ("op", "("):
                    self._next()
                    return self._call(text, self._arguments(")"))
                case "word", _ if text[0].islower():
                    return self._scope.named(text)
                case "word", _:
                    return Name(text)
                case _:
                    raise wrong(f"unexpected {text!r}" if text else "it ends too early")
        finally:
            self._depth -= 1

    def _call(self, name: str, given: list[Value]) -> Value:
        function = FUNCTIONS.get(name.upper())
        if function is None:
            raise wrong(f"Windlass does not have the function {name}")
        return function(self._scope, given)

    def _arguments(self, end: str) -> list[Value]:
        found: list[Value] = []
        while self._peek() != ("op", end):
            if found:
                self._expect(",")
            found.append(self.expression())
        self._expect(end)
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place]

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if token[0] != "end":
            self._place += 1
        return token

    def _expect(self, text: str) -> None:
        if self._next() != ("op", text):
            raise wrong(f"{text!r} is missing")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place, text = [], 0, text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise wrong(f"unexpected {text[place : place + 20]!r}")
        kind = ("number", "word", "text", "op")[(token.lastindex or 1) - 1]
        found.append((kind, token[token.lastindex or 1]))
        place = token.end()
    return [*found, ("end", "")]


def _combine(operation: Callable[[float, float], float], a: Value, b: Value) -> Value:
    match a, b:
        case float(), float():
            value = _result(operation, a, b)
            if value is None:
                raise wrong("a constant has no value")
            return value
        case Series(), float():
            return _mapped(a, lambda value: _result(operation, value, b))
        case float(), Series():
            return _mapped(b, lambda value: _result(operation, a, value))
        case Series(), Series():
            both = {at: _result(operation, a.points[at], b.points[at]) for at in a.points if at in b.points}
            return Series(max(a.period, b.period), _known(both))
        case _:
            raise wrong("lists are only taken by functions")


def _result(operation: Callable[[float, float], float], a: float, b: float) -> float | None:
    try:
        value = float(operation(a, b))
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _mapped(series: Series, change: Callable[[float], float | None]) -> Series:
    return Series(series.period, _known({at: change(value) for at, value in series.points.items()}))


def _known(points: Mapping[int, float | None]) -> Points:
    return {at: value for at, value in points.items() if value is not None}


def _listed(given: Sequence[Value]) -> list[Series]:
    if not all(isinstance(one, Series) for one in given):
        raise wrong("a list may only hold time series")
    return [one for one in given if isinstance(one, Series)]


def _one(given: Sequence[Value]) -> Series:
    """The only argument, a series."""
    if len(given) != 1 or not isinstance(given[0], Series):
        raise wrong("a function wants one time series")
    return given[0]


def _over(reduce: Callable[[Sequence[float]], float]) -> Callable[[Scope, Sequence[Value]], Value]:
    """Of one series a number, of a list at each time what there is."""

    def function(scope: Scope, given: Sequence[Value]) -> Value:
        if len(given) == 1 and isinstance(given[0], Series):
            values = list(given[0].points.values())
            return float(reduce(values)) if values else Series(given[0].period, {})
        all_of = given[0] if len(given) == 1 and isinstance(given[0], list) else None
        if not all_of:
            raise wrong("a function wants a time series or a list of some")
        times = sorted({at for series in all_of for at in series.points})
        return Series(
            max(series.period for series in all_of),
            {at: float(reduce([s.points[at] for s in all_of if at in s.points])) for at in times},
        )

    return function


def _each(change: Callable[[float], float]) -> Callable[[Scope, Sequence[Value]], Value]:
    """The function at each point; where it has no value there is no point."""
    return lambda scope, given: _mapped(
        _one(given), lambda value: _result(lambda a, b: change(a), value, 0.0)
    )


def _fill(scope: Scope, given: Sequence[Value]) -> Value:
    """FILL(series, number | REPEAT | LINEAR): a value at each time of the call."""
    if len(given) != 2 or not isinstance(given[0], Series):
        raise wrong("FILL wants a time series and a value")
    series, filler = given
    assert isinstance(series, Series)
    known = series.points
    times = [at for at in scope.times if at % series.period == (scope.times[0] % series.period)]
    found: Points
    match filler:
        case float():
            found = {at: known.get(at, filler) for at in times}
        case Series():
            found = _known({at: known.get(at, filler.points.get(at)) for at in times})
        case Name(text=text) if text.upper() in ("REPEAT", "LINEAR"):
            order, linear = sorted(known), text.upper() == "LINEAR"
            found = _known({at: _between(known, order, at, linear=linear) for at in times})
        case _:
            raise wrong("FILL wants a number, a time series, REPEAT or LINEAR")
    return Series(series.period, {**known, **found})


def _between(known: Points, order: Sequence[int], at: int, *, linear: bool) -> float | None:
    """What a missing point is: the value before it, or on the line to the one after it."""
    if at in known:
        return known[at]
    place = bisect_left(order, at)
    before = order[place - 1] if place else None
    after = order[place] if place < len(order) else None
    if before is None or (linear and after is None):
        return None
    if not linear or after is None:
        return known[before]
    return known[before] + (known[after] - known[before]) * (at - before) / (after - before)


def _if(scope: Scope, given: Sequence[Value]) -> Value:
    """IF(condition, then[, else]) at each time; without else there is no point."""
    if len(given) not in (2, 3) or isinstance(given[0], list | Name):
        raise wrong("IF wants a condition and one or two values")
    condition, then = given[0], given[1]
    otherwise: Value = given[2] if len(given) == 3 else Series(0, {})
    if isinstance(condition, float):
        return then if condition else otherwise

    def at_time(value: Value, at: int) -> float | None:
        match value:
            case float():
                return value
            case Series():
                return value.points.get(at)
            case _:
                raise wrong("IF wants numbers or time series")

    chosen = {at: at_time(then if value else otherwise, at) for at, value in condition.points.items()}
    return Series(condition.period, _known(chosen))


def _steps(divided: bool) -> Callable[[Scope, Sequence[Value]], Value]:
    """The change since the point before, or that a second."""

    def function(scope: Scope, given: Sequence[Value]) -> Value:
        series = _one(given)
        times = sorted(series.points)
        changes = {}
        for before, at in itertools.pairwise(times):
            changes[at] = (series.points[at] - series.points[before]) / ((at - before) if divided else 1)
        return Series(series.period, changes)

    return function


def _times_apart(scope: Scope, given: Sequence[Value]) -> Value:
    """DIFF_TIME(series): seconds since the point before."""
    series = _one(given)
    return Series(
        series.period, {at: float(at - last) for last, at in itertools.pairwise(sorted(series.points))}
    )


def _running(scope: Scope, given: Sequence[Value]) -> Value:
    """RUNNING_SUM(series): all up to then."""
    series = _one(given)
    times = sorted(series.points)
    return Series(
        series.period, dict(zip(times, itertools.accumulate(series.points[at] for at in times), strict=True))
    )


def _constant(scope: Scope, given: Sequence[Value]) -> Value:
    """TIME_SERIES(number): that at each time of the call."""
    if len(given) != 1 or not isinstance(given[0], float):
        raise wrong("TIME_SERIES wants a number")
    period = min((b - a for a, b in itertools.pairwise(sorted(scope.times))), default=60)
    return Series(period, dict.fromkeys(scope.times, given[0]))


def _end(place: int) -> Callable[[Scope, Sequence[Value]], Value]:
    """FIRST and LAST of a list."""

    def function(scope: Scope, given: Sequence[Value]) -> Value:
        if len(given) != 1 or not isinstance(given[0], list) or not given[0]:
            raise wrong("FIRST and LAST want a list of time series")
        return given[0][place]

    return function


def _calendar(read: Callable[[datetime], float]) -> Callable[[Scope, Sequence[Value]], Value]:
    """What the clock says at each point, in UTC."""

    def function(scope: Scope, given: Sequence[Value]) -> Value:
        series = _one(given)
        return Series(
            series.period, {at: float(read(datetime.fromtimestamp(at, UTC))) for at in series.points}
        )

    return function


def _metrics(scope: Scope, given: Sequence[Value]) -> Value:
    """METRICS(): all metrics of the call; METRICS("text"): those with the text in their id."""
    part = given[0].text if given and isinstance(given[0], Name) else ""
    return [series for name, series in scope.metrics.items() if part in name]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


FUNCTIONS: Mapping[str, Callable[[Scope, Sequence[Value]], Value]] = {
    "ABS": _each(abs),
    "AVG": _over(_mean),
    "CEIL": _each(math.ceil),
    "DATAPOINT_COUNT": _over(len),
    "DATE": _calendar(lambda at: at.day),
    "DAY": _calendar(lambda at: at.isoweekday()),
    "DIFF": _steps(divided=False),
    "DIFF_TIME": _times_apart,
    "EPOCH": _calendar(lambda at: at.timestamp()),
    "FILL": _fill,
    "FIRST": _end(0),
    "FLOOR": _each(math.floor),
    "HOUR": _calendar(lambda at: at.hour),
    "IF": _if,
    "LAST": _end(-1),
    "LOG": _each(math.log),
    "LOG10": _each(math.log10),
    "MAX": _over(max),
    "METRICS": _metrics,
    "MIN": _over(min),
    "MINUTE": _calendar(lambda at: at.minute),
    "MONTH": _calendar(lambda at: at.month),
    "PERIOD": lambda scope, given: float(_one(given).period),
    "RATE": _steps(divided=True),
    "RUNNING_SUM": _running,
    "STDDEV": _over(statistics.pstdev),
    "SUM": _over(math.fsum),
    "TIME_SERIES": _constant,
    "YEAR": _calendar(lambda at: at.year),
}
"""The functions that Windlass has."""
