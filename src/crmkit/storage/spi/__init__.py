"""What a backend implements: the store protocol, and the plans it is asked to carry out."""

from crmkit.storage.spi.opener import Opener
from crmkit.storage.spi.plan import (
    Aggregate,
    Bucket,
    GroupKey,
    Hop,
    Measure,
    Patch,
    Query,
    Removal,
    SortKey,
    Tally,
    Top,
)
from crmkit.storage.spi.store import Feature, Savepoint, Store, Unit

__all__ = [
    "Aggregate",
    "Bucket",
    "Feature",
    "GroupKey",
    "Hop",
    "Measure",
    "Opener",
    "Patch",
    "Query",
    "Removal",
    "Savepoint",
    "SortKey",
    "Store",
    "Tally",
    "Top",
    "Unit",
]
