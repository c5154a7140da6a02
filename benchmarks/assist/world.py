"""The plan that proposals are measured in: the five templates and the example shop in one app."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from trackplane.assist.templates import templates
from trackplane.plan import load_plan
from trackplane.plan.model import Plan

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "plan.yaml"
APP = "super"


@cache
def world() -> Plan:
    """Return one app's plan; what two parts call alike, the shop's is prefixed."""
    plans = [template.plan for template in templates().values()]
    shop = load_plan(SHOP.read_text(encoding="utf-8"))
    events, groups, types = {}, {}, {}
    for plan in plans:
        events |= plan.events
        groups |= plan.groups
        types |= plan.types
    named = {name: f"shop_{name}" if name in groups else name for name in shop.groups}
    groups |= {named[name]: group for name, group in shop.groups.items()}
    types |= {f"shop_{n}" if n in types else n: shape for n, shape in shop.types.items()}
    for name, spec in shop.events.items():
        moved = msgspec.structs.replace(spec, groups=tuple(named[g] for g in spec.groups))
        events[f"shop_{name}" if name in events else name] = moved
    owned = {
        name: msgspec.structs.replace(spec, app=APP, event=name) for name, spec in events.items()
    }
    return Plan(app=APP, events=owned, groups=groups, types=types)
