"""Generated trackers: what the type checker says of their use, and what they send."""

from __future__ import annotations

import importlib.util
import inspect
import keyword
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trackplane.codegen import generate_python
from trackplane.demo.example import example_text
from trackplane.plan import load_plan

USE = """\
from collections.abc import Mapping

from shop_tracker import ShopTracker


class Printer:
    def send(self, event: str, properties: Mapping[str, Mapping[str, object]]) -> None:
        print(event, properties)


tracker = ShopTracker(Printer(), common={"who": {"user_id": "u1"}})
"""
CORRECT = """\
tracker.purchase(what_order_id="ORD-20419", what_total={"value": 129.5, "currency": "SGD"})
tracker.purchase(what_order_id="ORD-20419", what_amount=12, how_platform=None)
tracker.search(what_query="tea", what_results=3, common={"where": {"page": "/search"}})
tracker.coupon_apply(what_coupon="WELCOME10", what_accepted=True)
tracker.compare(what_skus=["ABC-0001"])
tracker.cart(what_items=[{"sku": "ABC-0001", "quantity": 2, "attributes": {"colour": "red"}}])
tracker.app_crash(what_stack=["a", "b"], what_context={"any": [1, None]})
tracker.order_refund(
    what_order_id="ORD-20419",
    what_total={"value": 1, "currency": "USD"},
    what_refunded_at="2026-11-23T02:00:00Z",
)
"""
# A wrong line, the code of mypy's error, and what the message names.
WRONG = [
    ("tracker.search()", "call-arg", "what_query"),
    ("tracker.search(what_query=7)", "arg-type", '"int"; expected "str"'),
    ("tracker.search(what_query=None)", "arg-type", '"None"; expected "str"'),
    ('tracker.search("tea")', "misc", "positional"),
    ('tracker.search(what_query="tea", what_result=3)', "call-arg", "what_result"),
    ("tracker.serach()", "attr-defined", "serach"),
    ('tracker.login(what_method="passkey")', "arg-type", "passkey"),
    (
        'tracker.payment_error(what_reason="other", what_total={"value": 1})',
        "arg-type",
        "Total",
    ),
    (
        'tracker.payment_error(what_reason="other", what_total={"value": 1, "currency": "EUR"})',
        "arg-type",
        "Total",
    ),
    ('tracker.cart(what_item_count="3")', "arg-type", '"str"; expected "int'),
    ('tracker.home(common={"whom": {}})', "arg-type", "Common"),
]
ODD = """\
format: 1
app: odd-shop
events:
  $page: {what: {class: {type: string, required: true}, item-count: integer, 名: string}}
  2fast: {what: {2x: integer, "-": string}}
  class: {what: {self: string, common: string}}
  a-b: {what: {x: string}}
  c_d: {what: {x: string}}
  e.f: {}
  _send: {}
  __init__: {}
  _common: {}
  订单支付: {what: {total: {type: object, properties: {from: {type: string, required: true}}}}}
  com: {what: {mon: {type: object, properties: {x: {type: string, enum: ["😀", "\\\\"]}}}}}
  3d: {what: {总: {type: object, properties: {y: integer}}, s: {type: object, properties: {z: json}}}}
  docs:
    title: "ends with \\\\ and has \\"\\"\\" quotes\\""
    what: {size: {type: number, enum: [1.5, 2]}, flag: {type: boolean, enum: [true]}}
"""


