"""The vocabulary: everything of one CRM that has a label, by its stable id."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.labels.catalogue import ENGLISH, shipped
from crmkit.lifecycle.built_in import BUILT_IN as PIPELINES
from crmkit.model.catalog import Catalog
from crmkit.model.field import ChoiceField, TextField
from crmkit.model.field.declaration import declared_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crmkit.lifecycle import Pipeline, Stage
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema

__all__ = ["Term", "Vocabulary", "built_in", "inherited", "spelled", "stage_terms", "terms"]

_OPEN: Final = re.compile(r"(error|role)\.[a-z0-9_.-]+", re.IGNORECASE)
"""What others name as they like: the codes of their refusals, and the roles of a tenant."""
_AREAS: Final = ("choice", "error", "event", "field", "model", "role", "stage")
"""How ids begin."""
_SHOWN: Final = 120


@attrs.frozen
class Term:
    """Something that has a label, or the label's explanation.

    Attributes:
        id: its own id, such as `field.contact.owner_id`.
        shared: the id of what is called alike wherever it stands, such as `field.owner_id`; blank if nothing is.
        said: the text that its declaration gives.
        written: whether somebody wrote that for people, rather than for programs.
    """

    id: str
    shared: str = ""
    said: str = ""
    written: bool = False


def spelled(name: str) -> str:
    """Return the name of something as a label.

    >>> spelled("annual_revenue"), spelled("owner_id")
    ('Annual revenue', 'Owner')
    """
    words = name.removesuffix("_id").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def terms(catalog: Iterable[Schema], pipelines: Iterable[Pipeline]) -> Iterator[Term]:
    """Yield what models and pipelines declare."""
    for schema in catalog:
        about = inspect.cleandoc(inspect.getdoc(schema.cls) or "").partition("\n\n")[0]
        yield Term(f"model.{schema.name}", said=spelled(schema.name))
        yield Term(f"model.{schema.name}.plural", said=spelled(schema.plural))
        yield Term(f"model.{schema.name}.help", said=" ".join(about.split()), written=True)
        for name, field in schema.fields.items():
            yield from _of_field(schema.name, name, field)
        for name, field in schema.extra.items():
            yield from _of_field(schema.name, f"extra.{name}", field)
    for pipeline in pipelines:
        for stage in pipeline.stages:
            yield from stage_terms(pipeline, stage)


def stage_terms(pipeline: Pipeline, stage: Stage) -> tuple[Term, Term]:
    """Return a stage of one pipeline, and the stage of that name whichever pipeline a record of the model is in."""
    said, shared = stage.label or spelled(stage.name), f"stage.{pipeline.entity}.{stage.name}"
    return Term(f"stage.{pipeline.entity}.{pipeline.name}.{stage.name}", shared, said, True), Term(
        shared, "", said, True
    )


def _of_field(model: str, name: str, field: Field) -> Iterator[Term]:
    yield Term(f"field.{model}.{name}", f"field.{name}", spelled(field.name))
    yield Term(f"field.{model}.{name}.help", f"field.{name}.help", field.doc, written=True)
    for word in field.choices if isinstance(field, ChoiceField) else ():
        yield Term(f"choice.{model}.{name}.{word}", f"choice.{name}.{word}", spelled(word))


def inherited() -> Iterator[Term]:
    """Yield what every record has, and every one that is staged, by the ids that all of them share."""
    from crmkit.entities.staged import Staged  # late, as tools that write the list of models read what these declare

    for attribute in attrs.fields(cast("type[Any]", Staged)):
        field = declared_field(attribute)
        if field is not None:
            own = _of_field("", attribute.name, attrs.evolve(field, name=attribute.name))
            yield from (attrs.evolve(each, id=each.shared) for each in own)


class Vocabulary:
    """Everything of one CRM that has a label.

    Args:
        catalog: its models.
        pipelines: its pipelines.
        topics: what its capabilities write to the outbox, besides the changes of records.
    """

    def __init__(self, catalog: Catalog, pipelines: Iterable[Pipeline], topics: Iterable[str] = ()) -> None:
        self._catalog = catalog
        english = shipped(ENGLISH)
        verbs = [id for id in english if id.startswith("event.")]
        happened = [Term(verb) for verb in verbs]
        changes = [Term(verb.replace(".", f".{schema.name}."), verb) for schema in catalog for verb in verbs]
        others = [Term(f"event.{topic}", said=spelled(topic.replace(".", " "))) for topic in topics]
        errors = [Term(id) for id in english if id.startswith("error.")]
        found = [*inherited(), *terms(catalog, pipelines), *happened, *changes, *others, *errors]
        # What several share may be worded once for all of them.
        self._shared = {each.shared for each in found}
        # Of two pipelines of a model, the first says what a stage is called that both have.
        self._terms = {each.id: each for each in reversed(found)}

    def field(self, model: str, name: str) -> Field:
        """Return a field of a model by its name; of one that end users added, by `extra.` and its name.

        Raises:
            BadDefinition: there is no such model, or no such field.
        """
        schema = self._catalog[model]
        added = schema.extra.get(name.removeprefix("extra.")) if name.startswith("extra.") else None
        return added or schema.field(name)

    def known(self, id: str) -> Term | None:
        """Return what is declared under an id."""
        return self._terms.get(id)

    def term(self, id: str) -> Term:
        """Return what an id stands for.

        Raises:
            BadDefinition: nothing; the message suggests what does.
        """
        known = self.known(id)
        if known is not None or id in self._shared or _OPEN.fullmatch(id) or self._is_word(id):
            return known or Term(id)
        area = id.partition(".")[0]
        alike = [each for each in (*self._terms, *self._shared) if each.startswith(f"{area}.")]
        raise BadDefinition(f"there is nothing to label under {id[:_SHOWN]!r}.", hint=near(id, alike or _AREAS))

    def _is_word(self, id: str) -> bool:
        # A text that holds one of a few words, such as an industry, has no list of them.
        area, _, rest = id.partition(".")
        model, _, path = rest.partition(".")
        name, _, word = path.partition(".")
        if area != "choice" or not word:
            return False
        return any(schema.name == model and isinstance(schema.fields.get(name), TextField) for schema in self._catalog)

    def shipped_ids(self, term: Term) -> tuple[str, ...]:
        """Return the ids under which crmkit's own catalogues speak of something; none if it is not crmkit's.

        What a product declares under the same name, but explains in other words, is something else.
        """
        for id in (term.id, term.shared):
            known = built_in().known(id)
            if known is not None and known.said == term.said:
                return (known.id, known.shared)
        return ()


@cache
def built_in() -> Vocabulary:
    """Return the vocabulary of what crmkit brings along."""
    from crmkit.entities import BUILT_IN  # late, as above

    return Vocabulary(Catalog(BUILT_IN), PIPELINES)
