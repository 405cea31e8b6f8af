"""Copies of the project, to which a test adds something before it uses them in a process of their own."""

import os
import shutil
import subprocess
import sys

from tests.conftest import ROOT
from tools import generate


def copied(root):
    """Copy the project to a folder, and return that."""
    for folder in ("src", "tools", "docs/reference/entities"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def appended(path, text):
    """Write text at the end of a file."""
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def inserted(path, before, text):
    """Write text in front of a text that stands in a file once."""
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1, before
    path.write_text(source.replace(before, text + before), encoding="utf-8")


def run(root, *arguments):
    """Run Python in a copy, and return how it ended."""
    # What the tests share comes from the project itself; all else from the copy, which stands in front.
    paths = os.pathsep.join([str(root / "src"), str(root), str(ROOT)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def python(root, *arguments):
    """Run Python in a copy, and return what it printed."""
    done = run(root, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed_by_hand(root):
    """Return the files of a copy that differ from the project's, but for those that are generated."""
    paths = {path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.suffix in {".py", ".md"}}
    changed = {
        path
        for path in paths
        if not (ROOT / path).is_file() or (root / path).read_bytes() != (ROOT / path).read_bytes()
    }
    return {path.as_posix() for path in changed - set(generate.sources()) - set(generate.documents())}
