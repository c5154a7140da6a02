"""A small plan of two apps, and datasets."""

import pytest

from trackplane.rules.ir import Dataset
from trackplane.testing.rules import spec_of

MONEY = {
    "type": ["object"],
    "properties": {"value": {"type": ["number"]}, "currency": {"type": ["string"]}},
}


@pytest.fixture(scope="session")
def plans():
    pay = {
        "what.total": MONEY,
        "what.n": "integer",
        "what.s": "string",
        "what.either": {"type": ["string", "integer"]},
        "what.items": {"type": ["array"], "items": {"type": ["string"]}},
        "what.t": "timestamp",
        "where.page": "string",
    }
    return {
        ("shop", "order_pay"): spec_of(pay, app="shop", event="order_pay"),
        ("shop", "order_refund"): spec_of({"what.total": MONEY}, app="shop", event="order_refund"),
        ("shop", "cart"): spec_of({"what.n": "number"}, app="shop", event="cart"),
        ("news", "read"): spec_of({"what.s": "string"}, app="news", event="read"),
    }


@pytest.fixture(scope="session")
def datasets():
    columns = {
        "id": "string",
        "user": "string",
        "cents": "int64",
        "share": "float64",
        "action": "string",
        "at": "timestamp",
        "raw": "json",
    }
    return {
        "recsys.user_action": Dataset(name="recsys.user_action", kind="table", columns=columns),
        "copies": Dataset(name="copies", kind="table"),
        "stream": Dataset(name="stream", kind="topic"),
    }
