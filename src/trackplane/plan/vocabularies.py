"""Closed vocabularies of a plan and what their words mean. docs/plan.md shows these tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trackplane.errors import did_you_mean
from trackplane.plan.model import PiiClass, Purpose

PII_MEANINGS: Final[Mapping[PiiClass, str]] = {
    "name": "a person's name, in full or in part",
    "email": "an e-mail address",
    "phone": "a telephone number",
    "address": "a postal address, or a part that leads to a home",
    "location": "where a person is, finer than a city",
    "ip": "an IP address",
    "device_id": "an identifier of a device or installation",
    "account_id": "an identifier of a person's account, here or elsewhere",
    "government_id": "a number that a state gave: passport, tax, social security",
    "payment": "card, bank account or wallet",
    "health": "state of health, medicine, disability",
    "biometric": "face, finger, voice, gait",
    "birth_date": "date of birth, or the age it gives away",
    "free_text": "what a person typed: it may hold any of these",
    "other": "personal in another way: the description says how",
}
PURPOSE_MEANINGS: Final[Mapping[Purpose, str]] = {
    "service": "to do what the person asked for",
    "support": "to answer a person's question or complaint",
    "analytics": "to understand use, over many people",
    "personalisation": "to choose what one person is shown",
    "advertising": "to choose or measure advertising",
    "fraud": "to find abuse of the service",
    "security": "to keep accounts and systems safe",
    "research": "to learn beyond this product",
    "legal": "because a law asks for it",
}
_OWNER: Final = re.compile(r"(?:team|person):[\w][\w.@+-]*")
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HTTPS: Final = re.compile(r"https://[^\s/?#@]+(?:[/?#]\S*)?")


def owner_fault(owner: str) -> tuple[str, str] | None:
    """Return what is wrong with an owner and a hint, or None.

    >>> owner_fault("pay")
    ("'pay' is not an owner", "did you mean 'team:pay'?")
    """
    if _OWNER.fullmatch(owner):
        return None
    kind, separator, name = owner.partition(":")
    if not separator:
        guess = f"team:{owner}"
    else:
        guess = f"{'person' if kind.lower() in {'user', 'people', 'person'} else 'team'}:{name}"
    guess = re.sub(r"\s+", "", guess)
    hint = f"did you mean '{guess}'?" if _OWNER.fullmatch(guess) else "team:pay or person:ann"
    return f"{owner!r} is not an owner", hint


def screenshot_fault(screenshot: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a screenshot and a hint, or None."""
    if _SHA256.fullmatch(screenshot) or _HTTPS.fullmatch(screenshot):
        return None
    if screenshot.startswith("http://"):
        return f"{screenshot!r} is not an https address", "screenshots are shown over https only"
    return f"{screenshot!r} is no screenshot", "sha256:… of an upload, or an https address"


def pii_hint(word: str) -> str:
    """Return the hint for a word that is no kind of personal data."""
    return did_you_mean(word, PII_MEANINGS) or f"one of {', '.join(PII_MEANINGS)}"


def purpose_hint(word: str) -> str:
    """Return the hint for a word that is no purpose."""
    return did_you_mean(word, PURPOSE_MEANINGS) or f"one of {', '.join(PURPOSE_MEANINGS)}"
