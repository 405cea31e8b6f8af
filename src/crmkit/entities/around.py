"""The catalog in which a model stands when nobody has connected yet: itself, and the built-in models around it."""

from __future__ import annotations

from typing import Any

from crmkit.model.catalog import Catalog

__all__ = ["catalog_around"]


def catalog_around(model: type[Any]) -> Catalog:
    """Return the catalog of the built-in models and one more, or one that takes the place of another."""
    from crmkit.entities import BUILT_IN  # they are many; a program that names its models should not wait for them

    return Catalog((*BUILT_IN, model))
