"""The two faces of the driver, and the one difference between them: whether a call's answer is awaited or is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs
from pymongo import AsyncMongoClient, MongoClient
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from crmkit.storage.mongo.wire import DOCUMENTS

if TYPE_CHECKING:
    from crmkit.model.schema import Schema

__all__ = ["LOCKS", "AnyClient", "Driver", "make_driver"]

LOCKS: Final = "crmkit_locks"
"""The one collection that holds no records."""
AnyClient: TypeAlias = MongoClient[Any] | AsyncMongoClient[Any]


@attrs.frozen(eq=False)
class Driver:
    """A client, its database, and how its answers arrive.

    Attributes:
        client: the driver's client.
        database: the driver's database, with crmkit's options.
        io: `"blocking"` for a `MongoClient`, `"asyncio"` for an `AsyncMongoClient`.
        own: whether crmkit made the client, and so closes it.
    """

    client: Any
    database: Any
    io: Literal["blocking", "asyncio"]
    own: bool
    _collections: dict[str, Any] = attrs.field(factory=dict[str, Any], init=False)

    async def settle(self, answer: Any) -> Any:
        """Return what a call of the driver answered."""
        return await answer if self.io == "asyncio" else answer

    @property
    def locks(self) -> Any:
        """The collection that holds a document for each lock."""
        return self.database[LOCKS]

    def collection(self, schema: Schema) -> Any:
        """Return the collection that holds a model's rows."""
        found = self._collections.get(schema.plural)
        if found is None:
            found = self._collections[schema.plural] = self.database[schema.plural]
        return found


def make_driver(client: AnyClient, name: str, *, own: bool) -> Driver:
    """Return the driver for a database of a client, regardless of the client's own options."""
    database = client.get_database(
        name,
        codec_options=DOCUMENTS,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern("majority"),
        read_concern=ReadConcern("majority"),
    )
    return Driver(client, database, "blocking" if isinstance(client, MongoClient) else "asyncio", own)
