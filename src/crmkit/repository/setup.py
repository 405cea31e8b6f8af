"""What all sessions of one CRM share; nothing in it changes after the start but caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.model.codec import Codec

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.repository.pipeline import Pipelines
    from crmkit.security.access import Policy
    from crmkit.storage.spi import Store
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["Setup"]


class Setup:
    """The models, the store, and the sources of time and ids that a CRM was connected with.

    Args:
        catalog: the models.
        store: the database.
        policy: which rows an actor may touch.
        clock: tells the time.
        ids: makes ids.
        pipelines: the pipelines that records may move through.
        outbox: whether each change writes an outbox message beside it.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        store: Store,
        policy: Policy,
        clock: Clock,
        ids: IdSource,
        pipelines: Pipelines,
        outbox: bool,
    ) -> None:
        self.catalog = catalog
        self.store = store
        self.policy = policy
        self.clock = clock
        self.ids = ids
        self.pipelines = pipelines
        self.outbox = outbox
        self._codecs: dict[str, Codec[Any]] = {}

    def codec(self, schema: Schema) -> Codec[Any]:
        """Return the codec between a model and the store."""
        codec = self._codecs.get(schema.name)
        if codec is None:
            codec = self._codecs[schema.name] = Codec(schema, self.store.wires)
        return codec