def load(source: str, folder: Path, name: str = "shop_tracker") -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mypy(folder: Path, *files: str) -> list[str]:
    """Return what mypy --strict says, without its summary."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--hide-error-context",
            "--config-file",
            "mypy.ini",
            "--cache-dir",
            str(folder / "cache"),
            *files,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": note: " not in line]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shop's tracker, a correct use, and the odd plan's tracker."""
    folder = tmp_path_factory.mktemp("codegen")
    plan = load_plan(example_text("plan.yaml"), file="plan.yaml")
    (folder / "shop_tracker.py").write_text(generate_python(plan, revision=3), encoding="utf-8")
    odd = generate_python(load_plan(ODD, file="odd.yaml"))
    (folder / "odd_tracker.py").write_text(odd, encoding="utf-8")
    (folder / "correct.py").write_text(USE + CORRECT)
    wrong = "\n".join(line for line, _, _ in WRONG)
    (folder / "wrong.py").write_text(USE + wrong + "\n")
    (folder / "mypy.ini").write_text("[mypy]\n")
    return folder


@pytest.mark.integration
def test_mypy_accepts_right_calls_and_names_each_wrong_one(shop: Path) -> None:
    """Strict; every wrong line has its error and nothing else has one."""
    lines = mypy(shop, "shop_tracker.py", "odd_tracker.py", "correct.py", "wrong.py")
    first = len(USE.splitlines()) + 1
    found: dict[int, list[str]] = {}
    for line in lines:
        match = re.fullmatch(r"wrong\.py:(\d+): error: (.+)", line)
        assert match, line
        found.setdefault(int(match[1]) - first, []).append(match[2])
    for index, (line, code, named) in enumerate(WRONG):
        errors = found.pop(index, [])
        assert any(f"[{code}]" in e and named in e for e in errors), f"{line}: {errors}"
        assert len(errors) == 1, f"{line}: {errors}"
    assert found == {}


class Collecting(list[tuple[str, Any]]):
    """A sender that keeps what it is given."""

    def send(self, event: str, properties: Any) -> None:
        self.append((event, properties))


@pytest.fixture
def sent() -> Collecting:
    return Collecting()


def test_values_go_under_their_namespaces_over_the_common_ones(
    sent: Collecting, shop: Path
) -> None:
    """Left out is not sent; None is; the call's common wins over the tracker's, values over both."""
    module = load((shop / "shop_tracker.py").read_text(), shop)
    assert module.REVISION == 3
    common = {"who": {"user_id": "u1", "device_id": "d1"}, "how": {"platform": "desktop"}}
    tracker = module.ShopTracker(sent, common=common)
    tracker.search(
        what_query="tea", how_platform=None, common={"who": {"user_id": "u2"}, "where": {}}
    )
    tracker.logout()
    assert sent == [
        (
            "search",
            {
                "who": {"user_id": "u2", "device_id": "d1"},
                "how": {"platform": None},
                "what": {"query": "tea"},
            },
        ),
        ("logout", common),
    ]
    assert common["who"] == {"user_id": "u1", "device_id": "d1"}


def test_odd_names_become_identifiers_and_are_sent_as_planned(sent: Collecting, shop: Path) -> None:
    """Every event has a method of its own, every property an argument, and the names sent are theirs."""
    module = load((shop / "odd_tracker.py").read_text(), shop, "odd_tracker")
    tracker = module.OddShopTracker(sent)
    plan = load_plan(ODD, file="odd.yaml")
    methods = {
        name: method
        for name, method in inspect.getmembers(tracker, inspect.ismethod)
        if "common" in inspect.signature(method).parameters and name not in {"__init__", "_send"}
    }
    assert len(methods) == len(plan.events)
    for name, method in methods.items():
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        names = [n for n in inspect.signature(method).parameters if n != "common"]
        method(**dict.fromkeys(names, "v"))
    assert {event for event, _ in sent} == set(plan.events)
    assert "😀" in (shop / "odd_tracker.py").read_text()
    for event, properties in sent:
        planned = set(plan.events[event].properties.get("what", {}))
        assert set(properties.get("what", {})) == planned


def test_a_removed_event_has_no_method() -> None:
    """Nobody can send it by mistake."""
    text = "format: 1\napp: a\nevents:\n  gone: {removed: true}\n  there: {}\n"
    source = generate_python(load_plan(text, file="plan.yaml"))
    assert "def there(" in source
    assert "def gone(" not in source
