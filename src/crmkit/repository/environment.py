"""What all sessions of one CRM share; nothing in it changes after the start but caches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.model.codec import Codec

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.operation.handlers import Handlers
    from crmkit.repository.doors import Doors
    from crmkit.repository.journal import Observer
    from crmkit.repository.registry import PipelineRegistry
    from crmkit.repository.rule_book import RuleBook
    from crmkit.security.access import Policy
    from crmkit.storage.spi import Store
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["Environment"]


@attrs.frozen(kw_only=True, eq=False)
class Environment:
    """The models, the store, and the sources of time and ids that a CRM was connected with.

    Attributes:
        catalog: the models.
        store: the database.
        policy: which rows an actor may touch.
        clock: tells the time.
        ids: makes ids.
        pause: waits for some seconds, without blocking anything else that runs.
        pipelines: the pipelines that records may move through.
        rules: what the host demands of records.
        handlers: what hosts and packages do at the steps of operations.
        joined: makes a session over the doors of another, for what hosts and packages run within its operations.
        awaited: whether calls are awaited, in an event loop.
        observers: what learns of each change inside its transaction.
        dry_run: whether nothing may be written.
        place: stands for the database, and holds nothing of it: records remember it for longer than it is open.
    """

    catalog: Catalog
    store: Store
    policy: Policy
    clock: Clock
    ids: IdSource
    pause: Callable[[float], Awaitable[None]]
    pipelines: PipelineRegistry
    rules: RuleBook
    handlers: Handlers
    joined: Callable[[Doors], Any]
    awaited: bool = False
    observers: tuple[Observer, ...] = ()
    dry_run: bool = False
    place: object = attrs.field(init=False, factory=object)
    _codecs: dict[str, Codec[Any]] = attrs.field(init=False, factory=dict[str, Codec[Any]], repr=False)

    def codec(self, schema: Schema) -> Codec[Any]:
        """Return the codec between a model and the store."""
        codec = self._codecs.get(schema.name)
        if codec is None:
            codec = self._codecs[schema.name] = Codec(schema, self.store.wires)
        return codec
