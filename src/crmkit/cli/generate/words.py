"""What is called how on which face."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["AWAITED", "ENTERING", "KINDS", "STEPS", "WAITING", "blocking_name", "blocking_words"]

ENTERING: Final = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}
WAITING: Final = {
    "__anext__": 'Drop it, and make __aiter__ a generator: "async def __aiter__(self) -> AsyncIterator[int]".',
    "__await__": 'Make it a method, an "async def".',
}
"""What only the awaited face can have, with what to write instead."""
KINDS: Final = {
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncGenerator": "Generator",
    "AsyncIterable": "Iterable",
    "AsyncIterator": "Iterator",
}
STEPS: Final = frozenset({"blocking", "run", "step_into", "step_through"})
"""What a twin calls; an argument of such a name would stand in front of it."""
AWAITED: Final = re.compile(r"\b(Async[A-Z]\w*|AbstractAsyncContextManager)\b")
_WORDS: Final = (
    (r"\bawait ", ""),
    (r"\basync (with|for)\b", r"\1"),
    (r"\baconnect\b", "connect"),
    (r"\bAsync(?=[A-Z])", ""),
)


def blocking_name(name: str) -> str:
    """Return what the twin of a class is called."""
    return KINDS.get(name, name.removeprefix("Async"))


def blocking_words(text: str) -> str:
    """Return a text about the awaited face as it is true of the blocking one."""
    for awaited, blocking in _WORDS:
        text = re.sub(awaited, blocking, text)
    return text
