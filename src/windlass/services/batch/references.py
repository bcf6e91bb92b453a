"""`Ref::name` placeholders in a job's command. Pure.

Rules: AWS Batch User Guide, job_definition_parameters; facts/batch.md, 4.1. A placeholder stands for a value,
never for words: what it becomes is a part of the one argument that it stands in, whatever is in the value.
Our decisions, where AWS's documentation is silent: a placeholder may stand inside an argument
(`--in=Ref::file`); one that no parameter names stays as it is; of two names that fit the longer one is meant;
what a value says is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

PREFIX = "Ref::"
_GOES_ON = r"(?![A-Za-z0-9_-])"
"""A name does not end in the middle of a word: `Ref::input` has nothing to do with a parameter `in`."""


def substituted(command: Sequence[str], parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The command with its placeholders replaced; as many arguments as before.

    >>> substituted(["cp", "Ref::from", "s3://b/Ref::to.txt", "Ref::no"], {"from": "a b; rm", "to": "x"})
    ('cp', 'a b; rm', 's3://b/x.txt', 'Ref::no')
    """
    if not parameters or not any(PREFIX in word for word in command):
        return tuple(command)
    replaced = _replacing(parameters)
    return tuple(_word(word, parameters, replaced) for word in command)


def _word(word: str, parameters: Mapping[str, str], replaced: Callable[[str], str]) -> str:
    if PREFIX not in word:
        return word
    whole = parameters.get(word.removeprefix(PREFIX)) if word.startswith(PREFIX) else None
    return replaced(word) if whole is None else whole


def _replacing(parameters: Mapping[str, str]) -> Callable[[str], str]:
    names = sorted((name for name in parameters if name), key=len, reverse=True)
    if not names:
        return lambda word: word
    pattern = re.compile(f"{PREFIX}({'|'.join(map(re.escape, names))}){_GOES_ON}")
    return lambda word: pattern.sub(lambda found: parameters[found[1]], word)
