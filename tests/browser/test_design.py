"""Design, review, impact, approval and enforcement in a real browser, by people of several roles."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from trackplane.control.console import STATIC
from trackplane.demo.example import example_text
from trackplane.demo.platform import Platform
from trackplane.errors import UnavailableError

_SCRIPTS: Final = Path(__file__).parents[2] / "console" / "e2e"
# Who there is: the role of the token, and the teams.
PEOPLE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "ann": ("designer", ("growth",)),
    "ben": ("data_owner", ("checkout",)),
    "cat": ("developer", ("checkout", "web")),
    "dan": ("viewer", ()),
}
VERSIONS: Final = ("8.4.0", "9.2.0", "9.10.1", "10.0.0")
PLATFORMS: Final = ("desktop", "mobile", "tablet")


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_a_change_is_designed_reviewed_assessed_approved_and_enforced(tmp_path: Path) -> None:
    """Each person signs in with a token of their own; the collector judges before and after."""
    assert (STATIC / "index.html").is_file(), "the console was not built: run `make console`"
    with Platform(tmp_path) as platform:
        platform.wait_ready()
        scene = prepare(platform)
        drive(platform, scene)


def prepare(platform: Platform) -> dict[str, Any]:
    """Set up an app under review, people, teams, tokens and traffic; return what a browser needs."""
    call = platform.call
    body = {"app": "shop", "title": "Shop", "validation": "enforce", "allow_list": "warn"}
    call("POST", "/apps", json=body | {"review": "required"})
    for person in PEOPLE:
        profile = {"name": person.title(), "email": f"{person}@example.com"}
        call("PUT", f"/people/{person}", etag="*", json=profile)
    for team in sorted({team for _, teams in PEOPLE.values() for team in teams}):
        members = [person for person, (_, teams) in PEOPLE.items() if team in teams]
        call("PUT", f"/teams/{team}", etag="*", json={"title": team.title(), "members": members})
    tokens = {
        person: call("POST", "/tokens", json={"name": person, "role": role, "person": person})
        for person, (role, _) in PEOPLE.items()
    }
    plan = {"files": {"plan.yaml": example_text("plan.yaml")}, "message": "the example"}
    call("PUT", "/apps/shop/plan", etag=platform.etag("/apps/shop/plan"), json=plan)
    key = str(call("POST", "/apps/shop/keys", json={"env": "prod"})["key"])
    _await(lambda: "accepted" in send(platform, key, [purchase(0)]), "the plan on the collector")
    events = list(purchases(240))
    for start in range(0, len(events), 40):
        outcomes = set(send(platform, key, events[start : start + 40]))
        assert outcomes <= {"accepted", "warned"}, outcomes
    _await(lambda: stored(platform) >= len(events), "the traffic in the lake")
    return {
        "tokens": {person: token["token"] for person, token in tokens.items()},
        "admin": platform.token,
        "key": key,
        "collector": platform.collector_url,
    }


def purchases(count: int) -> Iterator[dict[str, Any]]:
    """Yield purchases of several platforms and app versions; the newest ones say how was paid."""
    for number in range(1, count + 1):
        version = VERSIONS[(number * 7 + number // 5) % len(VERSIONS)]
        event = purchase(number, version, PLATFORMS[number % 7 % len(PLATFORMS)])
        if version == VERSIONS[-1]:
            event["what"]["method"] = "wallet" if number % 3 else "card"
        yield event


def purchase(number: int, version: str = "9.2.0", platform: str = "mobile") -> dict[str, Any]:
    """Return a purchase that fits the example's plan."""
    total = {"value": 10.0 + number % 90, "currency": "SGD"}
    return {
        "id": f"design-{number}-{version}",
        "event": "purchase",
        "when": {"client": time.time_ns() // 1_000_000},
        "who": {"user_id": f"u{number % 50}", "session_id": f"s{number % 60}"},
        "how": {"platform": platform, "app_version": version},
        "what": {"order_id": f"ORD-{10_000 + number}", "total": total}
        | ({"amount": total["value"]} if version.startswith("8.") else {}),
    }


def send(platform: Platform, key: str, events: list[dict[str, Any]]) -> list[str]:
    """Send one upload; return what became of each event."""
    answer = httpx.post(
        f"{platform.collector_url}/v1/records",
        headers={"Authorization": f"Bearer {key}"},
        json={"header": {}, "events": events},
        timeout=20,
        trust_env=False,
    )
    if not answer.is_success:
        return []
    return [outcome["disposition"] for outcome in answer.json()["events"]]


def stored(platform: Platform) -> int:
    """Return how many events the lake holds."""
    counts = platform.call("GET", "/status")["ledger"]
    return sum(row["count"] for row in counts if row["kind"] == "stored")


def drive(platform: Platform, scene: Mapping[str, Any]) -> None:
    """Run the browser's part of the story."""
    node = shutil.which("node")
    assert node, "Node.js is not on the PATH; the console's browser test is driven by it"
    given = {"TRACKPLANE_CONSOLE_URL": platform.url, "TRACKPLANE_SCENE": json.dumps(scene)}
    answer = subprocess.run(
        [node, str(_SCRIPTS / "design.mjs")],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(answer.stdout)
    assert answer.returncode == 0, f"{answer.stdout[-6000:]}\n{answer.stderr[-6000:]}"


def _await(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (UnavailableError, httpx.HTTPError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come in a minute")
