"""For programs that use crmkit: a clock, ids, factories and counts, which `crmkit.testing.plugin` makes fixtures of.

For authors of stores: the conformance kit. Names are loaded when they are first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from crmkit.storage.memory import MemoryStore
    from crmkit.testing.host.backstage import backstage
    from crmkit.testing.host.cast import Cast
    from crmkit.testing.host.clock import FrozenClock
    from crmkit.testing.host.factory import Factory
    from crmkit.testing.host.ids import CountedIds
    from crmkit.testing.host.outbox import OutboxRecorder
    from crmkit.testing.host.undo import undone
    from crmkit.testing.host.visibility import assert_hidden, assert_visible
    from crmkit.testing.host.watch import Asked, asked, assert_statements, watched
    from crmkit.testing.strategy import values
    from crmkit.testing.suite import StoreSuite

__all__ = [
    "Asked",
    "Cast",
    "CountedIds",
    "Factory",
    "FrozenClock",
    "MemoryStore",
    "OutboxRecorder",
    "StoreSuite",
    "asked",
    "assert_hidden",
    "assert_statements",
    "assert_visible",
    "backstage",
    "undone",
    "values",
    "watched",
]

_MODULE_OF: Final = {
    "Asked": "crmkit.testing.host.watch",
    "Cast": "crmkit.testing.host.cast",
    "CountedIds": "crmkit.testing.host.ids",
    "Factory": "crmkit.testing.host.factory",
    "FrozenClock": "crmkit.testing.host.clock",
    "MemoryStore": "crmkit.storage.memory",
    "OutboxRecorder": "crmkit.testing.host.outbox",
    "StoreSuite": "crmkit.testing.suite",
    "assert_hidden": "crmkit.testing.host.visibility",
    "assert_statements": "crmkit.testing.host.watch",
    "assert_visible": "crmkit.testing.host.visibility",
    "asked": "crmkit.testing.host.watch",
    "backstage": "crmkit.testing.host.backstage",
    "undone": "crmkit.testing.host.undo",
    "values": "crmkit.testing.strategy",
    "watched": "crmkit.testing.host.watch",
}
_TESTS: Final = (
    "boundary",
    "differential",
    "drive",
    "fidelity",
    "golden",
    "hop",
    "order",
    "savepoint",
    "summary",
    "transaction",
)

if "pytest" in sys.modules:
    # Asserts outside test files say what they compared only if pytest knows them before they are imported.
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{name}" for name in _TESTS))


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
