"""JSON text from outside and back: bounded, strict, canonical."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from crmkit.errors import BadExpression, CrmError

__all__ = ["MAX_SIZE", "Beyond", "Object", "dump", "in_words", "is_list", "is_object", "load", "quoted"]

MAX_SIZE: Final = 64 * 1024
"""The longest document that is read or written, in bytes of UTF-8."""

_LONGEST_INTEGER: Final = 601


class Beyond:
    """A number of more digits than any value has; computing it would only cost time."""

    least: Final = 10 ** (_LONGEST_INTEGER - 1)
    """Something that is no greater than its size."""


class Object(dict[str, Any]):
    """An object of a document, which remembers a key that came twice."""

    twice: str | None = None


def _pairs(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    if len(made) < len(pairs):
        made.twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return made


def _integer(digits: str) -> int | Beyond:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Beyond()


def quoted(text: str) -> str:
    """Return text for a message: in quotes, escaped, and cut when it is long.

    >>> quoted("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    return repr(text if len(text) <= 40 else f"{text[:39]}…")  # noqa: PLR2004 - what fits a line


def in_words(data: object) -> str:
    """Return what a value of a document is, for a message.

    >>> in_words(1.5), in_words("x")
    ('a number with a point', "the text 'x'")
    """
    match data:
        case None:
            return "null"
        case bool():
            return "true" if data else "false"
        case str():
            return f"the text {quoted(data)}"
        case int() | Beyond():
            return "a whole number"
        case float():
            return "a number with a point"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"of type {type(data).__name__}"


def is_list(data: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a list of a document, or the tuple that stands for one."""
    return isinstance(data, list | tuple)


def is_object(data: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a value is an object of a document."""
    return isinstance(data, Mapping)


def load(text: object, *, error: type[CrmError] = BadExpression, at_most: int = MAX_SIZE) -> object:
    """Return what a JSON text holds.

    Args:
        text: the document.
        error: the class of the error to raise.
        at_most: the longest that is read, in bytes of UTF-8.

    Raises:
        CrmError: of the class `error`: it is not JSON, too long, or nested too deep.

    >>> load('{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    if not isinstance(text, str):
        raise error(f"$ is {type(text).__name__}, where JSON text belongs.")
    size = len(text.encode(errors="surrogatepass"))
    if size > at_most:
        raise error(f"$ has {size} bytes, {at_most} at most.")
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_int=_integer)
    except json.JSONDecodeError as problem:
        raise error(f"$ is not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}.") from None
    except RecursionError:
        raise error("$ is nested too deep.") from None


def dump(data: object, *, error: type[CrmError] = BadExpression, at_most: int = MAX_SIZE) -> str:
    """Return the canonical JSON text of plain data: keys sorted, no spaces, characters as they are.

    Raises:
        CrmError: of the class `error`: the text would be too long.

    >>> dump({"b": 1, "a": "é"})
    '{"a":"é","b":1}'
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    size = len(text.encode())
    if size > at_most:
        raise error(f"$ would have {size} bytes, {at_most} at most.", hint="Split it.")
    return text
