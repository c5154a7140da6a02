"""Columns with a known answer for type inference: clean and dirty, of many names and shapes.

A column is made by a seeded generator from a line of the table: name, label, recipe, size, and the
share of dirt laid over it. ``held`` columns are of the half that nothing was tuned on. Labels are
what an engineer who reads the column would write into a plan: the type, whether its values are a
closed set (``enum``), and the class of personal data, if any.
"""

# ruff: noqa: ARG001, ARG005 - recipes are alike: a random source and the sample's number

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Recipe = Callable[[random.Random, int], Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    name: str
    label: str  # string integer number boolean timestamp array object map json
    enum: bool
    pii: str | None
    values: list[Any]  # None: the property is null; ABSENT: it is not there
    dirt: float
    held: bool


ABSENT = object()
NAMES = [
    "ann",
    "bob",
    "cai",
    "dee",
    "eva",
    "fox",
    "gus",
    "hao",
    "ivy",
    "jun",
    "kim",
    "leo",
    "mia",
    "noa",
    "ola",
    "pia",
    "qin",
    "rui",
    "sam",
    "tao",
    "uma",
    "vic",
    "wei",
    "xia",
    "yan",
    "zoe",
]
WORDS = [
    "red",
    "fast",
    "big",
    "open",
    "late",
    "new",
    "cheap",
    "soft",
    "cold",
    "blue",
    "round",
    "quiet",
    "heavy",
    "light",
    "happy",
]


def _pick(*values: Any) -> Recipe:
    return lambda r, n: r.choice(values)


def _hex(size: int) -> Recipe:
    return lambda r, n: f"{r.getrandbits(4 * size):0{size}x}"


def _uuid(r: random.Random, n: int) -> str:
    text = f"{r.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _ms(r: random.Random, n: int) -> int:
    return 1_795_000_000_000 + r.randrange(10**9)


def _iso(r: random.Random, n: int) -> str:
    return f"2026-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}T{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}Z"


def _iso_offset(r: random.Random, n: int) -> str:
    return _iso(r, n)[:-1] + r.choice([".123+08:00", "+00:00", ".5-05:00"])


def _date(r: random.Random, n: int) -> str:
    return f"{r.randrange(1950, 2027)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}"


def _email(r: random.Random, n: int) -> str:
    return f"{r.choice(NAMES)}.{r.randrange(10**4)}@{r.choice(['example.com', 'mail.test', 'corp.example'])}"


def _phone_cn(r: random.Random, n: int) -> str:
    return f"1{r.choice('3578')}{r.randrange(10**9):09d}"


def _phone_intl(r: random.Random, n: int) -> str:
    return f"+{r.choice(['65', '86', '1', '44'])} {r.randrange(10**7, 10**8)}"


def _ipv4(r: random.Random, n: int) -> str:
    return ".".join(str(r.randrange(1, 255)) for _ in range(4))


def _card(r: random.Random, n: int) -> str:
    body = [4] + [r.randrange(10) for _ in range(14)]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(body))
    return "".join(map(str, [*body, -total % 10]))


def _url(r: random.Random, n: int) -> str:
    return f"https://example.com/{r.choice(WORDS)}/{r.randrange(10**5)}?x={n}"


def _sentence(r: random.Random, n: int) -> str:
    return " ".join(r.choices(WORDS, k=r.randrange(2, 8)))


def _chinese(r: random.Random, n: int) -> str:
    return "".join(
        r.choices(
            "商品质量很好下次还会购买物流太慢包装完整颜色喜欢推荐给朋友", k=r.randrange(4, 20)
        )
    )


def _version(r: random.Random, n: int) -> str:
    return f"{r.randrange(1, 12)}.{r.randrange(20)}.{r.randrange(10)}"


def _long_tail(r: random.Random, n: int) -> str:
    return f"campaign_{int(r.paretovariate(0.8))}"


def _price(r: random.Random, n: int) -> float:
    return round(r.lognormvariate(3, 1), 2)


def _money(r: random.Random, n: int) -> dict[str, Any]:
    return {"value": _price(r, n), "currency": r.choice(["SGD", "USD", "CNY"])}


def _items(r: random.Random, n: int) -> list[dict[str, Any]]:
    return [
        {"sku": f"A{r.randrange(999)}", "quantity": r.randrange(1, 9)}
        for _ in range(r.randrange(4))
    ]


def _by_key(r: random.Random, n: int) -> dict[str, int]:
    return {f"sku_{r.randrange(900)}": r.randrange(9) for _ in range(r.randrange(1, 5))}


