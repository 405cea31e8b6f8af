"""crmkit on MongoDB, and the documents that it leaves for the raw driver to copy."""

# ruff: noqa: D102 - Participant says what each method does

from benchmarks.crmkit_face import Crmkit
from benchmarks.mongo_raw import StoredDocuments, connect, read_documents
from benchmarks.participant import Workload

DATABASE = "crmkit"
SCOPE = {"tenant": "main", "deleted_at": None}


class CrmkitMongo(Crmkit):
    """crmkit on the private server."""

    transactions = True

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload, workload.mongo_url.replace("/?", f"/{DATABASE}?"))

    def remove(self) -> None:
        with connect(self.workload) as client:
            client.drop_database(DATABASE)

    def stored(self) -> StoredDocuments:
        """Return the customers as crmkit has stored them."""
        self.clear()
        self.build()
        self.add()
        with connect(self.workload) as client:
            return read_documents(client[DATABASE][self.schema.plural], SCOPE)
