"""Fields: what one attribute of a model accepts. A kind of field is a subclass, and everything about it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

import attrs

from crmkit.errors import Problem
from crmkit.model.field.column import Column
from crmkit.model.field.refusal import tried
from crmkit.model.field.spelling import PLAIN, Spelling
from crmkit.model.kind import Kind

__all__ = ["MAX_LITERAL", "NOT_UNIQUE", "Field"]

MAX_LITERAL: Final = 100_000
"""The longest text that an expression may hold, in code points."""

_PART: Final = "Take another field of the record."
NOT_UNIQUE: Final = "a field held in several columns cannot be unique, unless its kind says that the first is leading."


@attrs.frozen(kw_only=True)
class Field:
    """What one attribute of a model accepts.

    A kind of field is a subclass. It says what it is by class attributes, and overrides `accept` and all else
    that differs; most derive from a built-in kind and override little.

    Attributes:
        name: the attribute's name; filled in when the model is declared.
        required: whether a value must be given and `None` is refused.
        unique: whether two records of one tenant may not share a value.
        index: whether the stores keep an index on it.
        managed: whether only crmkit itself sets it.
        within: of an added field, the field in whose column it lives; blank for all others.
        doc: one sentence for the reference.
        replaces: the inherited field whose place it takes, as the declaration says; blank if it takes none.
    """

    holds: ClassVar[Any]
    """The type of its values, as models annotate it."""
    kind: ClassVar[Kind]
    """What its first column holds."""
    word: ClassVar[str]
    """What it holds, in words."""
    ask: ClassVar[str] = ""
    """The way out for those who compare a field that is opaque."""
    opaque: ClassVar[bool] = False
    """Whether it can neither be compared nor ordered, grouped or measured."""
    ordered: ClassVar[bool] = True
    """Whether expressions may ask if it is less than a value."""
    numeric: ClassVar[bool] = False
    """Whether it can be summed and averaged."""
    temporal: ClassVar[bool] = False
    """Whether it names a day or an instant, and so can be grouped by month."""
    zoned: ClassVar[bool] = False
    """Whether reading its text may need a time zone."""
    never_missing: ClassVar[bool] = False
    """Whether it always has a value, if an empty one."""
    addable: ClassVar[bool] = False
    """Whether end users can add fields of this kind."""
    parts: ClassVar[tuple[str, ...]] = ()
    """The parts that expressions can name, such as the currency of an amount."""
    closed: ClassVar[bool] = False
    """Whether files that are imported cannot set it."""
    repeats: ClassVar[bool] = False
    """Whether many records are expected to share few values."""
    leading: ClassVar[bool] = False
    """Of a kind of several columns: whether the first alone tells values apart, and `join` can do with it alone."""
    several: ClassVar[bool] = False
    """Whether its searched column holds several texts, each behind a unit separator."""
    hashable: ClassVar[bool] = True
    """Whether its values can be hashed."""
    names: ClassVar[Mapping[str, Any]] = {}
    """What `split_source`, `join_source` and `sure_source` may refer to."""

    name: str = ""
    required: bool = True
    unique: bool = False
    index: bool = False
    managed: bool = False
    within: str = ""
    doc: str = ""
    replaces: str = ""

    def __init_subclass__(cls) -> None:
        # A kind that redefines how values become columns must not inherit the fast way to do it the old way.
        for method, source in (("split", "split_source"), ("join", "join_source")):
            if method in vars(cls) and source not in vars(cls):
                setattr(cls, source, vars(Field)[f"_{source}"])
        if "sure_source" not in vars(cls) and vars(cls).keys() & {"normal", "operand", "accept", "clean"}:
            cls.sure_source = Field.sure_source  # type: ignore[method-assign]  # as above, for what it accepts
        if "example" in vars(cls) and "smallest" not in vars(cls):
            cls.smallest = Field.smallest  # type: ignore[method-assign]  # as above
        # What is added lives in a mapping as it is, and who reads it there does not know its kind.
        if "addable" not in vars(cls) and vars(cls).keys() & {"normal", "split", "join"}:
            cls.addable = False

    def annotated(self, annotation: Any) -> bool:
        """Return whether a model may annotate it so; whether it may be `None` is checked elsewhere."""
        return bool(annotation == self.holds)

    # -- values --------------------------------------------------------------------------------------------------------

    def accept(self, value: Any) -> Any:
        """Return a value that is present as the model holds it.

        Raises:
            Problem: the field does not accept it.
        """
        return value

    def cleaner(self) -> Callable[[Any], Any]:
        """Return the fastest way to do what `accept` does."""
        return self.accept

    def clean(self, value: object) -> Any:
        """Return `value` as the model holds it.

        Raises:
            Problem: the field does not accept it. The problem carries the field's name.
        """
        if value is None and not self.never_missing:
            if self.required:
                raise Problem("required", "is required.", field=self.name)
            return None
        return tried(self, self.accept, value)

    def example(self, rng: Random) -> Any:
        """Return some value that it accepts, for property tests; let `rng` choose."""
        raise NotImplementedError

    # -- columns -------------------------------------------------------------------------------------------------------

    def smallest(self, serial: int) -> Any:
        """Return a small, plausible value, for the records of tests; of a unique field, one for each `serial`."""
        return self.example(Random(serial))  # noqa: S311 - it decides nothing

    @property
    def nullable(self) -> bool:
        """Whether its columns may hold nothing."""
        return not self.required and not self.never_missing

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that hold it, in order; the first bears the field's name."""
        return (Column(self.name, self.kind, self.nullable),)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """The first of these, from which its value can be made again."""
        return self.columns

    @property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        """The groups of columns that stores index on its behalf."""
        return ((self.name,),) if self.index else ()

    def split(self, value: Any) -> tuple[Any, ...]:
        """Return a clean value that is present as the canonical values of `columns`."""
        return (value,)

    def join(self, *values: Any) -> Any:
        """Return the value that the canonical values of `read_columns` make; the inverse of `split`."""
        return values[0]

    def to_columns(self, value: Any) -> tuple[Any, ...]:
        """Return a clean value as the canonical values of `columns`."""
        return (None,) * len(self.columns) if value is None else self.split(value)

    def from_columns(self, *values: Any) -> Any:
        """Return the value that stands in `read_columns`."""
        return None if values[0] is None else self.join(*values)

    # -- generated code: what the codec writes for `split` and `join`, where calling them would be slow ----------------

    @property
    def split_source(self) -> tuple[str, ...]:
        """For each column, the expression that makes its canonical value of the value `{v}`, which is present."""
        return ("{v}",)

    def join_source(self, *values: str) -> str:
        """Return the expression that makes the value of these expressions of canonical values."""
        return values[0]

    @property
    def _split_source(self) -> tuple[str, ...]:
        return tuple(f"split_{self.name}({{v}})[{place}]" for place in range(len(self.columns)))

    def _join_source(self, *values: str) -> str:
        return f"join_{self.name}({', '.join(values)})"

    def sure_source(self, value: str) -> str:
        """Return a condition on a variable that holds only of values that `accept` returns as they are.

        It tells at a glance; where it does not hold, `accept` decides. Blank if there is none.
        """
        return ""

    # -- expressions ---------------------------------------------------------------------------------------------------

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Where expressions find it: columns, and in each the key of an added field, or a blank."""
        if self.within:
            return ((self.within, self.name),)
        return tuple((column.name, "") for column in self.read_columns)

    def has_part(self, name: str) -> bool:
        """Return whether expressions can name a part of it so."""
        return name in self.parts

    def part(self, name: str) -> Field:
        """Return a part of it, which is a field itself.

        Raises:
            Problem: it has no such part.
        """
        raise Problem("no_part", f"has no part {name!r}.")

    def operand(self, value: Any) -> Any:
        """Return what it is compared with in the form in which it holds such values."""
        return value

    def literal(self, value: Any) -> tuple[Any, ...]:
        """Return what it is compared with as canonical values for `places`; its bounds do not matter here.

        Raises:
            Problem: it can hold no such value.
        """
        return self.split(self.accept(value))[: len(self.places)]

    def compared(self, value: Any, *, ordered: bool = False) -> tuple[Any, ...]:
        """Return the literal of a comparison; `ordered` if it is not about being equal.

        Raises:
            Problem: it cannot be compared so.
        """
        if self.opaque:
            raise Problem("not_compared", f"is not compared: it holds {self.word}.", hint=self.ask)
        if ordered and self.within:
            raise Problem("not_ordered", "an extra field is only compared with == and !=.")
        if ordered and not self.ordered:
            raise Problem("not_ordered", "has no order.", hint="Name the values meant with .one_of(...).")
        canonical: tuple[Any, ...] = tried(self, self.literal, value)
        return canonical

    def missing(self) -> tuple[str, str]:
        """Return the place that is empty when it is missing.

        Raises:
            Problem: it never is.
        """
        if self.never_missing:
            raise Problem("never_missing", "is never missing.", hint=self.ask)
        return self.places[0]

    @property
    def search_column(self) -> str:
        """The column in which case does not matter; blank if it is not searchable."""
        return ""

    def searched(self, text: Any) -> tuple[str, str]:
        """Return the column in which case does not matter, and `text` in that form.

        Raises:
            Problem: there is no such column, or it is not text.
        """
        raise Problem(
            "not_searchable", "is not searchable.", hint="Declare it with text(search=True), or compare it with ==."
        )

    def tagged(self, tag: Any) -> tuple[str, str]:
        """Return the column of tags, and what is looked for in it.

        Raises:
            Problem: it holds no tags.
        """
        raise Problem("not_tags", "holds no tags.", hint="Compare it with ==, or ask .contains(...).")

    # -- grouping and measuring ----------------------------------------------------------------------------------------

    def check_group(self) -> None:
        """Make sure that records can be grouped by it.

        Raises:
            Problem: they cannot.
        """
        if self.opaque:
            raise Problem("not_measured", f"holds {self.word}, which cannot be grouped or measured.")
        if self.spread:
            raise Problem("not_grouped", "is held in several columns, so it makes no groups.", hint=_PART)

    @property
    def spread(self) -> bool:
        """Whether it takes more than its first column to tell its values apart."""
        return len(self.read_columns) > 1 and not self.leading

    def check_measure(self, measure: str, *, numeric: bool = False, unmixed: bool = False) -> None:
        """Make sure that it can be measured.

        Args:
            measure: the measure's name, such as `"total"`.
            numeric: whether that is of numbers only.
            unmixed: whether that needs all values in one currency.

        Raises:
            Problem: it cannot.
        """
        if self.opaque:
            raise Problem("not_measured", f"holds {self.word}, which cannot be grouped or measured.")
        if numeric and not self.numeric:
            raise Problem("not_measured", f"is not a number, so it has no {measure}.")
        if len(self.read_columns) > 1:
            raise Problem("not_measured", f"is held in several columns, so it has no {measure}.", hint=_PART)

    # -- relations -----------------------------------------------------------------------------------------------------

    @property
    def link_target(self) -> str:
        """The model that it always links to; blank if there is none."""
        return ""

    # -- text and JSON -------------------------------------------------------------------------------------------------

    @property
    def words(self) -> tuple[str, ...]:
        """The words that its text may spell, if they are few."""
        return ()

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads text, which is not blank, into a clean value, or raises `Problem`."""
        return lambda text: self.clean(self.decode(text))

    def read(self, text: str) -> Any:
        """Return the value that a text in the plain spelling stands for.

        Raises:
            Problem: it stands for none.
        """
        return self.reading(PLAIN)(text)

    def reading(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return `reader`, in which nothing but `Problem` is raised."""
        read = self.reader(spelling)
        # What crmkit brings along is safe by itself, and reads millions of cells.
        return read if type(self).__module__.startswith("crmkit.") else partial(tried, self, read)

    def encode(self, value: Any) -> Any:
        """Return a value that is present as JSON has it."""
        return value

    def decode(self, data: Any) -> Any:
        """Return the value that JSON stands for; `accept` is asked next.

        Raises:
            Problem: it stands for none.
        """
        return data

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is present."""
        return {}

    def to_json(self, value: Any) -> Any:
        """Return a value as JSON has it: `None`, a bool, an int, text, or a list or dict of them."""
        return None if value is None else self.encode(value)

    def from_json(self, data: Any) -> Any:
        """Return the clean value that JSON stands for; nothing that `to_json` gives is lost.

        Raises:
            Problem: it stands for none, or for one that the field does not accept.
        """
        return self.clean(data if data is None else tried(self, self.decode, data))

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of its values."""
        described = {"description": self.doc} if self.doc else {}
        return {**({"anyOf": [self.schema(), {"type": "null"}]} if self.nullable else self.schema()), **described}

    # -- the reference -------------------------------------------------------------------------------------------------

    @property
    def described(self) -> str:
        """What it holds, in words for the reference."""
        return self.word.removeprefix("a ")

    @property
    def bounds(self) -> str:
        """The values it accepts, in words; blank if `described` says it all."""
        return ""

    def mistakes(self) -> list[str]:
        """Return what is wrong with its declaration, each as a sentence on it."""
        return []

    def misfits(self) -> list[str]:
        """Return where its columns do not suit what stores do with them, each as a sentence on it."""
        columns = [column.name for column in self.columns]
        if columns[:1] != [self.name]:
            return [f"{type(self).__name__} must call its first column {self.name!r}, as the field is."]
        return [NOT_UNIQUE] if self.unique and self.spread else []
