"""Hooks: how one value of a document is read, as cattrs calls them; each raises `Problem` for what does not belong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias

from crmkit.errors import Problem, near
from crmkit.form.document import Beyond, Object, in_words, is_list, is_object
from crmkit.form.problem import Problems, problems_in
from crmkit.values import INT64_MAX, INT64_MIN, clean_text

__all__ = ["Hook", "an_object", "flag", "integer", "listed", "member", "table", "tagged", "text", "versioned", "word"]

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Takes the value and the type that is wanted, and returns what the value stands for."""

_FEW: Final = 6


def _misplaced(data: object, wanted: str) -> Problem:
    return Problem("wrong_type", f"is {in_words(data)}, where {wanted} belongs.")


def text(*, at_most: int, at_least: int = 0) -> Hook:
    """Return the hook for text that every store can hold."""

    def read(data: Any, _: object) -> str:
        if not isinstance(data, str):
            raise _misplaced(data, "text")
        return clean_text(data, at_most=at_most, at_least=at_least)

    return read


def integer(*, at_least: int = INT64_MIN, at_most: int = INT64_MAX) -> Hook:
    """Return the hook for a whole number within bounds."""

    def read(data: Any, _: object) -> int:
        if isinstance(data, Beyond) or (type(data) is int and not INT64_MIN <= data <= INT64_MAX):
            raise Problem("beyond_64_bit", "does not fit a 64-bit integer.")
        if type(data) is not int:
            raise _misplaced(data, "a whole number")
        if not at_least <= data <= at_most:
            raise Problem("out_of_range", f"must lie between {at_least} and {at_most}.")
        return data

    return read


def flag(data: Any, _: object) -> bool:
    """Return true or false."""
    if not isinstance(data, bool):
        raise _misplaced(data, "true or false")
    return data


def word(words: Collection[str], meaning: Callable[[str], Any] = str) -> Hook:
    """Return the hook for a text that is one of these.

    Args:
        words: the texts.
        meaning: what each of them stands for.
    """

    def read(data: Any, _: object) -> Any:
        if not isinstance(data, str) or data not in words:
            few = not isinstance(data, str) or len(words) <= _FEW
            hint = f"There is: {', '.join(sorted(words))}." if few else near(str(data)[:40], words)
            raise Problem("unknown_word", f"is {in_words(data)}, which is not known here.", hint=hint)
        return meaning(data)

    return read


def listed(hook: Hook, *, at_most: int, at_least: int = 0) -> Hook:
    """Return the hook for a list, each element of which another hook reads."""

    def read(data: Any, _: object) -> tuple[Any, ...]:
        if not is_list(data):
            raise _misplaced(data, "a list")
        if not at_least <= len(data) <= at_most:
            wanted = f"{at_most} at most" if len(data) > at_most else f"{at_least} or more"
            raise Problem("wrong_length", f"has {len(data)} entries, {wanted}.")
        return tuple(_each(hook, ((f"[{index}]", each) for index, each in enumerate(data))))

    return read


def _each(hook: Hook, members: Iterable[tuple[str, Any]]) -> list[Any]:
    """Return what a hook makes of each value; all mistakes at once, each behind the step that leads to its value."""
    made: list[Any] = []
    wrong: list[Problem] = []
    for step, each in members:
        try:
            made.append(hook(each, Any))
        except Exception as error:  # noqa: BLE001 - `problems_in` raises again what is not a mistake of the data
            wrong += (problem.at(step + problem.field) for problem in problems_in(error))
    if wrong:
        raise Problems(wrong)
    return made


# -- objects -----------------------------------------------------------------------------------------------------------


def an_object(data: object) -> Mapping[Any, Any]:
    """Return an object, no key of which came twice."""
    if not is_object(data):
        raise _misplaced(data, "an object")
    twice = data.twice if isinstance(data, Object) else None
    if twice is not None:
        raise Problem("key_twice", f"has the key {twice[:40]!r} twice.")
    return data


def table(hook: Hook, *, at_most: int) -> Hook:
    """Return the hook for an object of any keys, each value of which another hook reads."""

    def read(data: Any, _: object) -> dict[str, Any]:
        members = an_object(data)
        if len(members) > at_most:
            raise Problem("wrong_length", f"has {len(members)} entries, {at_most} at most.")
        for key in members:
            if not isinstance(key, str):
                raise Problem("wrong_type", f"has a key that is {in_words(key)}, where text belongs.")
        return dict(zip(members, _each(hook, ((f".{key}", each) for key, each in members.items())), strict=True))

    return read


def member(data: object, key: str, hook: Hook) -> Any:
    """Return what an object has at one key, as a hook reads it."""
    members = an_object(data)
    if key not in members:
        raise Problem("lacks_key", f"lacks the key {key!r}.")
    try:
        return hook(members[key], Any)
    except Problem as problem:
        raise problem.at(f".{key}{problem.field}") from None


def tagged(key: str, hooks: Mapping[str, Hook]) -> Hook:
    """Return the hook for an object in which one key says by which hook it is read."""
    tag = word(hooks, hooks.__getitem__)
    return lambda data, wanted: member(data, key, tag)(data, wanted)


def versioned(hook: Hook, version: int) -> Hook:
    """Return the hook for a document of one version; another one is not looked into."""

    def known(data: Any, wanted: object) -> None:
        if integer()(data, wanted) != version:
            raise Problem(
                "unknown_version", f"is {data}, and this crmkit reads version {version}.", hint="Upgrade crmkit."
            )

    def read(data: Any, wanted: object) -> Any:
        member(data, "version", known)
        return hook(data, wanted)

    return read