def _mixed(r: random.Random, n: int) -> Any:
    return r.choice([r.randrange(99), _sentence(r, n), [1, "a"], {"x": 1}, True])


# name, label, closed set, personal class, recipe
_DEV: list[tuple[str, str, bool, str | None, Recipe]] = [
    ("is_vip", "boolean", False, None, _pick(True, False)),
    ("success", "boolean", False, None, lambda r, n: r.random() < 0.98),
    ("count", "integer", False, None, lambda r, n: r.randrange(1, 400)),
    ("position", "integer", False, None, lambda r, n: r.randrange(0, 60)),
    ("quantity", "integer", False, None, lambda r, n: 1 + int(r.expovariate(1))),
    ("user_level", "integer", False, None, lambda r, n: r.randrange(1, 90)),
    ("score_delta", "integer", False, None, lambda r, n: r.randrange(-50, 50)),
    ("duration_ms", "integer", False, None, lambda r, n: int(r.lognormvariate(7, 2))),
    ("size_bytes", "integer", False, None, lambda r, n: r.randrange(10**3, 10**8)),
    ("order_no", "integer", False, None, lambda r, n: 7_000_000 + n),
    ("price", "number", False, None, _price),
    ("discount_rate", "number", False, None, lambda r, n: round(r.random(), 3)),
    ("temperature", "number", False, None, lambda r, n: round(r.gauss(20, 15), 1)),
    ("amount", "number", False, None, lambda r, n: r.choice([_price(r, n), r.randrange(99)])),
    ("latitude", "number", False, "location", lambda r, n: round(r.uniform(-89, 89), 5)),
    ("status", "string", True, None, _pick("new", "paid", "shipped", "closed")),
    ("payment_method", "string", True, None, _pick("card", "wallet", "cash")),
    ("支付方式", "string", True, None, _pick("微信", "支付宝", "银行卡")),
    ("gender", "string", True, None, _pick("m", "f", "x")),
    ("sort_order", "string", True, None, _pick("price", "sales", "newest", "relevance")),
    ("result_code", "integer", True, None, _pick(0, 1, 2, 5)),
    ("tab_name", "string", False, None, _sentence),
    ("keyword", "string", False, None, _sentence),
    ("comment_text", "string", False, "free_text", _chinese),
    ("campaign", "string", False, None, _long_tail),
    ("sku", "string", False, None, lambda r, n: f"AB-{r.randrange(9000)}"),
    ("app_version", "string", False, None, _version),
    ("request_id", "string", False, None, _uuid),
    ("trace", "string", False, None, _hex(32)),
    ("page_url", "string", False, None, _url),
    ("paid_at", "timestamp", False, None, _ms),
    ("event_time", "timestamp", False, None, _iso),
    ("created", "timestamp", False, None, _iso_offset),
    ("birthday", "string", False, "birth_date", _date),
    ("delivery_date", "string", False, None, _date),
    ("contact", "string", False, "email", _email),
    ("mobile", "string", False, "phone", _phone_cn),
    ("tel", "string", False, "phone", _phone_intl),
    ("client_ip", "string", False, "ip", _ipv4),
    ("card_number", "string", False, "payment", _card),
    ("currency", "string", False, None, lambda r, n: r.choice(["SGD", "USD", "CNY", "EUR", "JPY", "GBP", "HKD", "KRW"])),
    ("zip", "string", False, "address", lambda r, n: f"{r.randrange(10**6):06d}"),
    ("tags", "array", False, None, lambda r, n: r.sample(WORDS, r.randrange(4))),
    ("sku_list", "array", False, None, lambda r, n: [f"A{r.randrange(99)}" for _ in range(r.randrange(1, 4))]),
    ("items", "array", False, None, _items),
    ("total", "object", False, None, _money),
    ("quantities", "map", False, None, _by_key),
    ("payload", "json", False, None, _mixed),
    ("user_id", "string", False, None, lambda r, n: f"u{r.randrange(10**6)}"),
    ("first_visit", "integer", True, None, _pick(0, 1)),
]  # fmt: skip
_HELD: list[tuple[str, str, bool, str | None, Recipe]] = [
    ("subscribed", "boolean", False, None, _pick(True, False)),
    ("autoplay", "boolean", False, None, lambda r, n: r.random() < 0.03),
    ("retries", "integer", False, None, lambda r, n: int(r.expovariate(0.7))),
    ("rank", "integer", False, None, lambda r, n: r.randrange(1, 101)),
    ("gold", "integer", False, None, lambda r, n: r.randrange(0, 10**6)),
    ("balance_change", "integer", False, None, lambda r, n: r.randrange(-900, 900)),
    ("fps", "integer", False, None, lambda r, n: min(60, int(r.gauss(50, 12)))),
    ("room_id", "integer", False, None, lambda r, n: r.randrange(10**8, 10**9)),
    ("load_time", "integer", False, None, lambda r, n: int(r.lognormvariate(6, 1))),
    ("revenue", "number", False, None, _price),
    ("progress", "number", False, None, lambda r, n: round(r.random(), 4)),
    ("longitude", "number", False, "location", lambda r, n: round(r.uniform(-179, 179), 5)),
    ("bitrate", "number", False, None, lambda r, n: round(r.lognormvariate(7, 0.4), 1)),
    ("growth", "number", False, None, lambda r, n: round(r.gauss(0, 0.2), 3)),
    ("order_type", "string", True, None, _pick("normal", "group", "presale", "flash")),
    ("network_type", "string", True, None, _pick("wifi", "4g", "5g", "none")),
    ("渠道", "string", True, None, _pick("自然", "广告", "分享", "短信", "推送")),
    ("difficulty", "string", True, None, _pick("easy", "normal", "hard")),
    ("definition", "string", True, None, _pick("360p", "480p", "720p", "1080p")),
    ("card_type", "string", True, None, _pick("visa", "master", "unionpay", "jcb", "amex")),
    ("level_code", "integer", True, None, _pick(10, 20, 30)),
    ("title", "string", False, None, _sentence),
    ("reason_text", "string", False, None, _chinese),
    ("utm_campaign", "string", False, None, _long_tail),
    ("coupon_code", "string", False, None, lambda r, n: "".join(r.choices("ABCDEFGHJKLMNPQ23456789", k=8))),
    ("build", "string", False, None, _version),
    ("session", "string", False, None, _uuid),
    ("checksum", "string", False, None, _hex(64)),
    ("image_link", "string", False, None, _url),
    ("expires_at", "timestamp", False, None, _ms),
    ("start_time", "timestamp", False, None, _iso_offset),
    ("received", "timestamp", False, None, _iso),
    ("departure_date", "string", False, None, _date),
    ("dob", "string", False, "birth_date", _date),
    ("reply_to", "string", False, "email", _email),
    ("联系电话", "string", False, "phone", _phone_cn),
    ("callback_phone", "string", False, "phone", _phone_intl),
    ("remote_addr", "string", False, "ip", _ipv4),
    ("pan", "string", False, "payment", _card),
    ("idfa", "string", False, "device_id", _uuid),
    ("categories", "array", False, None, lambda r, n: r.sample(WORDS, r.randrange(1, 3))),
    ("scores", "array", False, None, lambda r, n: [r.randrange(100) for _ in range(r.randrange(5))]),
    ("lines", "array", False, None, _items),
    ("refund", "object", False, None, _money),
    ("counts_by_sku", "map", False, None, _by_key),
    ("extra", "json", False, None, _mixed),
    ("device_name", "string", False, None, lambda r, n: f"{r.choice(NAMES)}'s phone {r.randrange(99)}"),
    ("is_new", "integer", True, None, _pick(0, 1)),
    ("answer", "string", True, None, _pick("yes", "no")),
    ("weather", "string", True, None, _pick("sunny", "rain", "cloud", "snow")),
]  # fmt: skip
_DIRT: list[Any] = ["N/A", "", "-", "null", "undefined", "unknown", -1, "未知"]
_SIZE = 400


def columns() -> Iterator[Column]:
    """Yield each column clean, and again with dirt, nulls and gaps laid over it."""
    for held, table in ((False, _DEV), (True, _HELD)):
        for number, (name, label, closed, pii, recipe) in enumerate(table):
            seed = random.Random(f"{held}-{name}")
            clean = [recipe(seed, n) for n in range(_SIZE)]
            yield Column(
                name=name, label=label, enum=closed, pii=pii, values=clean, dirt=0.0, held=held
            )
            if number % 2:
                continue
            dirty = [
                seed.choice(_DIRT) if seed.random() < 0.01
                else None if seed.random() < 0.03
                else ABSENT if seed.random() < 0.1
                else value
                for value in clean
            ]  # fmt: skip
            yield Column(
                name=name, label=label, enum=closed, pii=pii, values=dirty, dirt=0.01, held=held
            )
