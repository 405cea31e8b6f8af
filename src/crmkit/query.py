"""Query parameters as expressions: the query string of a URL, read safely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from crmkit.entities.around import catalog_around
from crmkit.errors import BadDefinition, BadExpression, Problem, near
from crmkit.expr.bind import Binder
from crmkit.expr.build import Name, everything
from crmkit.expr.limits import LIMITS
from crmkit.expr.node import Expr, Ref, all_of, any_of
from crmkit.model.catalog import Catalog
from crmkit.model.schema import Schema, schema_of

__all__ = ["Parameters", "where_from"]

Parameters: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, str]]
"""Names and texts: a mapping, whose values may be lists, or pairs, in which a name may come again."""

_Test: TypeAlias = Callable[[Name, list[Any]], Expr]
_ONE: Final[Mapping[str, _Test]] = {
    "lt": lambda name, values: name < values[0],
    "lte": lambda name, values: name <= values[0],
    "gt": lambda name, values: name > values[0],
    "gte": lambda name, values: name >= values[0],
}
"""Tests of a value that are given once."""
_VALUES: Final[Mapping[str, _Test]] = {
    "": lambda name, values: name.one_of(*values) if len(values) > 1 else name == values[0],
    "ne": lambda name, values: all_of(name != value for value in values),
    **_ONE,
}
"""Tests of values, which are read as the field's kind says."""
_TEXTS: Final[Mapping[str, _Test]] = {
    "contains": lambda name, values: any_of(name.contains(text) for text in values),
    "starts_with": lambda name, values: any_of(name.starts_with(text) for text in values),
    "has": lambda name, values: any_of(name.has(text) for text in values),
}
"""Tests of texts."""
_OPERATORS: Final = (*filter(None, _VALUES), *_TEXTS, "missing")
_LONGEST_NAME: Final = 60
_SWITCH: Final = {"true": True, "false": False}


def where_from(
    model: type[Any],
    parameters: Parameters,
    *,
    allow: Collection[str] | None = None,
    catalog: Catalog | None = None,
) -> Expr:
    """Return the expression that query parameters spell.

    `country=DE` compares; `score__gt=10` does with an operator: `ne`, `lt`, `lte`, `gt`, `gte`, `contains`,
    `starts_with`, `has` (a tag), `missing` (`true` or `false`). A path follows links: `customer.country=DE`. Values are
    read as the field's kind is: numbers with a point, ISO 8601 dates, amounts as `100 EUR`. A name that comes again
    means one of its values; with `ne`, none of them. All conditions must hold.

    Args:
        model: the model whose records are asked for.
        parameters: names and texts. A mapping that knows names twice, such as Starlette's `query_params` or Django's
            `QueryDict`, is read whole.
        allow: the only fields and paths that may be named; all, if left out.
        catalog: the models among which links lead; the built-in ones and `model` by default.

    Raises:
        BadDefinition: `allow` is not a collection of names.
        BadExpression: a field or an operator is unknown, or a value cannot be read; it lists every mistake.

    >>> from crmkit import Customer
    >>> from crmkit.expr.form.show import show
    >>> show(where_from(Customer, {"country": ["DE", "AT"], "score__gt": "10"}))
    'f.country.one_of("DE", "AT") & (f.score > 10)'
    >>> where_from(Customer, {"contry": "DE", "size": "huge"})
    Traceback (most recent call last):
    ...
    crmkit.errors.BadExpression: contry: customer has no field 'contry'. Did you mean 'country'?; \
size: is not a known value. There is: enterprise, large, medium, micro, small.
    """
    return _Reader(model, allow, catalog or catalog_around(model)).read(_lists(parameters))


