"""What the demo tries on live traffic: a candidate in the shadow, and a canary that fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from trackplane.demo.platform import Platform

Say = Callable[[str], None]

# Worth of a cart rounded to whole units: the shadow finds the rows that differ.
SHADOW: Final = """\
rule: cart_adds
from: events
apps: [shop]
where: event == "add_to_cart" and what.quantity > 0
select:
  id: id
  user: coalesce(who.user_id, who.anonymous_id)
  sku: upper(trim(what.sku))
  quantity: what.quantity
  worth: round(what.price * float(what.quantity))
  at: when.at
to: shop.cart_adds
owner: team:checkout
"""
# Takes the words of a search for a number: nearly every event fails.
CANARY: Final = """\
rule: searches
from: events
apps: [shop]
where: event == "search" and what.query is not None
on_error: dirty
select:
  id: id
  words: lower(trim(what.query))
  length: int(what.query)
  results: what.results
  found: coalesce(what.results, 0) > 0
  at: when.at
to: shop.searches
owner: team:search
"""
_LIMITS: Final = {"error_rate": 0.05, "min_events": 30}


def begin(platform: Platform) -> None:
    """Start the shadow and the canary."""
    shadow = {"source": SHADOW, "minutes": 5, "rate": 0.5}
    platform.call("POST", "/rules/cart_adds/shadow", json=shadow)
    canary = {"source": CANARY, "percent": 20, "limits": _LIMITS, "reason": "length as a number"}
    platform.call("POST", "/rules/searches/canary", json=canary)


def show(platform: Platform, say: Say, *, seconds: float = 20) -> bool:
    """Tell what the shadow found and that the canary was taken back; say whether both were seen."""
    seen = _show_shadow(platform, say, seconds)
    return _show_canary(platform, say, seconds) and seen


def replay(platform: Platform, say: Say, *, seconds: float = 30) -> bool:
    """Replay what the canary failed on by the rule that is in force again; say whether all of it went."""
    selection = {"app": "shop", "stage": "rule", "rule": "searches", "limit": 10_000}
    made = platform.call(
        "POST", "/dirty/replays", json={"selection": selection, "reason": "the canary is gone"}
    )
    path = f"/dirty/replays/{made['id']}"
    done = _poll(lambda: platform.call("GET", path), lambda r: r["status"] != "running", seconds)
    say(
        f"  replay: {done['resolved']} of {done['selected']} events that the canary failed on went"
        " through the rule in force, each once"
    )
    return bool(done["status"] == "done" and done["resolved"] == done["selected"])


def _show_shadow(platform: Platform, say: Say, seconds: float) -> bool:
    path = "/rules/cart_adds/shadow"
    found = _poll(lambda: platform.call("GET", path), lambda r: r["changed"], seconds)
    platform.call("DELETE", path)
    say(
        f"  shadow of cart_adds: {found['events']:,} events through both versions on"
        f" {found['nodes']} nodes: {found['equal']:,} rows equal, {found['changed']:,} changed"
        f" ({', '.join(f['field'] for f in found['fields'])}), {found['skipped']:,} skipped"
    )
    for sample in [s for s in found["samples"] if s["kind"] == "changed"][:1]:
        for field in sample["fields"]:
            say(f"    e.g. {field}: {sample['old'][field]} -> {sample['new'][field]}")
    return bool(found["changed"])


def _show_canary(platform: Platform, say: Say, seconds: float) -> bool:
    path = "/rules/searches/canary"
    found = _poll(lambda: platform.call("GET", path), lambda r: r["status"] != "running", seconds)
    if found["status"] != "rolled_back":
        say(f"  canary of searches: NOT taken back after {seconds:g} s")
        platform.call("DELETE", path)
        return False
    took = (found["ended_at"] - found["started_at"]) / 1000
    say(f"  canary of searches, taken back by itself after {took:.1f} s: {found['message']}")
    return True


def _poll(
    read: Callable[[], dict[str, Any]], met: Callable[[dict[str, Any]], object], seconds: float
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if met(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
