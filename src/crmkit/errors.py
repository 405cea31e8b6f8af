"""What can go wrong, as a tree of exceptions.

```text
CrmError
├── BadDefinition       a model, relation, pipeline or segment was declared wrongly
│   └── BadMapping      the mapping of an import does not fit the models or the files; lists every problem
├── BadFile             a file cannot be read the way its mapping says
├── BadExpression       an expression cannot be bound to its model
├── BadRecord           a record holds values that its model refuses; lists every problem
├── Problem             one thing that is wrong with one value
├── Refused             a well-formed request that the rules say no to
│   ├── NotAllowed      the actor may not do this
│   ├── MoveRefused     the pipeline does not allow this move
│   ├── RuleBroken      rules of the host do not allow this write; lists every breach
│   ├── Stale           somebody else changed the record first
│   └── Duplicate       a unique key is taken
├── NotFound            no such record, or none that this actor may see
├── SessionInUse        another thread, task or process is using the session
├── Busy                the store is locked or aborted the transaction; trying again may succeed
├── TimedOut            a statement took longer than connect(statement_timeout=...) allows
├── StoreError          the store does not fit the models, or failed
│   └── Unreachable     the store does not answer
└── Unsupported         this store or this version cannot do what was asked
```

Every error has a stable `code`, a message that names the fact, and mostly a `hint` that names the way out.
Messages never hold secrets, nor values of records that the caller did not supply.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

__all__ = [
    "BadDefinition",
    "BadExpression",
    "BadFile",
    "BadMapping",
    "BadRecord",
    "Breach",
    "Busy",
    "CrmError",
    "Duplicate",
    "MoveRefused",
    "NotAllowed",
    "NotFound",
    "Problem",
    "Refused",
    "RuleBroken",
    "SessionInUse",
    "Stale",
    "StoreError",
    "TimedOut",
    "Unreachable",
    "Unsupported",
    "near",
]

_LISTED: Final = 100
"""How many breaches an error lists; it counts them all."""
_SHOWN: Final = 10
_COMPARED: Final = 1_000
_SIMILAR: Final = 100
"""What a name is compared with to find one that is alike: so many others, of so many characters."""


class CrmError(Exception):
    """The root of every error that crmkit raises on purpose.

    Attributes:
        code: a stable word for programs; messages may be reworded, codes are not.
        message: the fact, and where.
        hint: the way out, or an empty string.
        problems: everything that is wrong, where several things can be. Of a document the `field` of each is a path,
            such as `$.stages[2].probability`.
    """

    code: str = "error"
    problems: tuple[Problem, ...] = ()

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}".rstrip())

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are copied by calling the class with the message alone, which most of these do not accept.
        return self.__class__.__new__, (self.__class__, *self.args), self.__dict__


class BadDefinition(CrmError):
    """A model, relation, pipeline, segment or mapping was declared wrongly."""

    code = "bad_definition"


class BadExpression(CrmError):
    """An expression names what its model does not have, or compares what cannot be compared."""

    code = "bad_expression"


class Problem(CrmError):
    """One thing that is wrong with one value: raised by `Money`, and listed by `BadRecord`.

    Attributes:
        field: the field's name; empty where the value belongs to no record.
        code: a stable word such as `too_long` or `naive_datetime`.
        message: the fact, in words.
        hint: the way out, or an empty string.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message, hint=hint)
        self.code = code
        self.message = message
        self.field = field

    def at(self, field: str) -> Problem:
        """Return the same problem, placed at `field`."""
        return Problem(self.code, self.message, hint=self.hint, field=field)

    def __eq__(self, other: object) -> bool:
        """Two problems are equal when they say the same of the same field."""
        return isinstance(other, Problem) and (self.code, str(self)) == (other.code, str(other))

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.code, str(self)))


class BadRecord(CrmError):
    """A record holds values that its model refuses; nothing was written.

    Attributes:
        entity: the model's name.
        problems: everything that is wrong, in the order of the fields.
    """

    code = "bad_record"

    def __init__(self, entity: str, problems: Iterable[Problem]) -> None:
        self.entity = entity
        self.problems = tuple(problems)
        lines = "; ".join(str(problem) for problem in self.problems)
        super().__init__(f"{entity} refused: {lines}")


