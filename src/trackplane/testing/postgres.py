"""A throwaway PostgreSQL on loopback, for tests and benchmarks. Never for data that matters.

It takes Debian's package, installs it if it may, and writes nothing but a temporary folder. A
privileged caller runs it as the user ``postgres``, since PostgreSQL refuses to run as root. It ends
with its caller, even one that is killed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from trackplane.errors import TrackplaneError

_USER: Final = "postgres"
_START_S: Final = 60
_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
max_connections = 200
log_min_messages = warning
"""
_UNSAFE: Final = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


class NoPostgresError(TrackplaneError):
    """PostgreSQL is not there and cannot be installed, or does not start."""

    code = "no_postgres"


class PostgresServer:
    """A server that runs while the block lasts; ``durable`` ones sync, which takes time."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._programs = _programs()
        self._databases = 0

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            NoPostgresError: it does not start.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="trackplane-postgres-"))
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        data = self._folder / "data"
        self._run(
            "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync",
        )  # fmt: skip
        self.port = _free_port()
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{_SETTINGS}port = {self.port}\n{'' if self._durable else _UNSAFE}")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and remove what it wrote."""
        self._process.send_signal(signal.SIGQUIT)  # at once: nothing has to be kept
        self._process.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop the server; its databases are kept until the block ends."""
        self._process.send_signal(signal.SIGINT)  # ends sessions, then stops
        self._process.wait(60)

    def start(self) -> None:
        """Start a stopped server again, on the same port.

        Raises:
            NoPostgresError: it does not start.
        """
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [*_as_user("QUIT"), self._programs / "postgres", "-D", self._folder / "data"],
                stdout=log,
                stderr=log,
                cwd="/",
            )
        self._wait()

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://test@127.0.0.1:{self.port}/{database}"

    def new_database(self, *, like: str = "template0") -> str:
        """Make a database, empty or a copy of another that nobody is connected to; return its URL."""
        self._databases += 1
        name = f"made_{self._databases}"
        self._run(
            "psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "test", "-d", "postgres",
            "-c", f"CREATE DATABASE {name} TEMPLATE {like}",
        )  # fmt: skip
        return self.url(name)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        ready = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run([self._programs / ready[0], *ready[1:]], check=False).returncode:  # noqa: S603
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "log").read_text(errors="replace")
                raise NoPostgresError(f"PostgreSQL does not start: {said[-500:]}")
            time.sleep(0.02)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*_as_user(), self._programs / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if done.returncode:
            raise NoPostgresError(f"{program} failed: {done.stderr[-500:]}")


def _programs() -> Path:
    """Return the folder of the newest installed server's programs; install one if there is none.

    Raises:
        NoPostgresError: there is none, and it cannot be installed.
    """
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # Keeps the package from making and starting a cluster of its own.
        quiet = Path("/etc/postgresql-common/createcluster.conf")
        if not quiet.exists():
            quiet.parent.mkdir(parents=True, exist_ok=True)
            quiet.write_text("create_main_cluster = false\n")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "postgresql"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], install):
            subprocess.run(command, check=False, capture_output=True, env=environment)  # noqa: S603
        found = _installed()
    if found is None:
        raise NoPostgresError(
            "PostgreSQL is not installed", hint="apt-get install postgresql, as root"
        )
    return found


def _installed() -> Path | None:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    having = [folder for folder in folders if (folder / "initdb").exists()]
    return max(having, key=lambda folder: (len(str(folder)), str(folder)), default=None)


def _as_user(at_death: str = "") -> list[str]:
    """Return the words that run what follows as the server's user; it gets a signal if we die."""
    words = ["setpriv"]
    if os.geteuid() == 0:
        words += [f"--reuid={_USER}", f"--regid={_USER}", "--init-groups"]
    if at_death:
        words.append(f"--pdeathsig={at_death}")
    return words if len(words) > 1 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
