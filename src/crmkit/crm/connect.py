"""Connecting: from what a caller hands over, a CRM whose sessions share its models, its store and its rules."""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial, wraps
from random import Random
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self

import attrs

from crmkit.crm.capability import Capabilities
from crmkit.crm.session import AsyncSession
from crmkit.entities import BUILT_IN
from crmkit.errors import BadDefinition, CrmError, StoreError, Unsupported
from crmkit.labels import Labels, Vocabulary, Wording
from crmkit.lifecycle import Pipeline
from crmkit.lifecycle.built_in import BUILT_IN as BUILT_IN_PIPELINES
from crmkit.lifecycle.check import each
from crmkit.model.catalog import Catalog
from crmkit.model.extension import Extension
from crmkit.operation.handlers import Handlers
from crmkit.repository import OPERATIONS, Doors, Environment, PipelineRegistry, RuleBook
from crmkit.repository.journal import History, Outbox
from crmkit.security.access import Actor, Open
from crmkit.storage.opening import open_store
from crmkit.storage.spi import Feature
from crmkit.storage.spi.cancel import finished
from crmkit.values import clean_instant, system_clock
from crmkit.values.identifier import uuid7_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from crmkit.crm.capability import Capability
    from crmkit.importers import AsyncImports
    from crmkit.labels import Words
    from crmkit.operation.operation import Handler
    from crmkit.repository.rule_book import RulesOf
    from crmkit.security.access import Policy
    from crmkit.storage.spi import Store
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["AsyncCrm", "aconnect", "connected"]

P = ParamSpec("P")

# Ids carry 74 random bits beside the time. They are names, not secrets, so a seeded generator will do.
_CHANCE: Final = Random()  # noqa: S311 - see above
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_CHANCE.seed)  # or all forks would make the same ids