class _Reader:
    def __init__(self, model: type[Any], allow: Collection[str] | None, catalog: Catalog) -> None:
        self._schema = schema_of(model)
        self._allow = None if allow is None else _names(allow)
        self._catalog = catalog
        self._binder = Binder(catalog)

    def read(self, parameters: Mapping[str, list[Any]]) -> Expr:
        tests: list[Expr] = []
        problems: list[Problem] = []
        for key, texts in parameters.items():
            try:
                tests.append(self._test(key, texts))
            except (BadExpression, Problem) as error:
                place = key[:_LONGEST_NAME] or "''"
                problems.append(Problem(error.code, error.message, hint=error.hint, field=place))
        if problems:
            refused = BadExpression("; ".join(map(str, problems)))
            refused.problems = tuple(problems)
            raise refused
        return all_of(tests) if tests else everything

    def _test(self, key: str, texts: list[Any]) -> Expr:
        path, operator = self._split(key)
        for text in texts:
            if not isinstance(text, str):
                raise Problem("wrong_type", f"expects text, not {type(text).__name__}.")
            if not text:
                raise Problem("blank", "is blank.", hint=f"Write {path}__missing=true for records without it.")
        name = Name(*path.split("."))
        field = self._field(path, name)
        if operator == "missing":
            made: Expr = name.missing() if self._only(texts, _SWITCH) else ~name.missing()
        elif operator in _TEXTS:
            made = _TEXTS[operator](name, texts)
        else:
            if operator in _ONE and len(texts) > 1:
                raise Problem("given_twice", f"is given {len(texts)} times.", hint="Give it once.")
            made = _VALUES[operator](name, [field.read(text) for text in texts])
        self._binder.bind(self._schema, made)
        return made

    def _split(self, key: str) -> tuple[str, str]:
        path, mark, operator = key.rpartition("__")
        if not mark or not path:
            return key, ""
        if operator not in _OPERATORS:
            raise Problem(
                "unknown_operator",
                f"there is no operator {operator[:_LONGEST_NAME]!r}.",
                hint=near(operator, _OPERATORS),
            )
        return path, operator

    def _field(self, path: str, name: Name) -> Any:
        if self._allow is not None and path not in self._allow:
            raise BadExpression(
                f"{self._schema.name} has no field {path[:_LONGEST_NAME]!r} here.", hint=near(path, self._allow)
            )
        self._single(path)
        _, end, rest = self._binder.hops(self._schema, Ref(name.path))
        field = self._known(end, rest[0])
        return field.part(rest[1]) if len(rest) > 1 else field

    def _single(self, path: str) -> None:
        """Refuse a way to several records: a query string cannot say which of them is meant."""
        schema = self._schema
        for name in path.split("."):
            relation = self._catalog.relations(schema).get(name)
            if relation is None:
                return
            if relation.many:
                raise BadExpression(
                    f"{name[:_LONGEST_NAME]!r} may lead to several records, which a query string cannot ask about."
                )
            schema = self._catalog[relation.target]

    def _known(self, schema: Schema, name: str) -> Any:
        field = schema.fields.get(name)
        if field is None:
            relations = self._catalog.relations(schema).values()
            names = [*schema.fields, *(each.name for each in relations if not each.many and each.name != name)]
            raise BadExpression(f"{schema.name} has no field {name[:_LONGEST_NAME]!r}.", hint=near(name, names))
        return field

    @staticmethod
    def _only(texts: list[str], words: Mapping[str, bool]) -> bool:
        if len(texts) != 1 or texts[0] not in words:
            raise Problem("unknown_word", f"expects {' or '.join(words)}.")
        return words[texts[0]]


def _names(allow: Any) -> frozenset[str]:
    """Return the names that may be used."""
    names = _items(allow)
    if isinstance(allow, str) or not all(isinstance(each, str) for each in names):
        raise BadDefinition(f"allow is {allow!r}, not a collection of names.", hint='Write allow=["country"].')
    return frozenset(names)


def _lists(parameters: Any) -> dict[str, list[Any]]:
    """Return all texts by their names."""
    lists: dict[str, list[Any]] = {}
    for name, value in _pairs(parameters):
        texts: list[Any] = [*cast("Iterable[Any]", value)] if isinstance(value, list | tuple) else [value]
        lists.setdefault(str(name), []).extend(texts)
    if len(lists) > LIMITS.items or any(len(texts) > LIMITS.items for texts in lists.values()):
        raise BadExpression(f"there are more than {LIMITS.items} query parameters.")
    return {name: texts for name, texts in lists.items() if texts}


def _pairs(parameters: Any) -> Iterable[tuple[Any, Any]]:
    for whole in ("multi_items", "lists"):  # Starlette's and httpx's way to say all of it, and Django's
        every = getattr(parameters, whole, None)
        if every is not None:
            pairs: Iterable[tuple[Any, Any]] = every()
            return pairs
    listed = _items(getattr(parameters, "items", lambda: parameters)())
    if not all(isinstance(each, list | tuple) and len(cast("list[Any]", each)) == 2 for each in listed):  # noqa: PLR2004 - a pair
        raise BadExpression(
            f"query parameters are a mapping or pairs, not {type(parameters).__name__}.",
            hint="Read a query string with urllib.parse.parse_qsl(text) first.",
        )
    return listed


def _items(given: Any) -> list[Any]:
    """Return what is in a collection; anything else, such as text, is the only item."""
    return [*given] if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [given]
