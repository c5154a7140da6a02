"""You receive this but never planned it: from unplanned events to a plan that they pass."""

from __future__ import annotations

import time

import pytest

from trackplane.testing.platform import Shop, until

pytestmark = pytest.mark.integration
CURRENCIES = ("SGD", "USD", "CNY")


def test_unplanned_events_become_a_planned_one_that_takes_them_all(shop: Shop) -> None:
    now = int(time.time() * 1000)
    events = [
        {
            "id": f"unplanned-{number}",
            "event": "gift_card_redeem",
            "when": {"client": now + number},
            "how": {"platform": "web"},
            "what": {
                "card": f"GC-{number:06d}",
                "value": 10 * (number % 7),
                "currency": CURRENCIES[number % 3],
                "channel": ("store", "app")[number % 2],
                "redeemed_at": now - 1_000 * number,
                "buyer": {"email": f"u{number}@example.com", "vip": number % 2 == 0},
                "lines": [{"sku": f"A{number}", "pieces": 1 + number % 3}],
            },
        }
        for number in range(60)
    ]
    assert shop.send(events).json()["counts"] == {"warned": 60}
    counted = "SELECT count(*) FROM events WHERE event = 'gift_card_redeem'"
    until(lambda: shop.query(counted) == [[60]], "the events in the lake", seconds=20)
    call = shop.platform.call
    made = call("GET", "/apps/shop/unplanned/gift_card_redeem/draft")
    assert (made["samples"], made["planned"]) == (60, False)
    shapes = {one["path"]: one["definition"] for one in made["properties"]}
    assert shapes["what.redeemed_at"] == {"type": "timestamp", "required": True}
    assert shapes["what.channel"]["enum"] == ["app", "store"]
    assert shapes["what.currency"]["pattern"] == "[A-Z]{3}"
    assert shapes["what.buyer"]["properties"]["email"]["pii"] == "email"
    assert shapes["what.lines"]["items"]["properties"]["pieces"]["type"] == "integer"

    body = "".join(f"  {line}\n" for line in made["text"].splitlines())
    answer = call(
        "PATCH",
        "/apps/shop/plan",
        etag=shop.platform.etag("/apps/shop/plan"),
        json={"files": {"gift.yaml": f"format: 1\napp: shop\nevents:\n{body}"}},
    )
    assert answer["added"] == ["gift_card_redeem"]
    shop.await_number(int(answer["number"]))
    again = [one | {"id": f"planned-{number}"} for number, one in enumerate(events)]
    assert shop.send(again).json()["counts"] == {"accepted": 60}
