"""The platform under demonstration, driven from outside: processes, signals and HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from trackplane.errors import UnavailableError


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Platform:
    """``trackplane up`` in a folder of its own, on free ports.

    ``settings`` are sections laid over its own settings file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        settings: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.console_port, self.grpc_port, self.collector_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.console_port}"
        self.collector_url = f"http://127.0.0.1:{self.collector_port}"
        self.token = ""
        self._workers = workers
        self._settings = settings or {}
        self._killed: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()

    def start(self) -> None:
        """Start it and wait until it takes events.

        Raises:
            UnavailableError: it is not ready after a minute; the message holds its last output.
        """
        self._process = self.launch("up")
        self._wait(self._signed_in, "the control plane")

    def configure(self) -> Path:
        """Write the settings file; return its path."""
        settings: dict[str, Any] = {
            "control": {"port": self.console_port, "grpc_port": self.grpc_port},
            "collector": {"port": self.collector_port},
            "supervisor": {"workers": self._workers},
        }
        for section, values in self._settings.items():
            settings[section] = settings.get(section, {}) | dict(values)
        settings["data"] = str(self.data)
        config = self.folder / "trackplane.yaml"
        config.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        return config

    def launch(self, verb: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a verb that runs; its output is added to ``log``."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKPLANE_")}
        command = [sys.executable, "-m", "trackplane.cli", verb, *arguments]
        with (self.folder / "up.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--config", str(self.configure())],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def _signed_in(self) -> bool:
        if not self.token:
            found = re.search(r"\btpt_\S+", self.log())
            if not found:
                return False
            self.token = found[0]
        return self._http.get(f"{self.url}/api/v1/session", headers=self._headers()).is_success

    def wait_ready(self) -> None:
        """Wait until the collector takes events.

        Raises:
            UnavailableError: it does not within a minute.
        """
        self._wait(
            lambda: self._http.get(f"{self.collector_url}/health/ready").is_success, "the collector"
        )

    def _wait(self, ready: Any, what: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                if ready():
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise UnavailableError(f"{what} did not come up:\n{self.log()[-4000:]}")

    def log(self) -> str:
        """Return what the platform printed so far."""
        return (self.folder / "up.log").read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Ask it to drain and end; kill what is left after 30 s."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def settled(self) -> bool:
        """Say whether every process that should run does, and the collector takes events."""
        try:
            table = json.loads((self.data / "run" / "processes.json").read_text(encoding="utf-8"))
            ready = self._http.get(f"{self.collector_url}/health/ready").is_success
        except (OSError, ValueError, httpx.HTTPError):
            return False
        pids = {name: entry["pid"] for name, entry in table.items()}
        return ready and not self._killed & set(pids.values()) and all(map(_alive, pids.values()))

    def kill(self, *names: str) -> list[str]:
        """Kill -9 the processes whose name starts with one of ``names``; return who died."""
        table = json.loads((self.data / "run" / "processes.json").read_text(encoding="utf-8"))
        died = []
        for name, entry in table.items():
            if name.startswith(names):
                try:
                    os.kill(entry["pid"], signal.SIGKILL)
                    self._killed.add(entry["pid"])
                    died.append(name)
                except ProcessLookupError:
                    continue
        return died

    def _headers(self, token: str = "") -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.token}"}

    def call(
        self, method: str, path: str, *, etag: str | None = None, token: str = "", **parts: Any
    ) -> Any:
        """Return the JSON of an API call, by the first admin's token or another.

        Raises:
            UnavailableError: the answer is not a success; the message holds it.
        """
        headers = self._headers(token) | ({"If-Match": etag} if etag else {})
        answer = self._http.request(method, f"{self.url}/api/v1{path}", headers=headers, **parts)
        if not answer.is_success:
            raise UnavailableError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def etag(self, path: str) -> str:
        """Return the ETag of a resource."""
        answer = self._http.get(f"{self.url}/api/v1{path}", headers=self._headers())
        return str(answer.headers.get("ETag", "*"))

    def lag(self) -> int:
        """Return the messages that are in the queue and not yet committed."""
        rows = self.call("GET", "/status")["lag"]
        return sum(row["lag"] for row in rows)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
    except OSError:
        return False
