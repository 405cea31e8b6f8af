"""Values that can be kept as documents: as plain data or JSON, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from crmkit.errors import BadDefinition
from crmkit.form.document import dump, load

if TYPE_CHECKING:
    from crmkit.form.form import Form

__all__ = ["Kept"]


class Kept:
    """A value with a form."""

    __slots__ = ()
    __max_size__: ClassVar[int]

    @classmethod
    def __form__(cls) -> Form:
        """Return the form; it is loaded when it is first needed."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain dicts and lists, ready for any JSON writer; `from_dict` gives it back.

        Raises:
            BadDefinition: it holds what has no spelling.
        """
        data: dict[str, Any] = self.__form__().written(self, BadDefinition)
        return data

    def to_json(self) -> str:
        """Return the value as canonical JSON: equal values have equal texts.

        Raises:
            BadDefinition: it is too large, or holds what has no spelling.
        """
        return dump(self.to_dict(), error=BadDefinition, at_most=self.__max_size__)

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return the value that plain dicts and lists spell; see `from_json`."""
        made = cls.__form__().read(data, BadDefinition)
        if not isinstance(made, cls):
            raise BadDefinition(f"$ holds {type(made).__name__}, not {cls.__name__}.")
        return made

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the value that a JSON text spells.

        Args:
            text: what `to_json` returned, or what somebody claims it did.

        Raises:
            BadDefinition: the text is malformed, of another version, or spells something else; `problems` holds every
                mistake and its path.
        """
        return cls.from_dict(load(text, error=BadDefinition, at_most=cls.__max_size__))
