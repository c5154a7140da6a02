"""What is wrong with a plan, collected by path; lines and columns are found later, if they are needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from trackplane.errors import Finding, Severity, did_you_mean
from trackplane.plan.languages import language_fault
from trackplane.plan.model import Text

Path = tuple[str | int, ...]
Entry = tuple[Path, Finding]


class Report:
    """Findings by path, each once."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._seen: set[tuple[Path, str, str]] = set()

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Add a finding."""
        if (path, code, message) in self._seen:
            return
        self._seen.add((path, code, message))
        pointer = "".join(f"/{_escape(str(part))}" for part in path) or None
        finding = Finding(code=code, message=message, hint=hint, pointer=pointer, severity=severity)
        self.entries.append((path, finding))

    def keys(
        self, raw: Mapping[Any, Any], known: Collection[str], path: Path, *, elsewhere: str = ""
    ) -> None:
        """Report keys that are not known, each with the nearest one, or with all that there are."""
        for key in raw:
            if key not in known:
                self.add(
                    "unknown_key", f"unknown key {key!r}", (*path, str(key)),
                    hint=did_you_mean(str(key), known) or elsewhere or f"known: {', '.join(sorted(known))}",
                )  # fmt: skip

    def not_text(self, value: Any, what: str, path: Path) -> None:
        """Report a value that is no text: ``unquoted`` if YAML read a number or truth value."""
        if isinstance(value, bool | int | float):
            # The hint gets the text as it stands when the finding is given its place.
            message = f"{what} is a text, and this is read as {shown(value)}"
            self.add("unquoted", message, path, hint="put it into quotation marks")
        else:
            self.add("shape", f"{what} is a text", path)

    def text(self, raw: Mapping[Any, Any], key: str, path: Path) -> str | None:
        """Return a text or None; report anything else."""
        value = raw.get(key)
        if value is not None and not isinstance(value, str):
            self.not_text(value, f"`{key}`", (*path, key))
            return None
        return value

    def words(self, raw: Mapping[Any, Any], key: str, path: Path) -> Text | None:
        """Return a text or one for each language."""
        value = raw.get(key)
        if value is None or isinstance(value, str):
            return value
        here = (*path, key)
        if not isinstance(value, dict):
            if isinstance(value, bool | int | float):
                self.not_text(value, f"`{key}`", here)
            else:
                self.add("shape", f"`{key}` is a text, or one for each language", here)
            return None
        for language, text in value.items():
            fault = language_fault(language)
            if fault is not None:
                self.add("language", fault[0], (*here, str(language)), hint=fault[1])
                return None
            if not isinstance(text, str):
                self.not_text(text, f"`{key}`", (*here, str(language)))
                return None
        return value

    def texts(self, raw: Mapping[Any, Any], key: str, path: Path) -> tuple[str, ...]:
        """Return a list of texts."""
        value = raw.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.add("shape", f"`{key}` is a list of texts", (*path, key))
            return ()
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.not_text(item, f"each of `{key}`", (*path, key, index))
                return ()
        return tuple(value)

    def flag(self, raw: Mapping[Any, Any], key: str, path: Path) -> bool:
        """Return a truth value; absent is false."""
        value = raw.get(key, False)
        if not isinstance(value, bool):
            self.add("shape", f"`{key}` is true or false", (*path, key))
        return value is True


def shown(value: object) -> str:
    """Return a scalar as YAML would write what it read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def is_date(value: object) -> bool:
    """Say whether a value is an ISO date such as 2027-06-30."""
    try:
        return isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
