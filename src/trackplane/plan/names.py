"""Names of events and properties: what may be one, and which ones people would mix up."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_NAME_BYTES: Final = 200

# Letters of other scripts that look like ASCII ones (the common part of Unicode's confusables).
_LOOKS: Final = str.maketrans(
    "аеіјоѕрсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαν\u0131",  # noqa: RUF001 that is the point
    "aeijospcyxdhqwABEZHIKMNOPTYXoavi",
)


def skeleton(name: str) -> str:
    """Return a form of a name that is equal for names a person cannot tell apart."""
    return unicodedata.normalize("NFKC", name).translate(_LOOKS).casefold()


def fault_of(name: Any, *, dotted: bool = True) -> tuple[str, str | None] | None:
    """Return what is wrong with a name and a hint, or None. ``dotted``: it may have a dot."""
    if not isinstance(name, str):
        return f"the name {name!r} is not a text", "put it into quotation marks"
    if not name or len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        return f"a name has 1 to {MAX_NAME_BYTES} bytes", None
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        return f"the name {name!r} has a control character", None
    if unicodedata.normalize("NFC", name) != name:
        return f"the name {name!r} is not in Unicode's NFC", "type it again"
    if not dotted and "." in name:
        return f"the name {name!r} has a dot", "dots separate the parts of a path: use _"
    return None


def look_alikes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that looks like an earlier one, with that one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(skeleton(name), name)
        if other != name:
            yield name, other
