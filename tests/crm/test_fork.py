"""Hosts that connect and then fork: the workers share neither ids nor connections nor sessions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")

SCRIPT = Path(__file__).with_name("prefork.py")
PERSISTENT = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)
IDS = """
import datetime as dt, os, sys
from crmkit import UTC, connect
now = dt.datetime(2026, 1, 1, tzinfo=UTC)  # a clock that stands, so that chance alone tells the workers apart
crm = connect("memory://", clock=lambda: now)
crm.environment.ids()
for _ in range(8):
    if not os.fork():
        sys.stdout.write("".join(f"{crm.environment.ids()}\\n" for _ in range(2500)))
        sys.stdout.flush()
        os._exit(0)
for _ in range(8):
    os.wait()
"""
INHERITED = """
import os, sys
from crmkit import Customer, SessionInUse, connect, system
with connect(sys.argv[1]) as crm:
    with crm.session(system("x")) as s:
        s.customers.add(Customer(name="Acme"))
        if not os.fork():
            told = []
            try:
                try:
                    s.customers.count()
                except SessionInUse as error:
                    told.append(error.code)
                s.__exit__(None, None, None)
            except SessionInUse as error:
                told.append(error.code)
            print(*told)
            sys.stdout.flush()
            os._exit(0)
        os.wait()
        s.customers.add(Customer(name="Beta"))
    with crm.session(system("x")) as s:
        print(s.customers.count())
"""


def output(*command: object) -> str:
    environment = {**os.environ, "PYTHONWARNINGS": "error,ignore:This process:DeprecationWarning"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr == ""
    return done.stdout


def test_workers_do_not_make_the_same_ids() -> None:
    ids = output("-c", IDS).split()
    assert (len(ids), len(set(ids))) == (20_000, 20_000)


@PERSISTENT
def test_workers_go_on_with_connections_of_their_own(store_url: str) -> None:
    assert output(SCRIPT, store_url, 4, 100) == "400 400 401\n"


@pytest.mark.long
@PERSISTENT
def test_eight_workers_add_twenty_thousand_records(store_url: str) -> None:
    assert output(SCRIPT, store_url, 8, 2_500) == "20000 20000 20001\n"


def test_a_session_stays_with_the_process_that_opened_it(store_url: str) -> None:
    assert output("-c", INHERITED, store_url) == "session_in_use session_in_use\n2\n"
