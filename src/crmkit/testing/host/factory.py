"""Factories: the smallest valid record of any model, derived from the model itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.errors import BadDefinition, CrmError, near
from crmkit.model.field import ExtraField, ReferenceField
from crmkit.testing.host.backstage import TENANT, backstage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from crmkit.crm.blocking.connect import Crm
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema

__all__ = ["Factory"]

T = TypeVar("T")
_WAY_OUT: Final = "Give what it needs in the call, or for all tests in the fixture crm_defaults: {{{0}: {{...}}}}."


class Factory:
    """Makes records of a CRM's models, the product's own and its added fields included.

    Fields that need a value and were given none get the smallest of their kind, and fields that are unique another one
    each time. Records that are linked to by need are made and added first.

    Args:
        crm: the CRM.
        defaults: by model, the values that its records get unless a call says otherwise. A function among them is
            called with the record's number, which counts from 1.
        tenant: the tenant that records are added to.

    >>> from crmkit import Address, Contact, connect
    >>> make = Factory(connect("memory://"), {Contact: {"email": lambda number: f"{number}@example.com"}})
    >>> make(Contact, country="DE").email
    '1@example.com'
    >>> make.add(Address).version
    1
    """

    def __init__(
        self, crm: Crm, defaults: Mapping[type[Any], Mapping[str, Any]] | None = None, tenant: str = TENANT
    ) -> None:
        self._crm = crm
        self._catalog = crm.environment.catalog
        self._defaults = {self._catalog.of(model).name: values for model, values in (defaults or {}).items()}
        self._tenant = tenant
        self._made = Counter[str]()
        self._making: list[str] = []

    def within(self, tenant: str) -> Factory:
        """Return a factory of another tenant's records, with the same defaults and the same numbers."""
        other = Factory(self._crm, None, tenant)
        other._defaults, other._made = self._defaults, self._made
        return other

    def __call__(self, model: type[T], /, **values: Any) -> T:
        """Return a record that was not added yet; `make.customer(...)` says the same as `make(Customer, ...)`.

        Raises:
            BadRecord: a value is refused.
            BadDefinition: the model asks for something that cannot be guessed; the error says what to give.
        """
        made: T = self._make(self._catalog.of(model), values)
        return made

    def add(self, model: type[T], /, **values: Any) -> T:
        """Return a record that was added, whatever the policy says; `make.add_customer(...)` says the same.

        Raises:
            CrmError: the record is refused, by a rule of the product, for example; a note says what to give.
        """
        added: T = self._add(self._catalog.of(model), values)
        return added

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return what makes, or with `add_` before its name adds, records of the model of this name."""
        names = [schema.name for schema in self._catalog]
        model = name if name in names else name.removeprefix("add_")
        if model not in names:
            known = [*names, *(f"add_{each}" for each in names)]
            raise AttributeError(f"there is no model {model!r}. {near(name, known)}".strip(), name=name, obj=self)
        schema = self._catalog[model]
        make = self._make if name == model else self._add

        def made(**values: Any) -> Any:
            return make(schema, values)

        return made

    # -- within --------------------------------------------------------------------------------------------------------

    def _add(self, schema: Schema, values: dict[str, Any]) -> Any:
        record = self._make(schema, values)
        try:
            with backstage(self._crm, self._tenant) as s:
                return s.repository(schema.cls).add(record)
        except CrmError as error:
            error.add_note(f"The record was made by a factory. {_WAY_OUT.format(schema.cls.__name__)}")
            raise

    def _make(self, schema: Schema, values: dict[str, Any]) -> Any:
        self._made[schema.name] += 1
        serial = self._made[schema.name]
        chosen = {name: _value(each, serial) for name, each in self._defaults.get(schema.name, {}).items()}
        chosen |= values
        guessed = self._missing(schema, chosen, serial)
        try:
            return schema.cls(**guessed, **chosen)
        except CrmError as error:
            if guessed:
                error.add_note(f"Guessed were {_listed(guessed)}. {_WAY_OUT.format(schema.cls.__name__)}")
            raise

    def _missing(self, schema: Schema, chosen: dict[str, Any], serial: int) -> dict[str, Any]:
        """Return a value for each field that must have one and was given none."""
        free = {each.name for each in attrs.fields(schema.cls) if each.default is not attrs.NOTHING}
        grouped = {name for group in schema.uniques for name in group}
        found: dict[str, Any] = {}
        for name, field in schema.fields.items():
            if name in chosen or (name in free and not (isinstance(field, ExtraField) and schema.extra)):
                continue
            if isinstance(field, ReferenceField):
                found |= self._linked(schema, field, chosen)
            elif name not in found:
                distinct = attrs.evolve(field, unique=True) if name in grouped else field
                found[name] = self._smallest(schema, distinct, serial)
        return found

    def _smallest(self, schema: Schema, field: Field, serial: int) -> Any:
        entries = schema.extra.values() if isinstance(field, ExtraField) else ()
        if entries:
            return {entry.name: self._smallest(schema, entry, serial) for entry in entries if entry.required}
        try:
            return field.smallest(serial)
        except NotImplementedError:
            raise BadDefinition(
                f"{type(field).__name__}, the kind of {schema.name}.{field.name}, gives no example.",
                hint=_WAY_OUT.format(schema.cls.__name__),
            ) from None

    def _linked(self, schema: Schema, link: ReferenceField, chosen: dict[str, Any]) -> dict[str, Any]:
        """Return the link to a record that is added for it, and where it may be of any model, the model's name."""
        target, named = self._catalog[link.link_target] if link.link_target else self._any(link, chosen), {}
        if not link.link_target:
            named = {"entity": target.name}
        if target.name in self._making:
            raise BadDefinition(
                f"{schema.name} and {target.name} need each other.", hint=_WAY_OUT.format(schema.cls.__name__)
            )
        self._making.append(schema.name)
        try:
            id: UUID = self._add(target, {}).id
        finally:
            self._making.pop()
        return {**named, link.name: id}

    def _any(self, link: ReferenceField, chosen: dict[str, Any]) -> Schema:
        if "entity" in chosen:
            return self._catalog[chosen["entity"]]
        fit = (each for each in self._catalog if not each.kept and not each.about_any)
        return next(each for each in fit if link.to == "*" or each.staged)


def _value(given: Any, serial: int) -> Any:
    return given(serial) if callable(given) else given


def _listed(guessed: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in guessed.items())
