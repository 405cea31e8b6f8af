"""Engines: recognising one of SQLAlchemy's without importing it."""

from __future__ import annotations

from typing import Any

__all__ = ["is_engine_of"]


def is_engine_of(database: Any, dialect: str) -> bool:
    """Return whether an object is an SQLAlchemy `Engine` or `AsyncEngine` of a dialect, by SQLAlchemy's name for it."""
    return (
        any(
            cls.__name__ in {"Engine", "AsyncEngine"} and cls.__module__.startswith("sqlalchemy.")
            for cls in type(database).__mro__
        )
        and database.dialect.name == dialect
    )
