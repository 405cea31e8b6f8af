"""Wording: what a host and its tenants say in place of the shipped words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from crmkit.errors import BadDefinition, CrmError, Problem
from crmkit.labels.catalogue import ENGLISH, in_full, read, shipped
from crmkit.labels.vocabulary import Vocabulary
from crmkit.values import clean_text

if TYPE_CHECKING:
    import os

__all__ = ["PLACEHOLDER", "Wording", "Words"]

Words: TypeAlias = "Mapping[str, Mapping[str, str]] | str | os.PathLike[str]"
"""Texts by language and id, or a folder of catalogues that are named after their languages, such as `zh.po`."""
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
"""Where a text leaves room, as in `{model} updated`."""
_LONGEST: Final = 4_000


class Wording:
    """What a host and its tenants say in place of the shipped words.

    Args:
        vocabulary: makes the vocabulary when labels are first asked for.
        host: the host's words.
        of_tenant: returns a tenant's words by the tenant's key.

    Raises:
        BadDefinition: the host's words are malformed, or name what is not there.
        Unsupported: there are such words, and Babel is not installed.
    """

    def __init__(
        self,
        vocabulary: Callable[[], Vocabulary],
        host: Words | None = None,
        of_tenant: Callable[[str], Words] | None = None,
    ) -> None:
        if of_tenant is not None and not callable(of_tenant):
            raise BadDefinition(
                f"a function of the tenant is expected, not {type(of_tenant).__name__}.",
                hint="Write tenant_labels=lambda tenant: words[tenant].",
            )
        self._make = vocabulary
        self._of_tenant = of_tenant
        self._host = _spoken({} if host is None else host)
        if self._host:
            self._refuse(self._host)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Everything that has a label."""
        return self._make()

    def layers(self, tenant: str) -> tuple[Mapping[str, Mapping[str, str]], ...]:
        """Return the words that take the place of the shipped ones, the tenant's first.

        Raises:
            BadDefinition: the tenant's are malformed.
        """
        own = [] if self._of_tenant is None else [_spoken(self._of_tenant(tenant))]
        return (*own, self._host)

    def check(self, words: Words) -> None:
        """Refuse words that are malformed, or name what is not there.

        Raises:
            BadDefinition: it lists everything that is wrong.
        """
        self._refuse(_spoken(words))

    def _refuse(self, words: Mapping[str, Mapping[str, str]]) -> None:
        problems = [
            problem.at(f".{language}.{id}")
            for language, texts in words.items()
            for id, text in texts.items()
            for problem in _wrong(self.vocabulary, id, text)
        ]
        if problems:
            raise _refusal(problems)


def _refusal(problems: Iterable[Problem]) -> CrmError:
    from crmkit.form.problem import refusal  # loads cattrs, for those only whose words are refused

    return refusal(BadDefinition, problems, "labels")


def _spoken(given: object) -> Mapping[str, Mapping[str, str]]:
    """Return words by the full tags of their languages."""
    if isinstance(given, str | Path) or hasattr(given, "__fspath__"):
        given = _folder(Path(cast("str", given)))
    if not isinstance(given, Mapping):
        raise _malformed(given)
    spoken: dict[str, dict[str, str]] = {}
    problems: list[Problem] = []
    for language, texts in cast("Mapping[object, object]", given).items():
        if not isinstance(texts, Mapping):
            raise _malformed(texts)
        try:
            spoken.setdefault(in_full(cast("str", language)), {}).update(cast("Mapping[str, str]", texts))
        except Problem as problem:
            problems.append(problem)
    if problems:
        raise _refusal(problems)
    return spoken


def _malformed(given: object) -> BadDefinition:
    return BadDefinition(
        f"labels are texts by language and id, not {type(given).__name__}.",
        hint='Write {"en": {"field.customer.size": "Head count"}}, or name a folder of .po files.',
    )


def _folder(folder: Path) -> dict[str, Mapping[str, str]]:
    found = {file.stem: read(file.read_bytes(), file.name) for file in sorted(folder.glob("*.po"))}
    if not found:
        raise BadDefinition(
            f"there are no catalogues in {str(folder)!r}.", hint="Name each file after its language, such as zh.po."
        )
    return found


def _wrong(vocabulary: Vocabulary, id: Any, text: object) -> Iterator[Problem]:
    try:
        term = vocabulary.term(id if isinstance(id, str) else str(id))
        room = _room(term.id, term.shared, *vocabulary.shipped_ids(term))
        for name in PLACEHOLDER.findall(clean_text(text, at_most=_LONGEST, at_least=1)):
            if room is not None and name not in room:
                there = ", ".join(f"{{{each}}}" for each in sorted(room))
                hint = f"There is: {there}." if there else "Leave it out."
                yield Problem("unknown_field", f"has a place for {{{name}}}, which is not filled in.", hint=hint)
    except CrmError as error:
        yield error if isinstance(error, Problem) else Problem(error.code, error.message, hint=error.hint)


def _room(*ids: str) -> set[str] | None:
    english = shipped(ENGLISH)
    return next(({*PLACEHOLDER.findall(english[id])} for id in ids if id in english), None)
