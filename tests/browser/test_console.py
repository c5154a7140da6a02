"""The console in a real browser, on a real platform with traffic."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from trackplane.control.console import STATIC
from trackplane.demo.check import documents
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.demo.sessions import generated
from trackplane.demo.traffic import replay

_SCRIPTS = Path(__file__).parents[2] / "console" / "e2e"


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_the_console_does_its_jobs_in_a_browser(tmp_path: Path) -> None:
    """A fresh platform, then one with traffic: every page, both languages and schemes, axe."""
    assert (STATIC / "index.html").is_file(), (
        "the console was not built: run `make console` (npm run build in console/, "
        "copied to src/trackplane/control/static) and try again"
    )
    with Platform(tmp_path) as platform:
        platform.wait_ready()
        _drive(platform, "empty.mjs")
        key = _set_up(platform)
        events = _events()
        for _ in range(8):
            _send(platform, key, list(islice(events, 50)))
        _wait_until_stored(platform)
        with _traffic(platform, key, events):
            _drive(platform, "run.mjs")


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_what_is_planned_is_found_understood_and_edited(tmp_path: Path) -> None:
    """Catalogue, event and metric pages, the editor, plans: on real events, some of them unplanned."""
    with Platform(tmp_path) as platform:
        platform.wait_ready()
        key = _set_up(platform)
        events = _events()
        for _ in range(8):
            _send(platform, key, list(islice(events, 50)))
        _send(platform, key, list(islice(_unplanned(), 40)))
        _wait_until_stored(platform)
        _wait_until_counted(platform)
        with _traffic(platform, key, events):
            _drive(platform, "find.mjs")


def _drive(platform: Platform, script: str) -> None:
    """Run one of the console's browser scripts against the platform."""
    node = shutil.which("node")
    assert node, "Node.js is not on the PATH; the console's browser test is driven by it"
    answer = subprocess.run(
        [node, str(_SCRIPTS / script)],
        env=os.environ
        | {"TRACKPLANE_CONSOLE_URL": platform.url, "TRACKPLANE_TOKEN": platform.token},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(answer.stdout)
    assert answer.returncode == 0, f"{answer.stdout[-6000:]}\n{answer.stderr[-6000:]}"


def _set_up(platform: Platform) -> str:
    """Create the app, its plan, datasets and rules as the demo does; return a write key."""
    platform.call("POST", "/apps", json={"app": "shop", "title": "Shop", "validation": "warn"})
    platform.call(
        "PUT",
        "/apps/shop/plan",
        etag=platform.etag("/apps/shop/plan"),
        json={"files": {"plan.yaml": example_text("plan.yaml")}, "message": "the example"},
    )
    for source in documents(example_text("datasets.yaml")):
        platform.call("POST", "/datasets", json={"source": source})
    for source in documents(example_text("rules.yaml")):
        platform.call("POST", "/rules", json={"source": source})
    return str(platform.call("POST", "/apps/shop/keys", json={"env": "prod"})["key"])


def _events() -> Iterator[dict[str, Any]]:
    """Yield the example's made-up sessions without end; every sixteenth event breaks its plan."""
    sessions = generated(300)
    for round_ in count():
        for number, planned in enumerate(replay(sessions, round_=round_, today=date(2026, 1, 1))):
            event: dict[str, Any] = {
                "id": planned.id,
                "event": planned.name,
                "when": {"client": time.time_ns() // 1_000_000},
                "who": {"user_id": planned.user, "session_id": planned.session},
                "where": {"page": planned.page},
                "how": {"platform": planned.platform, "app_version": "9.2.0"},
                "what": planned.what,
            }
            if number % 16 == 7:
                event["event"] = "purchase"
                event["what"] = {"order_id": 17, "total": {"value": "12", "currency": "EUR"}}
            yield event


def _unplanned() -> Iterator[dict[str, Any]]:
    """Yield clicks that nobody planned, without end."""
    for number in count():
        yield {
            "id": f"click_{number}",
            "event": "checkout_click",
            "when": {"client": time.time_ns() // 1_000_000},
            "who": {"user_id": f"u{number}"},
            "where": {"page": "/cart"},
            "how": {"platform": ("ios", "android")[number % 2], "app_version": "9.10.1"},
            "what": {"button": ("pay", "back", "help")[number % 3], "item_count": number % 5},
        }


# What real clients get wrong; none of it can be read as an event.
_BROKEN = (
    '{"id":"broken_%s","what":{"note":"no name"}}',
    '{"id":"broken_%s","event":"home","what":{"price":1e999}}',
    '{"id":"broken_%s","event":"search","what":{"query":"\\ud83d"}}',
)


def _send(platform: Platform, key: str, events: list[dict[str, Any]]) -> None:
    """Send one upload: these events, and a broken one, which becomes dirty."""
    bodies = [json.dumps(event) for event in events]
    bodies.append(_BROKEN[len(bodies[0]) % len(_BROKEN)] % events[0]["id"])
    body = '{"header":{"how":{"sdk":"browser-test/1"}},"events":[' + ",".join(bodies) + "]}"
    answer = httpx.post(
        f"{platform.collector_url}/v1/records",
        content=body,
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        timeout=20,
        trust_env=False,
    )
    assert answer.is_success, answer.text


def _wait_until_stored(platform: Platform) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        counts = {row["kind"]: row["count"] for row in platform.call("GET", "/status")["ledger"]}
        if counts.get("stored", 0) >= 300:
            return
        threading.Event().wait(0.1)
    raise AssertionError(f"the first events were not stored in a minute: {counts}")


def _wait_until_counted(platform: Platform) -> None:
    """Wait until the control plane has counted what was stored, and search knows of it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = platform.call("GET", "/apps/shop/events/purchase/insight")["seen"]
        unplanned = platform.call("GET", "/apps/shop/unplanned")["items"]
        if seen and any(one["event"] == "checkout_click" for one in unplanned):
            return
        threading.Event().wait(0.2)
    raise AssertionError("the events were not counted in a minute")


@contextmanager
def _traffic(platform: Platform, key: str, events: Iterator[dict[str, Any]]) -> Iterator[None]:
    """Send ten events five times a second until the block ends."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.2):
            try:
                _send(platform, key, list(islice(events, 10)))
            except httpx.HTTPError:
                continue

    sender = threading.Thread(target=send, name="traffic", daemon=True)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join(30)
