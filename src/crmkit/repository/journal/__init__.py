"""The journal: what gets each change inside the transaction that makes it, one observer in each file."""

from crmkit.repository.journal.history import History
from crmkit.repository.journal.observer import Observer
from crmkit.repository.journal.outbox import Outbox

__all__ = ["History", "Observer", "Outbox"]
