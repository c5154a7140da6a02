"""What looks like personal data, by name and by value: proposals for ``pii``, never decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from trackplane.plan.model import PiiClass
from trackplane.wording import analyse

_BY_CONCEPT: Final[dict[str, PiiClass]] = {
    "email": "email",
    "phone": "phone",
    "real_name": "name",
    "username": "name",
    "address": "address",
    "postcode": "address",
    "latitude": "location",
    "longitude": "location",
    "location": "location",
    "ip": "ip",
    "device_id": "device_id",
    "id_card": "government_id",
    "bank_card": "payment",
    "birthday": "birth_date",
    "contact": "phone",
}
_BY_WORD: Final[dict[str, PiiClass]] = {
    "idfa": "device_id", "idfv": "device_id", "gaid": "device_id", "oaid": "device_id",
    "imei": "device_id", "androidid": "device_id", "mac": "device_id", "ssn": "government_id",
    "iban": "payment", "pan": "payment", "cvv": "payment", "openid": "account_id",
    "fingerprint": "biometric", "faceid": "biometric", "diagnosis": "health",
}  # fmt: skip
_BY_PAIR: Final[dict[frozenset[str], PiiClass]] = {
    frozenset({"user", "name"}): "name",
    frozenset({"first", "name"}): "name",
    frozenset({"last", "name"}): "name",
    frozenset({"buyer", "name"}): "name",
    frozenset({"contact", "name"}): "name",
    frozenset({"receive", "name"}): "name",
    frozenset({"account", "id"}): "account_id",
    frozenset({"device", "id"}): "device_id",
    frozenset({"feedback", "text"}): "free_text",
    frozenset({"comment", "text"}): "free_text",
}
# Beside these the concept is not a person's: url of an address, type of a phone, count of emails.
_ABOUT: Final = frozenset(
    [
        "type",
        "count",
        "success",
        "status",
        "version",
        "model",
        "brand",
        "duration",
        "index",
        "rate",
        "template",
        "click",
        "verify",
        "page",
        "switch",
        "size",
        "length",
        "error_code",
        "total",
        "button",
    ]
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE: Final = re.compile(
    r"\+\d[\d ()-]{7,18}|1[3-9]\d{9}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"
)
_IP: Final = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    r"|(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}"
)
_CARD: Final = re.compile(r"\d(?:[ -]?\d){12,18}")
_CHINESE_ID: Final = re.compile(
    r"\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
)
_MOSTLY: Final = 0.8


@lru_cache(maxsize=16_384)
def personal_class(path: str) -> PiiClass | None:
    """Return the class of personal data that a property's name speaks of, or None."""
    name = analyse(path.rpartition(".")[2])
    keys = set(name.keys)
    if keys & _ABOUT:
        return None
    for pair, found in _BY_PAIR.items():
        if pair <= keys:
            return found
    for key in name.keys:
        by_name = _BY_CONCEPT.get(key) or _BY_WORD.get(key)
        if by_name is not None:
            return by_name
    return _BY_WORD.get(name.sound)


def personal_value(texts: Sequence[str]) -> PiiClass | None:
    """Return the class of personal data that most of some values look like, or None."""
    if not texts:
        return None
    for found, looks in _LOOKS:
        if sum(looks(text.strip()) for text in texts) >= _MOSTLY * len(texts):
            return found
    return None


def _is_card(text: str) -> bool:
    if not _CARD.fullmatch(text):
        return False
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


_LOOKS: Final[tuple[tuple[PiiClass, Callable[[str], bool]], ...]] = (
    ("email", lambda text: _EMAIL.fullmatch(text) is not None),
    ("government_id", lambda text: _CHINESE_ID.fullmatch(text) is not None),
    ("ip", lambda text: _IP.fullmatch(text) is not None),
    ("phone", lambda text: _PHONE.fullmatch(text) is not None),
    ("payment", _is_card),
)
