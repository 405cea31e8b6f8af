"""Opening: from a store and what a caller hands over, all that sessions share."""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING, Any

from crmkit.entities import BUILT_IN
from crmkit.errors import BadDefinition
from crmkit.lifecycle import Pipeline
from crmkit.lifecycle.built_in import BUILT_IN as BUILT_IN_PIPELINES
from crmkit.lifecycle.check import each
from crmkit.model.catalog import Catalog
from crmkit.repository import Pipelines, Setup
from crmkit.repository.journal import History, Observer, Outbox
from crmkit.security.access import Open
from crmkit.storage.opening import open_store
from crmkit.values import clean_instant, system_clock
from crmkit.values.identifier import uuid7_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from crmkit.security.access import Policy
    from crmkit.storage.spi import Store
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["make_setup", "open_store", "prepared"]


def _whole(clock: Clock) -> Clock:
    # Stores hold milliseconds, and what a call returns must be what the store holds.
    return lambda: clean_instant(clock())


async def sleep(seconds: float) -> None:
    """Wait, which blocks the thread: the pause of the blocking face."""
    time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs this


def make_setup(
    store: Store,
    *,
    models: Iterable[type[Any]],
    extra: Mapping[type[Any], Mapping[str, Any]] | None,
    pipelines: Iterable[Pipeline] | None,
    policy: Policy | None,
    clock: Clock | None,
    ids: IdSource | None,
    outbox: bool,
    pause: Callable[[float], Awaitable[None]] = sleep,
) -> Setup:
    """Return what sessions share.

    Raises:
        BadDefinition: the models or the pipelines do not fit together.
    """
    catalog = Catalog([*BUILT_IN, *each("a model", type, models, "Customer")], extra)
    own = each("a pipeline", Pipeline, pipelines or (), 'Pipeline("sales", ...)')
    if policy is not None and not hasattr(policy, "rows"):
        raise BadDefinition(
            f"a {type(policy).__name__} is no policy.",
            hint="Give an object with the method rows(actor, action, schema).",
        )
    for pipeline in own:
        pipeline.check(catalog[pipeline.entity])
    now = system_clock if clock is None else _whole(clock)
    observers: list[Observer] = [History()]
    if outbox:
        observers.append(Outbox())
    return Setup(
        catalog=catalog,
        store=store,
        policy=policy or Open(),
        clock=now,
        # Ids carry 74 random bits beside the time. They are names, not secrets, so a seeded generator will do.
        ids=ids or uuid7_source(now, Random(os.urandom(16))),  # noqa: S311 - see above
        pipelines=Pipelines(own, BUILT_IN_PIPELINES),
        pause=pause,
        observers=tuple(observers),
    )


async def prepared(setup: Setup, *, create: bool) -> Setup:
    """Return what sessions share once the store has learnt the models; close the store if it cannot serve them.

    Raises:
        StoreError: the store cannot be reached, or does not fit the models.
    """
    try:
        await setup.store.prepare(setup.catalog, create=create)
    except BaseException:
        await setup.store.close()
        raise
    return setup
