"""Forms: how values are read from plain data, such as JSON holds, and written as it; cattrs does the walking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs
from cattrs import Converter, override
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from crmkit.errors import CrmError, Problem, near
from crmkit.form.document import quoted
from crmkit.form.hook import Hook, an_object, flag, integer
from crmkit.form.problem import Problems, problems_in, refusal

__all__ = ["Form", "Format", "Keys", "Spelled", "Write", "wrong_keys"]

Keys: TypeAlias = Callable[[Mapping[Any, Any], Collection[str], Collection[str]], Iterator[Problem]]
"""Takes an object, the keys that it needs and those that it may have, and yields what is wrong with them."""
Write: TypeAlias = Callable[[Any], Any]
"""Returns a value as plain data. What it cannot spell it returns as the `Problem`, which is refused in its place."""


@attrs.frozen
class Form:
    """How one kind of value is read and written.

    Attributes:
        hook: reads it.
        write: returns it as plain data.
    """

    hook: Hook
    write: Write

    def read(self, data: object, error: type[CrmError]) -> Any:
        """Return the value that plain data spell.

        Raises:
            CrmError: of the class `error`: everything that is wrong, each with its path.
        """
        try:
            return self.hook(data, Any)
        except Exception as caught:  # noqa: BLE001 - `problems_in` raises again what is not a mistake of the data
            raise refusal(error, problems_in(caught)) from None

    def written(self, value: object, error: type[CrmError]) -> Any:
        """Return a value as plain data that can be read again.

        Raises:
            CrmError: of the class `error`: the value holds what this form cannot spell.
        """
        try:
            data = self.write(value)
        except RecursionError:
            raise error("$ is nested too deep.") from None
        self.read(data, error)
        return data


@attrs.frozen
class Spelled:
    """How an attribute is spelled, where its type alone does not say.

    Attributes:
        hook: reads it.
        write: returns it as plain data.
        key: its name in the document, where that differs.
    """

    hook: Hook | None = None
    write: Write | None = None
    key: str | None = None


_AS_TYPED: Final[Mapping[str, Spelled]] = {}


class Format:
    """The classes of one format; each is described once, and both directions follow.

    A document is refused with all of its mistakes at once: keys that are unknown, doubled or lacking, values that do
    not belong, and what the classes themselves refuse. Nothing that a document holds raises anything else.

    Args:
        keys: yields what is wrong with the keys of an object; `wrong_keys` by default.

    Attributes:
        converter: where hooks for whole types are registered.
    """

    def __init__(self, keys: Keys | None = None) -> None:
        self._keys = keys or wrong_keys
        self.converter: Final = Converter(detailed_validation=True, omit_if_default=True)
        self.converter.register_structure_hook(int, integer())
        self.converter.register_structure_hook(bool, flag)

    def describe(
        self,
        cls: type[Any],
        spelled: Mapping[str, Spelled] = _AS_TYPED,
        *,
        lead: Mapping[str, Any] | None = None,
        required: Collection[str] = (),
        omit: Collection[str] = (),
    ) -> Form:
        """Return the form of a class: an object with a key for each attribute.

        Args:
            cls: an attrs class.
            spelled: how attributes are spelled, by name; the others as their types say.
            lead: keys with fixed values, such as a version, that stand for no attribute.
            required: attributes that must be given, and are always written, although they have a default.
            omit: attributes that never stand in the document.
        """
        options: dict[str, Any] = {name: override(omit=True) for name in omit}
        keys: dict[str, str] = {}
        needed = [*(lead or {})]
        for field in attrs.fields(cls):
            if field.name in omit:
                continue
            how = spelled.get(field.name, Spelled())
            options[field.name] = override(
                omit_if_default=field.name not in required,
                rename=how.key,
                struct_hook=how.hook,
                unstruct_hook=how.write,
            )
            keys[field.name] = how.key or field.name
            if field.default is attrs.NOTHING or field.name in required:
                needed.append(keys[field.name])
        known = (*(lead or {}), *keys.values())
        wrong_here = self._keys
        structure = make_dict_structure_fn(cls, self.converter, **options)
        unstructure = make_dict_unstructure_fn(cls, self.converter, **options)

        def read(data: Any, _: object) -> Any:
            wrong = [*wrong_here(an_object(data), needed, known)]
            try:
                made = structure(data, cls)
            except ClassValidationError as error:
                # Keys that are lacking have been named already, and what the class says without them misleads.
                rest = [each for each in error.exceptions if _is_of_value(each) or not wrong]
                wrong += problems_in(error.derive(rest), keys) if rest else ()
            else:
                if not wrong:
                    return made
            raise Problems(wrong)

        return Form(read, lambda value: {**(lead or {}), **unstructure(value)})


def _is_of_value(error: Exception) -> bool:
    return hasattr(error, "__notes__") and not isinstance(error, KeyError)


def wrong_keys(data: Mapping[Any, Any], needed: Collection[str], known: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with the keys of an object."""
    for key in data:
        if key not in known:
            shown = key if isinstance(key, str) else type(key).__name__
            yield Problem("unknown_key", f"has the unknown key {quoted(shown)}.", hint=near(shown[:40], known))
    for key in needed:
        if key not in data:
            yield Problem("lacks_key", f"lacks the key {key!r}.", hint=f"It needs: {', '.join(needed)}.")
