"""Every task of the project; `python -m nox --list` names them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.13"]
OLDEST = PYTHONS[0]
PYPROJECT = nox.project.load_toml("pyproject.toml")
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def runs(version: str) -> bool:
    """Return whether `python<version>` is on PATH and is more than a shim without an interpreter behind it."""
    command = shutil.which(f"python{version}")
    return command is not None and subprocess.run([command, "-V"], check=False, capture_output=True).returncode == 0


def reveal_pyenv() -> None:
    """Put interpreters that pyenv has installed but not selected on PATH, and leave `python` what it is."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    hidden = [
        path.parent
        for version in PYTHONS
        if not runs(version)
        for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))[-1:]
    ]
    if hidden:
        folders = [Path(sys.executable).parent, *hidden]
        os.environ["PATH"] = os.pathsep.join([*map(str, folders), os.environ["PATH"]])


reveal_pyenv()
nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
# On a desk one of the two interpreters is enough; with neither, or on the build machine, nothing may pass unseen.
nox.options.error_on_missing_interpreters = IN_CI or not any(map(runs, PYTHONS))
nox.options.sessions = ["lint", "types", "docs", "demo", "tests"]


def group(*names: str) -> tuple[str, ...]:
    """Return the requirements of dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the whole suite on every store; arguments go to pytest."""
    session.install("-e", ".[all]", *group("test"))
    # One file, one worker: the snippets of a document build on each other. Each worker starts a MongoDB of its own.
    session.run("pytest", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", *session.posargs)


@nox.session(python=OLDEST)
def long(session: nox.Session) -> None:
    """Search for what the usual tests do not meet, for minutes; arguments go to pytest."""
    session.install("-e", ".[all]", *group("test"))
    session.run("pytest", "-m", "long", "--numprocesses=auto", "--maxprocesses=4", *session.posargs)


@nox.session(python=OLDEST)
def demo(session: nox.Session) -> None:
    """Import a messy legacy export into SQLite and print its funnel."""
    session.install(".[cli]")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style, format and the ranks of the modules."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Check the types with mypy and pyright."""
    session.install("-e", ".[all]", *group("types", "bench"))
    session.run("mypy")
    session.run("pyright")


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Build the documents; a warning is a failure."""
    session.install("-e", ".[all]", *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "build/docs", *session.posargs)


@nox.session(python=OLDEST)
def generate(session: nox.Session) -> None:
    """Write the generated sources and documents again; with `-- --check`, only check whether they are up to date."""
    session.install("-e", ".[all]", *group("lint"))
    session.run("python", "-m", "tools.generate", *session.posargs)


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Time crmkit beside the drivers and its peers, in one run."""
    session.install("-e", ".[all]", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)
