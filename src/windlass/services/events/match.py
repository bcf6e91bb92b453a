"""Which rules of one bus want an event. Pure: an index over compiled patterns.

Most patterns name their sources literally, so rules are looked up by source; only those that do not are
tried for every event. Rebuilding costs one compilation for each pattern that was not known before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.aws.pattern import Pattern, compile_pattern
from windlass.services.events.model import Rule


class RuleIndex:
    """The enabled rules of one bus, by source. `known` are compiled patterns to use again."""

    def __init__(self, rules: Iterable[Rule], known: Mapping[str, Pattern]) -> None:
        self.compiled: dict[str, Pattern] = {}
        self._by_source: dict[str, list[tuple[Rule, Pattern]]] = {}
        self._others: list[tuple[Rule, Pattern]] = []
        for rule in rules:
            if rule.pattern is None or not rule.enabled:
                continue
            pattern = known.get(rule.pattern) or compile_pattern(rule.pattern)
            self.compiled[rule.pattern] = pattern
            sources = pattern.only("source")
            if sources is None:
                self._others.append((rule, pattern))
            for source in sources or ():
                self._by_source.setdefault(source, []).append((rule, pattern))

    def may_match(self, source: str) -> bool:
        """Whether any rule could want an event of that source."""
        return bool(self._others) or source in self._by_source

    def matching(self, event: Mapping[str, Any]) -> list[Rule]:
        """The rules that want this event, in order of name."""
        candidates = [*self._by_source.get(event["source"], ()), *self._others]
        return sorted((rule for rule, p in candidates if p.matches(event)), key=lambda rule: rule.name)
