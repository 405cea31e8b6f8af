"""The command line: `crmkit import`, `crmkit funnel` and `crmkit generate`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and leave with its exit code.

    The codes: 0, all is well; 1, an import rejected rows, or a checked file differs; 2, the command could not be
    carried out.
    """
    try:
        from crmkit.cli.command import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"cyclopts", "rich"}:
            raise
        sys.stderr.write("crmkit: the command line is not installed. Run: pip install 'crmkit[cli]'\n")
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))
