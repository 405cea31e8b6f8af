"""Places: where the files of an import lie. A mapping may come from somebody who must not reach past its folder."""

from __future__ import annotations

import os.path
from pathlib import Path

from crmkit.errors import Problem

__all__ = ["place_in"]


def place_in(folder: Path, path: str) -> Path:
    """Return the place of a path within a folder, links followed; it need not be there.

    Raises:
        Problem: it leads out of the folder, or to something that is not an ordinary file.
    """
    try:
        home, place = os.path.realpath(folder), os.path.realpath(folder / path)
    except ValueError:
        raise Problem("bad_mapping", "is not a path.", field=str(folder)[:60]) from None
    if not Path(place).is_relative_to(home):
        raise Problem("bad_mapping", "leads out of the folder by a link.", hint="Put the file itself there.")
    if os.path.lexists(place) and not Path(place).is_file():
        # A pipe or a device may never end, or never begin.
        raise Problem("bad_mapping", "is not an ordinary file.", hint="Name a file.")
    return Path(place)
