"""What became of the items of a pack."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["SeedReport"]


@attrs.frozen(kw_only=True)
class SeedReport:
    """What became of the items of a pack, by their keys, such as `"role/rep"` or `"segment/lapsing"`.

    Attributes:
        created: what was not there.
        updated: what stood as an earlier version had written it.
        kept: what the tenant had changed, deleted, or made before; it was left alone.
        unchanged: what this version writes as it was written before.
    """

    created: Sequence[str] = ()
    updated: Sequence[str] = ()
    kept: Sequence[str] = ()
    unchanged: Sequence[str] = ()
