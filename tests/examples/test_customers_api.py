"""The example of an HTTP service, over real HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

PATIENCE = 30.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the running service, with a database of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = tmp_path_factory.mktemp("api") / "customers.db"
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "examples.customers_api:app",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DATABASE": f"sqlite:///{database}"})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            _await(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def _await(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/openapi.json")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the service did not start")


def test_the_example_is_short():
    assert len(Path(ROOT / "examples" / "customers_api.py").read_text().splitlines()) < 60


def test_a_customer_is_created_listed_filtered_and_paged(service):
    for name, country, score in (("Acme", "DE", 70), ("Bolt", "AT", 20), ("Crux", "DE", 90)):
        created = service.post("/customers", json={"name": name, "country": country, "score": score, "tags": ["new"]})
        assert created.status_code == 201
        assert created.json()["name"] == name
        assert created.json()["version"] == 1

    first = service.get("/customers", params={"limit": 2}).json()
    assert [each["name"] for each in first["items"]] == ["Acme", "Bolt"]
    rest = service.get("/customers", params={"limit": 2, "after": first["next"]}).json()
    assert ([each["name"] for each in rest["items"]], rest["next"]) == (["Crux"], None)

    found = service.get("/customers", params={"country": ["DE", "AT"], "score__gt": "50", "tags__has": "new"}).json()
    assert [each["name"] for each in found["items"]] == ["Acme", "Crux"]


def test_an_update_of_an_old_version_is_a_conflict(service):
    made = service.post("/customers", json={"name": "Dune"}).json()
    changed = service.patch(f"/customers/{made['id']}", params={"version": 1}, json={"industry": "games"})
    assert (changed.status_code, changed.json()["industry"], changed.json()["version"]) == (200, "games", 2)

    late = service.patch(f"/customers/{made['id']}", params={"version": 1}, json={"industry": "books"})
    assert (late.status_code, late.json()["code"]) == (409, "stale")
    assert "version 2, not 1" in late.json()["detail"]


def test_mistakes_are_named_with_their_places(service):
    wrong = service.post("/customers", json={"name": "", "employees": "many", "nam": "x"})
    assert wrong.status_code == 422
    assert {tuple(each["loc"]) for each in wrong.json()["detail"]} == {
        ("body", "name"), ("body", "employees"), ("body", "nam"),
    }  # fmt: skip

    wrong = service.get("/customers", params={"contry": "DE", "score__over": "1", "score__gt": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_expression")
    assert all(word in wrong.json()["detail"] for word in ("contry", "country", "over", "score__gt"))

    gone = service.patch(f"/customers/{'0' * 32}", params={"version": 1}, json={})
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


def test_the_openapi_page_knows_a_customer(service):
    assert "swagger" in service.get("/docs").text.lower()
    described = service.get("/openapi.json").json()["components"]["schemas"]["Customer"]
    assert described["required"] == ["name"]
    assert described["properties"]["country"]["anyOf"][1] == {"type": "null"}
    assert described["properties"]["version"]["readOnly"] is True
