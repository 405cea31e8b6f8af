"""What the tests of imports share: writing small files, and reading what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmkit.importers import ImportReport
from crmkit.importers.import_report import EFFECTS

Files = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write files into a folder and return it: `files(a__csv="No,Name")` writes `a.csv`."""

    def write(**contents: str | bytes) -> Path:
        for name, content in contents.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def balanced(run: ImportReport) -> ImportReport:
    """Return a report in which every row of every file counts once."""
    for counts in run.counts:
        assert counts.rows == sum(getattr(counts, effect) for effect in EFFECTS), counts
    assert len(run.rejects) <= run.total("reject") <= len(list(run.problems))
    return run


def customers(**more: Any) -> dict[str, Any]:
    """A mapping of one file of customers; further fields and settings may be given."""
    fields = {"name": "Name", **more.pop("fields", {})}
    return {
        "source": "legacy",
        "zone": "UTC",
        "file": [{"path": "a.csv", "into": "customer", "id": "No", "fields": fields, **more}],
    }