class BadMapping(BadDefinition):
    """The mapping of an import does not fit the models or the files; nothing was read or written.

    Attributes:
        problems: everything that is wrong; the `field` of each is a place such as `file[2].fields.owner_id`, in which
            files are counted from 1.
    """

    code = "bad_mapping"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class BadFile(CrmError):
    """A file cannot be read the way its mapping says.

    Attributes:
        file: its name, as the mapping gives it.
        record: the record at which reading stopped, the header being 1; 0 if no record was reached.
    """

    code = "bad_file"

    def __init__(self, file: str, message: str, *, record: int = 0, hint: str = "") -> None:
        self.file = file
        self.record = record
        place = f"{file}, record {record}" if record else file
        super().__init__(f"{place}: {message}", hint=hint)


class Refused(CrmError):
    """A well-formed request that the rules say no to."""

    code = "refused"


class NotAllowed(Refused):
    """The actor may not do this."""

    code = "not_allowed"

    def adding(self, fact: str, hint: str) -> NotAllowed:
        """Return the same refusal with a further fact, and the way out of that."""
        return NotAllowed(f"{self.message} {fact}", hint=hint)


class MoveRefused(Refused):
    """The pipeline does not allow this move.

    Attributes:
        stage: where the record is; blank for a record that is new.
        target: where it was to go.
        reasons: every reason, each one a sentence.
    """

    code = "move_refused"

    def __init__(self, stage: str, target: str, reasons: Iterable[str], *, hint: str = "") -> None:
        self.stage = stage
        self.target = target
        self.reasons = tuple(reasons)
        attempt = f"move from {stage!r} to" if stage else "enter"
        super().__init__(f"cannot {attempt} {target!r}: {' '.join(self.reasons)}", hint=hint)


@attrs.frozen
class Breach:
    """One rule that one record would break.

    Attributes:
        code: the rule's.
        message: its reason.
        fields: the fields that it is about.
        hint: the way out, or an empty string.
        position: the record's place in the call, from 0.
    """

    code: str
    message: str
    fields: tuple[str, ...] = ()
    hint: str = ""
    position: int = 0


class RuleBroken(Refused):
    """Rules of the host do not allow a write; nothing of it was written.

    Attributes:
        entity: the model's name.
        breaches: what is broken, by whom; the first hundred.
        total: how many breaches there are.
        many: whether the call wrote any number of records, so that the place of each counts.
        further: what else came of it, and the way out; both blank mostly.
        problems: the same, by field; in a call with many records the `field` is a path, such as `[3].amount`.
    """

    code = "rule_broken"

    def __init__(
        self,
        entity: str,
        breaches: Iterable[Breach],
        *,
        total: int = 0,
        many: bool = False,
        further: tuple[str, str] = ("", ""),
    ) -> None:
        found = tuple(breaches)
        self.entity = entity
        self.breaches = found[:_LISTED]
        self.total = total or len(found)
        self.many = many
        self.further = further
        self.problems = tuple(problem for breach in self.breaches for problem in _problems(breach, many=many))
        lines = [_line(breach, many=many) for breach in self.breaches[:_SHOWN]]
        more = self.total - len(lines)
        rest = f"; and {more:,} more" if more else ""
        fact, way_out = further
        hints = dict.fromkeys(filter(None, (*(breach.hint for breach in self.breaches[:_SHOWN]), way_out)))
        super().__init__(f"{entity} refused: {'; '.join(lines)}{rest} {fact}".rstrip(), hint=" ".join(hints))

    def adding(self, fact: str, hint: str) -> RuleBroken:
        """Return the same refusal with a further fact, and the way out of that."""
        return RuleBroken(self.entity, self.breaches, total=self.total, many=self.many, further=(fact, hint))

    def following(self, earlier: RuleBroken | None, first: int) -> RuleBroken:
        """Return this refusal of a later part of a call, which begins at a place, together with that of the earlier."""
        moved = [attrs.evolve(breach, position=breach.position + first) for breach in self.breaches]
        held, total = (earlier.breaches, earlier.total) if earlier is not None else ((), 0)
        return RuleBroken(self.entity, (*held, *moved), total=total + self.total, many=True, further=self.further)


