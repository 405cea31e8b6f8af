"""Make the legacy export beside this file: five CSV files and `expected.json`. Same bytes on every Python.

Run from the root of the project:

    python -m examples.legacy.generate
    python -m examples.legacy.generate --into some/folder
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from examples.legacy.company import Dice, found
from examples.legacy.dirt import spoil
from examples.legacy.export import Clerk, encoded, write_down
from examples.legacy.truth import expected

SEED = 20261031


def generate(seed: int = SEED) -> dict[str, bytes]:
    """Return the bytes of every file by its name."""
    company = found(seed)
    dirt: Counter[str] = Counter()
    clerk = Clerk(Dice(seed + 1), dirt)
    files = write_down(company, clerk)
    spoil(files, company, clerk)
    truth = expected(files, company, dirt)
    made = {name: encoded(name, rows) for name, rows in files.items()}
    return {**made, "expected.json": _readable(truth).encode()}


def _readable(truth: dict[str, object]) -> str:
    """JSON with one line for each rejected row, so that a change shows as one line in a diff."""
    rejected = truth.pop("rejected")
    assert isinstance(rejected, list)  # noqa: S101 - narrows the type; `expected` has just made it
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rejected)
    head = json.dumps(truth, indent=2, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n  "rejected": [\n{lines}\n  ]\n}}\n'


def main() -> None:
    """Write the files into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Make the messy legacy CRM export and the truth about it.")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="where to write (default: here)")
    folder: Path = parser.parse_args().into
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in generate().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
