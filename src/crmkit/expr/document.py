"""JSON documents from outside: read strictly, and refused with the path to what is wrong.

Stored expressions, pipelines and segments share this reader. Nothing that a document holds can raise anything but the
error its reader was made with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeGuard

import attrs

from crmkit.errors import BadExpression, CrmError, Problem, near
from crmkit.values import INT64_MAX, INT64_MIN, clean_text

__all__ = ["MAX_SIZE", "Cursor", "dump", "is_list", "is_object", "load", "quoted"]

MAX_SIZE: Final = 64 * 1024
"""The longest document that is read or written, in bytes of UTF-8."""

_LONGEST_INTEGER: Final = 20
_FEW: Final = 6


class _Beyond:
    """A number of more digits than any value has; computing it would only cost time."""


class _Object(dict[str, Any]):
    """An object of a document, which remembers a key that came twice."""

    twice: str | None = None


def _pairs(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        made.twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return made


def _integer(digits: str) -> int | _Beyond:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else _Beyond()


def quoted(text: str) -> str:
    """Return text for a message: in quotes, escaped, and cut when it is long.

    >>> quoted("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    return repr(text if len(text) <= 40 else f"{text[:39]}…")  # noqa: PLR2004 - what fits a line


def _kind(data: object) -> str:
    match data:
        case None:
            return "null"
        case bool():
            return "true" if data else "false"
        case str():
            return f"the text {quoted(data)}"
        case int() | _Beyond():
            return "a whole number"
        case float():
            return "a number with a point"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(data).__name__}"


def is_list(data: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a list of a document, or the tuple that stands for one."""
    return isinstance(data, list | tuple)


def is_object(data: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a value is an object of a document."""
    return isinstance(data, Mapping)


@attrs.frozen
class Cursor:
    """A place in a document, with the value found there.

    Attributes:
        data: the value.
        path: where it is, such as `$.items[2].op`.
        error: the class of the errors to raise.
    """

    data: object
    path: str = "$"
    error: type[CrmError] = BadExpression

    def refuse(self, message: str, *, hint: str = "") -> CrmError:
        """Return an error that names this place."""
        return self.error(f"{self.path} {message}", hint=hint)

    def members(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Cursor]:
        """Return the values of an object that has all required keys, and none but these and the optional ones."""
        data = self._object()
        known = {*required, *optional}
        for key in data:
            if key not in known:
                shown = key if isinstance(key, str) else type(key).__name__
                raise self.refuse(f"has the unknown key {quoted(shown)}.", hint=near(shown[:40], known))
        for key in required:
            if key not in data:
                raise self.refuse(f"lacks the key {key!r}.", hint=f"It needs: {', '.join(required)}.")
        return {key: self._at(f".{key}", value) for key, value in data.items()}

    def member(self, key: str) -> Cursor:
        """Return the value that an object has at this key; further keys are not looked at."""
        data = self._object()
        if key not in data:
            raise self.refuse(f"lacks the key {key!r}.")
        return self._at(f".{key}", data[key])

    def elements(self, *, at_most: int, at_least: int = 0) -> list[Cursor]:
        """Return the elements of a list."""
        if not is_list(self.data):
            raise self.refuse(f"is {_kind(self.data)}, where a list belongs.")
        if not at_least <= len(self.data) <= at_most:
            wanted = f"{at_most} at most" if len(self.data) > at_most else f"{at_least} or more"
            raise self.refuse(f"has {len(self.data)} entries, {wanted}.")
        return [self._at(f"[{index}]", value) for index, value in enumerate(self.data)]

    def text(self, *, at_most: int, at_least: int = 0) -> str:
        """Return a text that every store can hold."""
        if not isinstance(self.data, str):
            raise self.refuse(f"is {_kind(self.data)}, where text belongs.")
        try:
            return clean_text(self.data, at_most=at_most, at_least=at_least)
        except Problem as problem:
            raise self.refuse(problem.message, hint=problem.hint) from None

    def word(self, words: Collection[str]) -> str:
        """Return a text that is one of these."""
        if not isinstance(self.data, str) or self.data not in words:
            few = not isinstance(self.data, str) or len(words) <= _FEW
            hint = f"There is: {', '.join(sorted(words))}." if few else near(str(self.data)[:40], words)
            raise self.refuse(f"is {_kind(self.data)}, which is not known here.", hint=hint)
        return self.data

    def integer(self, *, at_least: int = INT64_MIN, at_most: int = INT64_MAX) -> int:
        """Return a whole number within bounds."""
        if isinstance(self.data, _Beyond):
            raise self.refuse("does not fit a 64-bit integer.")
        if type(self.data) is not int:
            raise self.refuse(f"is {_kind(self.data)}, where a whole number belongs.")
        if not INT64_MIN <= self.data <= INT64_MAX:
            raise self.refuse("does not fit a 64-bit integer.")
        if not at_least <= self.data <= at_most:
            raise self.refuse(f"must lie between {at_least} and {at_most}.")
        return self.data

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.data, bool):
            raise self.refuse(f"is {_kind(self.data)}, where true or false belongs.")
        return self.data

    def version(self, known: int) -> None:
        """Refuse a document of another version than the one this crmkit writes."""
        own = self.member("version")
        if own.integer() != known:
            raise own.refuse(f"is {own.data}, and this crmkit reads version {known}.", hint="Upgrade crmkit.")

    @property
    def kind(self) -> str:
        """What the value is, in words."""
        return _kind(self.data)

    def _object(self) -> Mapping[Any, Any]:
        if not is_object(self.data):
            raise self.refuse(f"is {_kind(self.data)}, where an object belongs.")
        twice = self.data.twice if isinstance(self.data, _Object) else None
        if twice is not None:
            raise self.refuse(f"has the key {quoted(twice)} twice.")
        return self.data

    def _at(self, step: str, value: object) -> Cursor:
        return Cursor(value, self.path + step, self.error)


def load(text: object, *, error: type[CrmError] = BadExpression, at_most: int = MAX_SIZE) -> Cursor:
    """Return a cursor at the root of a JSON text.

    Args:
        text: the document.
        error: the class of the errors to raise, now and later.
        at_most: the longest that is read, in bytes of UTF-8.

    Raises:
        CrmError: of the class `error`: it is no JSON, too long, or nested too deep.

    >>> load('{"a": [1, 2]}').member("a").elements(at_most=5)[1]
    Cursor(data=2, path='$.a[1]', error=<class 'crmkit.errors.BadExpression'>)
    """
    if not isinstance(text, str):
        raise error(f"$ is {type(text).__name__}, where JSON text belongs.")
    size = len(text.encode(errors="surrogatepass"))
    if size > at_most:
        raise error(f"$ has {size} bytes, {at_most} at most.")
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_int=_integer)
    except json.JSONDecodeError as problem:
        raise error(f"$ is no JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}.") from None
    except RecursionError:
        raise error("$ is nested too deep.") from None
    return Cursor(data, "$", error)


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
