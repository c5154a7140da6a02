"""A catalogue of 200,000 events with 20 properties: building it, changing it, asking it."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Iterator
from typing import Any

from trackplane.assist import Catalogue, propose, read_design
from trackplane.plan.model import EventSpec, Property

EVENTS = int(os.environ.get("BENCHMARK_EVENTS", "200000"))
ASKED = 100
THINGS = [
    "order",
    "cart",
    "product",
    "coupon",
    "user",
    "page",
    "video",
    "live",
    "room",
    "gift",
    "comment",
    "post",
    "feed",
    "ad",
    "banner",
    "search",
    "result",
    "course",
    "lesson",
    "project",
    "task",
    "file",
    "member",
    "team",
    "plan",
    "seat",
    "invoice",
    "hero",
    "match",
    "stage",
    "quest",
    "skin",
    "item",
    "coin",
    "shop",
    "category",
    "detail",
    "address",
    "wallet",
    "card",
    "refund",
    "review",
    "photo",
    "album",
    "song",
    "playlist",
    "chapter",
    "book",
    "ticket",
    "hotel",
    "flight",
]
PLACES = [
    "home",
    "detail",
    "list",
    "mine",
    "settings",
    "vip",
    "new",
    "old",
    "main",
    "side",
    "top",
    "bottom",
    "popup",
    "dialog",
    "card",
    "tab",
    "header",
    "hot",
    "daily",
    "pro",
]
DEEDS = [
    "click",
    "view",
    "show",
    "submit",
    "success",
    "fail",
    "start",
    "end",
    "open",
    "close",
    "create",
    "delete",
    "update",
    "share",
    "like",
    "save",
    "load",
    "enter",
    "leave",
]
ENDINGS = ["id", "name", "type", "count", "index", "price", "status", "source", "duration", "time"]
CHINESE = ["点击", "曝光", "提交", "成功", "失败", "进入"]
SHAPES = (
    Property(type=("string",)),
    Property(type=("integer",)),
    Property(type=("number",), min=0),
    Property(type=("string",), enum=("a", "b", "c")),
)


def event(random_: random.Random, app: str, number: int) -> EventSpec:
    at = random_.randrange(len(THINGS))
    name = f"{THINGS[at]}_{random_.choice(PLACES)}_{random_.choice(DEEDS)}_{number % 9973}"
    held: dict[str, Property] = {}
    while len(held) < 20:
        near = THINGS[(at + random_.randrange(4)) % len(THINGS)]
        key = f"{near}_{random_.choice(ENDINGS)}"
        if random_.random() < 0.05:
            key = f"{key}_{number % 997}"
        held[key] = SHAPES[len(key) % len(SHAPES)]
    title = {"en": name.replace("_", " "), "zh": f"商品{random_.choice(CHINESE)}"}
    return EventSpec(
        app=app, event=name, title=title, groups=("common",), properties={"what": held}
    )


def rows() -> Iterator[dict[str, Any]]:
    random_ = random.Random(5)
    apps: dict[str, dict[str, EventSpec | None]] = {}
    for number in range(EVENTS):
        app = f"app{number % 200}"
        made = event(random_, app, number)
        apps.setdefault(app, {})[made.event] = made
    case = f"catalogue of {EVENTS:,} events, 20 properties each"
    before, started, wall = _peak(), time.process_time(), time.monotonic()
    catalogue = Catalogue()
    for app, specs in apps.items():
        catalogue.change(app, specs)
    yield {
        **_row(f"{case}: build"),
        "events": len(catalogue),
        "cpu_s": round(time.process_time() - started, 2),
        "wall_s": round(time.monotonic() - wall, 2),
        "peak_mb": round(_peak() - before),
    }
    took = []
    for number in range(ASKED):
        app = f"app{number}"
        like = event(random_, app, number)
        lines = ", ".join(f"{name}: string" for name in list(like.properties["what"])[:6])
        design = read_design(f"{like.event}_x", f"title: {like.event}\nwhat: {{{lines}}}")
        started = time.process_time()
        propose(catalogue, design, app=app, apps=None if number % 2 else [app])
        took.append(1000 * (time.process_time() - started))
    yield _times(f"{case}: proposals for a design, CPU", took)
    took = []
    for number in range(ASKED):
        app = f"app{number}"
        changed = event(random_, app, number)
        started = time.process_time()
        catalogue.change(app, {changed.event: changed})
        took.append(1000 * (time.process_time() - started))
    yield _times(f"{case}: one event changed, CPU", took)


def _times(case: str, took: list[float]) -> dict[str, Any]:
    took.sort()
    return {
        **_row(case),
        "value": round(took[len(took) // 2], 2),
        "unit": "ms",
        "p99": round(took[int(0.99 * len(took))], 2),
    }


def _row(case: str) -> dict[str, Any]:
    return {"benchmark": "assist", "case": case, "subject": "trackplane"}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
