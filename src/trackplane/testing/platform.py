"""A running platform for tests: set up with the example shop, driven over HTTP and by signals."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import httpx

from trackplane.demo.check import documents
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.errors import UnavailableError

_DEADLINE_S: Final = 30.0
Rows = list[list[Any]]


def until(holds: Callable[[], object], what: str, *, seconds: float = _DEADLINE_S) -> None:
    """Poll until something holds; a storage or network error counts as not yet.

    Raises:
        AssertionError: it does not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = holds()
            if last:
                return
        except (UnavailableError, httpx.HTTPError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {seconds} s; last: {last}")


def event(number: int, name: str = "home", **parts: Any) -> dict[str, Any]:
    """Return a native event whose id tells its number."""
    return {"id": f"{name}-{number}", "event": name, "when": {"client": 1_000 + number}} | parts


class Shop:
    """The example shop on a platform: validation enforced, unplanned events warned."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.http = httpx.Client(timeout=20, trust_env=False)
        self.key = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def set_up(self) -> Self:
        """Create the app, its plan, datasets and rules, and a write key."""
        call = self.platform.call
        call("POST", "/apps", json={"app": "shop", "validation": "enforce", "allow_list": "warn"})
        self.put_plan(example_text("plan.yaml"))
        for source in documents(example_text("datasets.yaml")):
            call("POST", "/datasets", json={"source": source})
        for source in documents(example_text("rules.yaml")):
            call("POST", "/rules", json={"source": source})
        answer = call("POST", "/apps/shop/keys", json={"env": "prod"})
        self.key = str(answer["key"])
        return self

    def put_plan(self, source: str) -> int:
        """Make a text the plan; return the number it came with."""
        path = "/apps/shop/plan"
        body = {"files": {"plan.yaml": source}, "message": "test"}
        answer = self.platform.call("PUT", path, etag=self.platform.etag(path), json=body)
        return int(answer["number"])

    def await_number(self, number: int) -> float:
        """Wait until every connected node runs a number; return how long it took to, in ms.

        Number 0 says that nothing changed.
        """
        if not number:
            return 0.0
        path = f"/rulesets/{number}"
        found: list[float] = []

        def effective() -> bool:
            state = self.platform.call("GET", path)
            if state["nodes"] and state["effective_ms"] is not None:
                found.append(float(state["effective_ms"]))
            return bool(found)

        until(effective, f"number {number} on every node")
        return found[0]

    def send(self, events: Sequence[Mapping[str, Any]], *, key: str = "") -> httpx.Response:
        """POST one native upload."""
        return self.http.post(
            f"{self.platform.collector_url}/v1/records",
            headers={"Authorization": f"Bearer {key or self.key}"},
            json={"header": {}, "events": list(events)},
        )

    def deliver(self, events: Sequence[Mapping[str, Any]], *, key: str = "") -> list[str]:
        """Send until taken, as a client retries; return the dispositions."""
        answers: list[httpx.Response] = []

        def taken() -> bool:
            answer = self.send(events, key=key)
            if answer.status_code == httpx.codes.OK:
                answers.append(answer)
            return bool(answers)

        until(taken, "an upload's acknowledgement")
        return [outcome["disposition"] for outcome in answers[0].json()["events"]]

    def query(self, sql: str, *, token: str = "", **parts: Any) -> Rows:
        """Return the rows of a query."""
        headers = {"Authorization": f"Bearer {token or self.platform.token}"}
        body = {"sql": sql, **parts}
        url = f"{self.platform.url}/api/v1/query"
        answer = self.http.post(url, headers=headers, json=body)
        if not answer.is_success:
            raise UnavailableError(f"query: {answer.status_code} {answer.text}")
        rows: Rows = answer.json()["rows"]
        return rows

    def ids(self, view: str = "events", like: str = "%") -> list[str]:
        """Return the ids of a view's rows, sorted, doubles included."""
        sql = f"SELECT id FROM {view} WHERE id LIKE '{like}' ORDER BY id"  # noqa: S608 a test's text
        return [row[0] for row in self.query(sql, limit=100_000)]

    def counts(self) -> dict[str, int]:
        """Return the ledger's counts of this app by kind."""
        found: dict[str, int] = {}
        for row in self.platform.call("GET", "/status")["ledger"]:
            if row["app"] == "shop":
                found[row["kind"]] = found.get(row["kind"], 0) + row["count"]
        return found


class LooseProcesses(Platform):
    """The platform's processes without a supervisor: each is started and ended alone."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, Mapping[str, object]] | None = None
    ) -> None:
        super().__init__(folder, settings=settings)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start the control plane only."""
        self.run("control")
        self._wait(self._signed_in, "the control plane")

    def run(self, name: str) -> None:
        """Start ``control``, ``collector`` or a worker of this name."""
        worker = name.startswith("worker")
        arguments = ("worker", "--name", name) if worker else (name,)
        self.processes[name] = self.launch(*arguments)

    def interrupt(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal."""
        self.processes[name].send_signal(number)

    def end(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """End a process and wait for it; return its exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(30)

    def stop(self) -> None:
        """End whatever runs."""
        for name in list(self.processes):
            self.interrupt(name, signal.SIGCONT)
            self.end(name)

    def members(self, group: str) -> dict[str, int]:
        """Return how many partitions each member of a consumer group owns, from the node reports."""
        owned = {}
        for node in self.call("GET", "/status")["nodes"]:
            for consumer in node["stats"].get("consumers", ()):
                if node["connected"] and consumer["group"] == group:
                    owned[node["node"]] = int(consumer["partitions"])
        return owned


def lines(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of a server-sent event stream's ``data:`` lines."""
    return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