class AsyncCrm:
    """A connected CRM, made by `aconnect`. Threads may share it, but not the sessions it hands out."""

    def __init__(self, environment: Environment, capabilities: Capabilities, wording: Wording | None = None) -> None:
        self._environment = environment
        self._capabilities = capabilities
        self._wording = wording or Wording(partial(Vocabulary, environment.catalog, BUILT_IN_PIPELINES))

    @property
    def environment(self) -> Environment:
        """What its sessions share."""
        return self._environment

    def session(self, actor: Actor) -> AsyncSession:
        """Return a session for an actor, to be entered with `async with`.

        Raises:
            CrmError: it is not an actor.
        """
        if not isinstance(actor, Actor):
            raise CrmError(
                f"a session acts for an Actor, not for {type(actor).__name__}.",
                hint='Give Actor(id=user.id), or system("nightly") for background work.',
            )
        return AsyncSession(Doors(self._environment, actor, entered=False), self._capabilities)

    def imports(self, actor: Actor) -> AsyncImports:
        """Return the imports of an actor: `await crm.imports(actor).plan("mapping.toml")` looks first."""
        from crmkit.importers import AsyncImports  # loads CSV and TOML readers

        return AsyncImports(Doors(self._environment, actor))

    def labels(self, *languages: str, tenant: str = "main") -> Labels:
        """Return what people read in place of names and codes, in the first of these languages that is spoken.

        Args:
            languages: the tags of the languages that the reader prefers, such as `"zh-CN"`, the best first.
            tenant: whose own words take the place of others; `actor.tenant`, where there is one.

        Raises:
            Problem: what is given is not the tag of a language.
            BadDefinition: the tenant's words are malformed.
            Unsupported: Babel is not installed, which the extra `labels` brings along.
        """
        return Labels(*languages, words=self._wording, tenant=tenant)

    def check_labels(self, words: Words) -> None:
        """Refuse words for `labels` or `tenant_labels` that are malformed, or name what is not there.

        Raises:
            BadDefinition: it lists everything that is wrong.
            Unsupported: Babel is not installed, which the extra `labels` brings along.
        """
        self._wording.check(words)

    async def close(self) -> None:
        """Give back the connections that crmkit opened itself."""
        closing = self._environment.store.close()
        await (finished(closing) if self._environment.awaited else closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def connected(  # noqa: D417 - whether it is awaited is for the two faces to say
    awaited: bool,  # noqa: FBT001 - as above
    /,
    database: Any,
    *,
    models: Iterable[type[Any]] = (),
    extra: Mapping[type[Any], Mapping[str, Any]] | None = None,
    pipelines: Iterable[Pipeline] | None = None,
    policy: Policy | None = None,
    rules: RulesOf | None = None,
    protect: RulesOf | None = None,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    outbox: bool = False,
    create: bool = True,
    dry_run: bool = False,
    capabilities: Iterable[Capability] = (),
    extensions: Iterable[Extension[..., Any]] = (),
    statement_timeout: float | None = None,
    steps: Iterable[Handler[Any]] = (),
    enabled: Callable[[str, str], bool] | None = None,
    labels: Words | None = None,
    tenant_labels: Callable[[str], Words] | None = None,
) -> AsyncCrm:
    """Connect to a database.

    Args:
        database: a URL such as `sqlite:///crm.db`, `mongodb://host/crm?replicaSet=rs0` or `memory://`; or an SQLAlchemy
            `Engine`, or a `MongoClient`.
        models: models of the product's own; one that extends a built-in model takes its place.
        extra: fields that the product's end users added, by model and name.
        pipelines: the product's pipelines; of each model, the first is the one that new records enter. They take the
            place of the built-in pipeline of that model.
        policy: which rows an actor may touch; all within the tenant, if left out.
        rules: what records of a model must not be, as in `{Customer: [rule("...", refuse=...)]}`, on every write but
            deleting.
        protect: the same, asked before a record is deleted.
        clock: tells the time; the machine's, if left out.
        ids: makes ids; UUIDs of version 7, if left out.
        outbox: whether each change writes an outbox message in its own transaction.
        create: whether to create the tables and indexes that are missing. Nothing is ever altered or dropped.
        dry_run: whether to look only: nothing is created, a database that is not there yet is as good as an empty one,
            and whatever would be written is refused with `NotAllowed`.
        capabilities: what sessions offer besides what crmkit brings along, with the models that it needs.
        extensions: what packages add to models, made by `extend`; the order does not matter.
        statement_timeout: how many seconds a single statement may take before it is stopped with `TimedOut`; any time,
            if left out.
        steps: handlers at the steps of operations, in the order in which they run: `[advance.before("check", mine)]`.
        enabled: tells whether a tenant has a capability, by the tenant and the name; every one has all, if left out.
        labels: the product's words by language and id, `{"zh": {"field.customer.size": "规模"}}`, or a folder of
            catalogues named after their languages, such as `zh.po`; they take the place of the shipped words.
        tenant_labels: returns a tenant's words, in the same form, by the tenant; they take the place of all others.

    Raises:
        BadDefinition: the models, the pipelines, the rules, the capabilities, the extensions or the handlers do not fit
            together.
        StoreError: the database holds tables that do not fit the models.
        Unreachable: the database does not answer.
        Unsupported: there is no store for this database, or it cannot do what was asked.

    >>> from crmkit import Customer, connect, system
    >>> crm = connect("memory://")
    >>> with crm.session(system("example")) as s:
    ...     acme = s.customers.add(Customer(name="Acme"))
    >>> acme.version
    1
    """
    store = open_store(database, awaited=awaited)
    added = Capabilities(capabilities, dir(AsyncSession), enabled)
    own = each("a model", type, models, "Customer")
    packages = each("an extension", Extension, extensions, "extend(Customer, by=..., fields=...)")
    catalog = Catalog([*BUILT_IN, *added.entities, *own], extra, packages)
    given = _pipelines(pipelines or (), catalog)
    wording = Wording(partial(Vocabulary, catalog, (*given, *BUILT_IN_PIPELINES), added.topics), labels, tenant_labels)
    now = system_clock if clock is None else _whole(clock)
    environment = Environment(
        catalog=catalog,
        store=store,
        policy=_policy(policy),
        rules=RuleBook(catalog, rules, protect, [(each.model, each.rules) for each in packages], awaited=awaited),
        clock=now,
        ids=ids or uuid7_source(now, _CHANCE),
        pause=_pause(awaited=awaited),
        awaited=awaited,
        pipelines=PipelineRegistry(given, BUILT_IN_PIPELINES),
        observers=(History(), Outbox()) if outbox else (History(),),
        handlers=Handlers(
            steps, (*OPERATIONS, *added.operations), added.steps, added.is_on, awaited=awaited, outbox=outbox
        ),
        joined=partial(_joined, added, awaited),
        dry_run=dry_run,
    )
    try:
        if statement_timeout is not None:
            _limit(store, statement_timeout)
        await store.prepare(catalog, create=create and not dry_run)
    except BaseException as error:
        await store.close()
        if not (dry_run and isinstance(error, StoreError) and error.absent):
            raise
        empty = open_store("memory://", awaited=awaited)
        await empty.prepare(catalog, create=True)
        environment = attrs.evolve(environment, store=empty)
    return AsyncCrm(environment, added, wording)


def _joined(capabilities: Capabilities, awaited: bool, doors: Doors) -> Any:  # noqa: FBT001 - bound once, above
    session = AsyncSession(doors, capabilities)
    if awaited:
        return session
    from crmkit.crm.blocking.session import Session  # the blocking face stands on this module

    return Session(session)


def _limit(store: Store, seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < threading.TIMEOUT_MAX:
        raise BadDefinition("statement_timeout is a positive number of seconds.", hint="Write statement_timeout=30.")
    if Feature.TIMEOUT not in store.features:
        raise Unsupported("this store cannot stop a statement.", hint="Leave statement_timeout out.")
    store.limit_statements(seconds)


def _pause(*, awaited: bool) -> Callable[[float], Awaitable[None]]:
    """Return what waits: a blocking coroutine must not suspend, so it stops its thread."""
    if awaited:
        import asyncio  # here, as only those who await need it

        return asyncio.sleep

    async def sleep(seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs this

    return sleep


def _policy(given: Policy | None) -> Policy:
    if given is not None and not hasattr(given, "rows"):
        raise BadDefinition(
            f"a policy is expected, not {type(given).__name__}.",
            hint="Give an object with the method rows(actor, action, schema).",
        )
    return given or Open()


def _pipelines(given: Iterable[Pipeline], catalog: Catalog) -> tuple[Pipeline, ...]:
    own = each("a pipeline", Pipeline, given, 'Pipeline("sales", ...)')
    for pipeline in own:
        pipeline.check(catalog[pipeline.entity], catalog)
    return own


def _whole(clock: Clock) -> Clock:
    # Stores hold milliseconds, and what a call returns must be what the store holds.
    return lambda: clean_instant(clock())


class _Connecting(Coroutine[Any, Any, AsyncCrm]):
    """A CRM to be awaited, or to be entered with `async with`."""

    def __init__(self, coroutine: Coroutine[Any, Any, AsyncCrm]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, AsyncCrm]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> AsyncCrm:
        self._crm = await self._coroutine
        return await self._crm.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._crm.__aexit__(kind, error, trace)


def _awaited(call: Callable[Concatenate[bool, P], Coroutine[Any, Any, AsyncCrm]]) -> Callable[P, _Connecting]:
    @wraps(call)
    def connect(*args: P.args, **kwargs: P.kwargs) -> _Connecting:
        return _Connecting(call(True, *args, **kwargs))

    signature = inspect.signature(call)
    shown = signature.replace(parameters=list(signature.parameters.values())[1:])
    connect.__signature__ = shown  # type: ignore[attr-defined]  # what inspect looks for
    connect.__name__ = connect.__qualname__ = "aconnect"
    return connect


aconnect = _awaited(connected)
"""Connect to a database whose calls are awaited: `crm = await aconnect(url)`, or `async with aconnect(url) as crm`."""
