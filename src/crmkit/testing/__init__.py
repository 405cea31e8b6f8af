"""The conformance kit, for authors of stores; and a store in memory, for the tests of programs that use crmkit."""

import sys
from typing import Final

_TESTS: Final = (
    "differential",
    "drive",
    "fidelity",
    "golden",
    "hop",
    "order",
    "savepoint",
    "scope",
    "summary",
    "transaction",
)

if "pytest" in sys.modules:
    # Asserts outside test files say what they compared only if pytest knows them before they are imported.
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{name}" for name in _TESTS))

from crmkit.storage.memory import MemoryStore  # noqa: E402 - known to pytest first
from crmkit.testing.strategy import values  # noqa: E402 - as above
from crmkit.testing.suite import StoreSuite  # noqa: E402 - as above

__all__ = ["MemoryStore", "StoreSuite", "values"]
