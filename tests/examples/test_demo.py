"""The demo runs from the root of the project and shows the true figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_rejects_funnel_win_rate_cycle_and_a_segment(store_url, tmp_path):
    arguments = [tmp_path / "crm.db"] if store_url.startswith("sqlite") else ["--db", store_url]
    done = subprocess.run(
        [sys.executable, "examples/demo.py", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONPATH": "src", "PYTHONIOENCODING": "utf-8", "COLUMNS": "140"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert "Rejected rows: 15 of 161" in done.stdout
    assert ["accounts.csv", "402", "Branch", "unknown_choice", "Alchemy"] in rows
    assert ["web", "989", "655", "419", "278", "156", "507", "326"] in rows
    assert ["(all)", "646", "1966", "1008", "32.9%", "5,806,321.52 EUR, 1,506,737.59 USD"] in rows
    assert ["median", "57"] in rows
    assert "Segment: large German deals" in done.stdout
