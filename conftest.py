"""Runs what the documents and the docstrings show."""

import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

pytest_plugins = ["crmkit.testing.plugin"]


def enter(namespace: dict[str, Any]) -> None:
    """Let the examples of one document write their files into a folder that is thrown away."""
    folder = tempfile.TemporaryDirectory(prefix="crmkit-docs-")
    namespace["_leave"] = (Path.cwd(), folder)
    os.chdir(folder.name)


def leave(namespace: dict[str, Any]) -> None:
    """Return to where the tests run."""
    home, folder = namespace["_leave"]
    os.chdir(home)
    namespace.clear()
    folder.cleanup()


documents = Sybil([PythonCodeBlockParser(), SkipParser()], pattern="*.md", setup=enter, teardown=leave)
docstrings = Sybil([DocTestParser()], path="src", pattern="*.py", setup=enter, teardown=leave)
pytest_collect_file = (documents + docstrings).pytest()
