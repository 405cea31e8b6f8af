"""The blocking face: thin wrappers, written out so that editors and type checkers see real signatures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from crmkit.crm.asynchronous import AsyncSession
from crmkit.crm.open import make_setup, open_store, prepared
from crmkit.crm.segment import Segments
from crmkit.crm.shelf import Shelf
from crmkit.crm.step import run, step_through
from crmkit.expr.build import everything

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from uuid import UUID

    from crmkit.crm.analytics import Analytics
    from crmkit.crm.imports import Imports
    from crmkit.expr.build import Sort
    from crmkit.expr.nodes import Expr, Ref
    from crmkit.lifecycle import Pipeline
    from crmkit.repository import AsyncRepository, Group, Page, Setup
    from crmkit.repository.aggregator import By, Measured
    from crmkit.security.access import Actor, Policy
    from crmkit.segment import Segment
    from crmkit.values import Clock
    from crmkit.values.identifier import IdSource

__all__ = ["Crm", "Repository", "Session", "connect"]

T = TypeVar("T")


def connect(
    database: Any,
    *,
    models: Iterable[type[Any]] = (),
    extra: Mapping[type[Any], Mapping[str, Any]] | None = None,
    pipelines: Iterable[Pipeline] | None = None,
    policy: Policy | None = None,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    outbox: bool = False,
    create: bool = True,
) -> Crm:
    """Connect to a database.

    Args:
        database: a URL such as `sqlite:///crm.db`, `mongodb://host/crm?replicaSet=rs0` or `memory://`; or an SQLAlchemy
            `Engine`, or a `MongoClient`.
        models: models of the product's own; one that extends a built-in model takes its place.
        extra: fields that the product's end users added, by model and name.
        pipelines: the product's pipelines; of each model, the first is the one that new records enter. They take the
            place of the built-in pipeline of that model.
        policy: which rows an actor may touch; all within the tenant, if left out.
        clock: tells the time; the machine's, if left out.
        ids: makes ids; UUIDs of version 7, if left out.
        outbox: whether each change writes an outbox message in its own transaction.
        create: whether to create the tables and indexes that are missing. Nothing is ever altered or dropped.

    Raises:
        BadDefinition: the models, or the pipelines, do not fit together.
        StoreError: the database cannot be reached, or holds tables that do not fit the models.
        Unsupported: there is no store for this database.

    >>> from crmkit import Customer, connect, system
    >>> crm = connect("memory://")
    >>> with crm.session(system("example")) as s:
    ...     acme = s.customers.add(Customer(name="Acme"))
    >>> acme.version
    1
    """
    setup = make_setup(
        open_store(database, awaited=False),
        models=models, extra=extra, pipelines=pipelines, policy=policy, clock=clock, ids=ids, outbox=outbox,
    )  # fmt: skip
    return Crm(run(prepared(setup, create=create)))


class Crm:
    """A connected CRM. `connect` makes it; it may be shared between threads, sessions may not."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def session(self, actor: Actor) -> Session:
        """Return a session for an actor, to be entered with `with`."""
        return Session(self.setup, actor)

    def imports(self, actor: Actor) -> Imports:
        """Return the imports of an actor: `crm.imports(actor).plan("mapping.toml")` looks first."""
        from crmkit.crm.imports import Imports  # loads CSV and TOML readers

        return Imports(self.setup, actor)

    def close(self) -> None:
        """Give back the connections that crmkit opened itself."""
        run(self.setup.store.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


class Session(Shelf):
    """One actor, one transaction: committed on leaving, rolled back on an exception."""

    def __init__(self, setup: Setup, actor: Actor) -> None:
        self._inner = AsyncSession(setup, actor)

    @property
    def actor(self) -> Actor:
        """Whoever the session acts for."""
        return self._inner.actor

    def repository(self, model: type[T]) -> Repository[T]:
        """Return the repository of a model.

        Raises:
            BadDefinition: the model is not one of this CRM's.
        """
        return Repository(self._inner.repository(model))

    @property
    def segments(self) -> Segments:
        """The segments kept in the tenant."""
        return Segments(self._inner.segments)

    @property
    def analytics(self) -> Analytics:
        """Funnels and pipeline figures over the records that the actor may see."""
        from crmkit.crm.analytics import Analytics  # loaded by those who use it

        return Analytics(self._inner.analytics)

    def commit(self) -> None:
        """Make everything so far permanent and go on in a new transaction."""
        run(self._inner.commit())

    def rollback(self) -> None:
        """Undo everything since the last commit and go on in a new transaction."""
        run(self._inner.rollback())

    @contextmanager
    def nested(self) -> Generator[None]:
        """Return a part of the session, to be entered with `with`: if it raises, only what it wrote is undone.

        Raises:
            Unsupported: on entering it, if the database has no savepoints.
        """
        part = self._inner.nested()
        run(part.__aenter__())
        try:
            yield
        except BaseException as error:
            run(part.__aexit__(type(error), error, error.__traceback__))
            raise
        run(part.__aexit__(None, None, None))

    def __enter__(self) -> Self:
        run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run(self._inner.__aexit__(kind, error, trace))


class Repository(Generic[T]):
    """Reads and writes the records of one model within one session.

    Sessions hand them out: `s.customers`, or `s.repository(Customer)`.
    """

    def __init__(self, inner: AsyncRepository[T]) -> None:
        self._inner = inner

    def get(self, id: UUID, *, deleted: bool = False) -> T:
        """Return the record with this id.

        Args:
            id: the record's id.
            deleted: whether a deleted record counts as well.

        Raises:
            NotFound: there is none that the actor may see.
        """
        return run(self._inner.get(id, deleted=deleted))

    def find(
        self,
        where: Expr | Segment = everything,
        *,
        order: Ref | Sort | Sequence[Ref | Sort] = (),
        limit: int = 100,
        after: str | None = None,
        deleted: bool = False,
    ) -> Page[T]:
        """Return the first records that satisfy an expression, or the next ones after a page.

        Args:
            where: the expression.
            order: fields to sort by, such as `[-f.amount, f.name]`; by id, which is by age, if there are none.
            limit: how many records at most.
            after: the `next` of the page before.
            deleted: whether deleted records count as well.

        Raises:
            BadExpression: the expression, the order or the cursor does not fit the model.
        """
        return run(self._inner.find(where, order=order, limit=limit, after=after, deleted=deleted))

    def first(self, where: Expr | Segment = everything, *, order: Ref | Sort | Sequence[Ref | Sort] = ()) -> T | None:
        """Return the first record that satisfies an expression, or `None`."""
        return run(self._inner.first(where, order=order))

    def stream(self, where: Expr | Segment = everything, *, deleted: bool = False) -> Iterator[T]:
        """Yield every record that satisfies an expression, oldest first, in bounded memory.

        Records are fetched in batches; each batch sees what is committed when it is fetched.
        """
        for batch in step_through(self._inner.batches(where, deleted=deleted)):
            yield from batch

    def batches(self, where: Expr | Segment = everything, *, deleted: bool = False) -> Iterator[list[T]]:
        """Yield what `stream` yields, in lists of up to 5,000."""
        yield from step_through(self._inner.batches(where, deleted=deleted))

    def count(self, where: Expr | Segment = everything, *, deleted: bool = False) -> int:
        """Return how many records satisfy an expression; counted inside the store."""
        return run(self._inner.count(where, deleted=deleted))

    def ids(self, where: Expr | Segment = everything) -> list[UUID]:
        """Return the ids of all records that satisfy an expression, oldest first."""
        return run(self._inner.ids(where))

    def exists(self, where: Expr | Segment = everything) -> bool:
        """Return whether any record satisfies an expression."""
        return run(self._inner.exists(where))

    def tally(
        self,
        *,
        by: By | Sequence[By] = (),
        where: Expr | Segment = everything,
        deleted: bool = False,
        **measures: Measured,
    ) -> list[Group]:
        """Group records and measure each group, inside the store.

        Args:
            by: fields or paths to group by, or spans of time such as `by_month(f.close_date)`.
            where: which records count.
            deleted: whether deleted records count as well.
            measures: what to compute, by the name it gets: `count()`, `total(f.amount)` and so on.

        Returns:
            A `Group` for each combination of keys that occurs, ordered by the keys.
        """
        return run(self._inner.tally(by=by, where=where, deleted=deleted, **measures))

    def add(self, record: T) -> T:
        """Write a new record and return it as it now stands: with its id, version 1 and times.

        Raises:
            BadRecord: a link leads nowhere, an added field is not declared, or the record is of another model.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy lets the actor create no such record.
            MoveRefused: the stage given is not one to enter.
        """
        return run(self._inner.add(record))

    def add_many(self, records: Iterable[T]) -> list[UUID]:
        """Write any number of new records in batches and return their ids, in order.

        Everything happens in the session's transaction. Raises what `add` raises; the session should then be rolled
        back, as earlier batches are written already.
        """
        return run(self._inner.add_many(records))

    def update(self, record: T, /, **changes: Any) -> T:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record, as it was last read.
            changes: fields and their new values.

        Raises:
            BadRecord: a value is refused, or a field is set by crmkit only.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy lets the actor not do this.
        """
        return run(self._inner.update(record, **changes))

    def delete(self, record: T) -> T:
        """Delete a record so that it can be restored, and return it as it now stands.

        It keeps its unique values. Raises what `update` raises.
        """
        return run(self._inner.delete(record))

    def restore(self, record: T) -> T:
        """Bring a deleted record back and return it as it now stands.

        Raises what `update` raises, and `Refused` if the record is not deleted.
        """
        return run(self._inner.restore(record))

    def advance(
        self, record: T, stage: str, /, *, note: str | None = None, at: dt.datetime | None = None, **changes: Any
    ) -> T:
        """Move a record to another stage of its pipeline, and write its history, in one step.

        Args:
            record: the record, as it was last read.
            stage: the stage to move to.
            note: why, for the history.
            at: when it happened; now if left out.
            changes: fields to set with the move, such as `lost_reason="price"`.

        Raises:
            MoveRefused: the pipeline does not allow it; it lists every reason.
            Stale: somebody else changed the record first.
        """
        return run(self._inner.advance(record, stage, note=note, at=at, **changes))

    def transfer(self, record: T, pipeline: str = "", /, *, stage: str, note: str | None = None) -> T:
        """Put a record into a pipeline's present definition, at a stage; the only way out of an older definition.

        Args:
            record: the record, as it was last read.
            pipeline: the pipeline; the record's own if blank.
            stage: the stage it continues in.
            note: why, for the history.
        """
        return run(self._inner.transfer(record, pipeline, stage=stage, note=note))

    def why_not(self, record: T, stage: str, /, **changes: Any) -> str:
        """Return why a record may not move to a stage now, as a sentence or several; blank if it may."""
        return run(self._inner.why_not(record, stage, **changes))

    def allowed_moves(self, record: T) -> tuple[str, ...]:
        """Return the stages to which a record may move now."""
        return run(self._inner.allowed_moves(record))