def _place(breach: Breach, field: str, *, many: bool) -> str:
    return ".".join(filter(None, (f"[{breach.position}]" if many else "", field)))


def _problems(breach: Breach, *, many: bool) -> Iterable[Problem]:
    for field in breach.fields or ("",):
        yield Problem(breach.code, breach.message, hint=breach.hint, field=_place(breach, field, many=many))


def _line(breach: Breach, *, many: bool) -> str:
    place = _place(breach, ", ".join(breach.fields), many=many)
    return f"{place}: {breach.message}" if place else breach.message


class Stale(Refused):
    """Somebody else changed the record since it was read.

    Attributes:
        entity: the model's name.
        id: the record's id.
        expected: the version the caller holds.
        actual: the version in the store now.
    """

    code = "stale"

    def __init__(self, entity: str, id: UUID, expected: int, actual: int) -> None:
        self.entity = entity
        self.id = id
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"{entity} {id} is at version {actual}, not {expected}.", hint="Read it again, then repeat the change."
        )


_HOLDER: Final = (
    "If it cannot be found, it is deleted or not visible to this actor: whoever may see it finds it with "
    "find(..., deleted=True), and restore() brings a deleted one back."
)
"""The same wherever the record stands that has the key: an error does not tell one from the other."""


class Duplicate(Refused):
    """A unique key is taken; nothing was written.

    Attributes:
        entity: the model's name.
        fields: the fields whose values, together, must be unique.
    """

    code = "duplicate"

    def __init__(self, entity: str, fields: Iterable[str]) -> None:
        self.entity = entity
        self.fields = tuple(fields)
        super().__init__(f"another {entity} already has this {' and '.join(self.fields) or 'key'}.", hint=_HOLDER)


class NotFound(CrmError):
    """There is no such record, or none that this actor may see."""

    code = "not_found"


class SessionInUse(CrmError):
    """A session serves one operation at a time; whoever came second was refused, and nothing of it was done."""

    code = "session_in_use"


class Busy(CrmError):
    """The store is locked or aborted the transaction; the same session, run again, may succeed."""

    code = "busy"


class TimedOut(CrmError):
    """A statement took longer than `connect(statement_timeout=...)` allows, and was stopped.

    A session that had written something is undone as a whole and goes no further; one that had only read goes on.
    """

    code = "timed_out"


class StoreError(CrmError):
    """The store does not fit the models, or failed.

    Attributes:
        absent: whether it has nothing of crmkit's yet, neither file nor table, and none was to be created.
    """

    code = "store_error"

    def __init__(self, message: str, *, hint: str = "", absent: bool = False) -> None:
        self.absent = absent
        super().__init__(message, hint=hint)


class Unreachable(StoreError):
    """The store does not answer; once it does, the same session, run again, may succeed."""

    code = "unreachable"


class Unsupported(CrmError):
    """The store, or this version of crmkit, cannot do what was asked."""

    code = "unsupported"


def near(name: object, names: Iterable[str]) -> str:
    """Return a hint that names what `name` may have meant, or what there is.

    >>> near("amout", ["amount", "name"])
    "Did you mean 'amount'?"
    >>> near("eur", ["USD", "EUR"])
    "Did you mean 'EUR'?"
    >>> near("x", ["b", "a"])
    'There is: a, b.'
    """
    known = sorted(islice(names, _COMPARED))
    spelled = {each.casefold(): each for each in known if len(each) <= _SIMILAR}
    meant = str(name)
    close = get_close_matches(meant.casefold(), spelled, n=1, cutoff=0.6) if len(meant) <= _SIMILAR else ()
    if close:
        return f"Did you mean {spelled[close[0]]!r}?"
    shown = ", ".join(each[:_SIMILAR] for each in known[:12])
    return f"There is: {shown}{', …' if len(known) > 12 else '.'}" if known else ""  # noqa: PLR2004 - what fits a line
