"""Labels in the language of whoever reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import CrmError
from crmkit.labels.catalogue import ENGLISH, closest, shipped
from crmkit.labels.vocabulary import Term, built_in, spelled, stage_terms
from crmkit.labels.wording import PLACEHOLDER, Wording
from crmkit.lifecycle import Pipeline
from crmkit.model.schema import entity_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.labels.wording import Words

__all__ = ["Labels"]


class Labels:
    """What people read in place of names and codes, in the first of several languages that is spoken.

    A label is looked for in the words of the tenant, in those of the host and in those that crmkit brings along, in
    English and Chinese; then the same in wider languages, and in English. What nobody worded is called what its
    declaration says.

    Args:
        languages: the tags of the languages that the reader prefers, the best first.
        words: the host's own words; see `connect(labels=...)`. Or the words of a connected CRM, as `crm.labels` has it.
        tenant: whose own words take the place of others.

    Raises:
        Problem: what is given is not the tag of a language.
        BadDefinition: the host's words are malformed, or name what is not there.
        Unsupported: Babel is not installed, which the extra `labels` brings along.

    >>> from crmkit import Customer
    >>> labels = Labels("zh-Hans-CN")
    >>> labels.model(Customer), labels.field(Customer, "annual_revenue"), labels.choice(Customer, "size", "small")
    ('客户', '年收入', '小型')
    >>> Labels("fr", words={"fr": {"model.customer": "Client"}}).model(Customer)
    'Client'
    """

    def __init__(self, *languages: str, words: Words | Wording | None = None, tenant: str = "") -> None:
        wording = words if isinstance(words, Wording) else Wording(built_in, words)
        asked = [each for language in languages for each in closest(language)]
        self._languages = tuple(dict.fromkeys([*asked, ENGLISH]))
        self._layers = wording.layers(tenant)
        self._vocabulary = wording.vocabulary

    @property
    def language(self) -> str:
        """The language of most of its texts."""
        spoken = (each for each in self._languages if shipped(each) or any(each in layer for layer in self._layers))
        return next(spoken)

    def model(self, model: type[Any] | str) -> str:
        """Return what one record of a model is called.

        Raises:
            BadDefinition: there is no such model.
        """
        return self._text(f"model.{entity_of(model)}")

    def plural(self, model: type[Any] | str) -> str:
        """Return what several records of a model are called.

        Raises:
            BadDefinition: there is no such model.
        """
        return self._text(f"model.{entity_of(model)}.plural")

    def field(self, model: type[Any] | str, name: str) -> str:
        """Return what a field is called; one that end users added is named `extra.shoe_size`.

        Raises:
            BadDefinition: there is no such model, or no such field.
        """
        entity = entity_of(model)
        self._vocabulary.field(entity, name)
        return self._text(f"field.{entity}.{name}")

    def help(self, model: type[Any] | str, name: str = "") -> str:
        """Return the sentence that explains a field, or a model; blank where nobody wrote one.

        Raises:
            BadDefinition: there is no such model, or no such field.
        """
        entity = entity_of(model)
        if not name:
            return self._text(f"model.{entity}.help")
        self._vocabulary.field(entity, name)
        return self._text(f"field.{entity}.{name}.help")

    def choice(self, model: type[Any] | str, name: str, word: str) -> str:
        """Return what people read for a word that a field holds.

        Raises:
            BadDefinition: there is no such model, or no such field.
        """
        entity = entity_of(model)
        self._vocabulary.field(entity, name)
        return self._known(f"choice.{entity}.{name}.{word}", spelled(word))

    def stage(self, of: Pipeline | type[Any] | str, name: str) -> str:
        """Return what a stage is called: of a pipeline, or of a model, whichever of its pipelines a record is in.

        Raises:
            BadDefinition: the pipeline has no such stage.
        """
        if isinstance(of, Pipeline):
            return self._of(stage_terms(of, of.stage(name))[0])
        return self._known(f"stage.{entity_of(of)}.{name}", spelled(name))

    def error(self, error: CrmError | str) -> str:
        """Return what happened, as people read it, for an error or its code.

        Of a record that was refused, the same is told of each of `error.problems`.
        """
        if isinstance(error, str):
            return self._known(f"error.{error}", spelled(error))
        text = self._found(Term(f"error.{error.code}"))
        return self._filled(text, dict(self._facts(error))) if text else error.message

    def event(self, topic: str) -> str:
        """Return what happened, as people read it, for a topic of the outbox such as `customer.updated`."""
        model = topic.partition(".")[0]
        text = self._known(f"event.{topic}", spelled(topic.replace(".", " ")))
        return self._filled(text, {"model": self._known(f"model.{model}", spelled(model))})

    def role(self, name: str) -> str:
        """Return what a role is called."""
        return self._known(f"role.{name}", name)

    def _facts(self, error: CrmError) -> Iterator[tuple[str, str]]:
        entity = getattr(error, "entity", "")
        if not entity:
            return
        yield "model", self._known(f"model.{entity}", spelled(entity))
        names = [self._known(f"field.{entity}.{name}", spelled(name)) for name in getattr(error, "fields", ())]
        if names:
            from babel.lists import format_list  # loaded by those who speak of fields

            yield "fields", format_list(names, locale=self.language.replace("-", "_"))

    @staticmethod
    def _filled(text: str, facts: dict[str, str]) -> str:
        return PLACEHOLDER.sub(lambda place: facts.get(place[1], place[0]), text)

    # -- looking up ----------------------------------------------------------------------------------------------------

    def _text(self, id: str) -> str:
        return self._of(self._vocabulary.term(id))

    def _known(self, id: str, otherwise: str) -> str:
        """Return the label of what may have none, as stored words, roles and topics are data."""
        return self._of(self._vocabulary.known(id) or Term(id)) or otherwise

    def _of(self, term: Term) -> str:
        return self._found(term) or term.said

    def _found(self, term: Term) -> str:
        own, theirs = (term.id, term.shared), self._vocabulary.shipped_ids(term)
        for language in self._languages:
            spoken = [(layer.get(language, {}), own) for layer in self._layers] + [(shipped(language), theirs)]
            for texts, ids in spoken:
                for id in ids:
                    if text := texts.get(id):
                        return text
        return ""
