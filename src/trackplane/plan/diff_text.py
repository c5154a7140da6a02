"""A difference as text: lines for a terminal, Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trackplane.plan.changes import Change, Difference, PartChange

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~", "renamed": ">", "affected": "!"}
_ONE: Final = {
    "use": "library", "types": "type", "groups": "group", "events": "event", "metrics": "metric",
}  # fmt: skip
_SIGNS_OF_MARKUP: Final = "\\`*_|~[]"
_MOST: Final = 200  # parts written out in a comment; GitHub takes 65,536 characters
_LONG: Final = 80


def to_text(found: Difference) -> str:
    """Return a difference as lines for a terminal, each part with what is to be said about it."""
    if found.compatibility == "same":
        return f"{found.app}: nothing differs\n"
    lines = [f"{found.app}: {found.compatibility} ({_sum(found)})"]
    for part in found.parts:
        lines.append(f"{_SIGNS[part.kind]} {_ONE[part.section]} {part.name} [{part.compatibility}]")
        if part.kind in ("changed", "renamed", "affected"):
            lines += [f"    {change.compatibility}: {_said(change)}" for change in part.changes]
    left = _all(found) - len(found.parts)
    if left:
        lines.append(f"and {left:,} more")
    return "\n".join(lines) + "\n"


def to_markdown(found: Difference, *, title: str = "Tracking plan") -> str:
    """Return a difference as Markdown: a table of the parts, and what changes inside them."""
    if found.compatibility == "same":
        return f"### {title} of {_code(found.app)}\n\nNothing differs.\n"
    lines = [
        f"### {title} of {_code(found.app)}: {found.compatibility}",
        "",
        f"{_sum(found)[0].upper()}{_sum(found)[1:]}.",
        "",
        "| | part | class | what |",
        "|---|---|---|---|",
    ]
    lines += [_row(part) for part in found.parts[:_MOST]]
    left = _all(found) - len(found.parts[:_MOST])
    if left:
        lines += ["", f"And {left:,} more."]
    for part in found.parts[:_MOST]:
        if len(part.changes) > 1 and part.kind != "added":
            lines += ["", *_details(part)]
    return "\n".join(lines) + "\n"


def _row(part: PartChange) -> str:
    what = _cell(_said(part.changes[0])) if part.changes else ""
    if len(part.changes) > 1:
        what += f" (and {len(part.changes) - 1} more)"
    name = f"{_ONE[part.section]} {_code(part.name)}"
    return f"| {_SIGNS[part.kind]} | {name} | {part.compatibility} | {what} |"


def _details(part: PartChange) -> Iterator[str]:
    yield f"<details><summary>{_ONE[part.section]} <code>{_html(part.name)}</code></summary>"
    yield ""
    yield "| class | what | before | after |"
    yield "|---|---|---|---|"
    for change in part.changes:
        before, after = (
            _code(_short(text)) if text else "" for text in (change.before, change.after)
        )
        yield f"| {change.compatibility} | {_cell(change.message)} | {before} | {after} |"
    yield ""
    yield "</details>"


def _said(change: Change) -> str:
    told = change.kind in ("renamed", "added", "removed", "moved") and not change.field
    if told or (change.before is None and change.after is None):
        return change.message
    return f"{change.message} ({_short(change.before or '-')} -> {_short(change.after or '-')})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONG else line[: _LONG - 1] + "…"


def _sum(found: Difference) -> str:
    counts = found.counts
    told = [
        f"{number:,} {kind}"
        for kind in ("added", "changed", "removed", "renamed", "affected")
        if (number := getattr(counts, kind))
    ]
    graded = [
        f"{number:,} {kind}"
        for kind in ("breaking", "narrowing", "additive", "neutral")
        if (number := getattr(counts, kind))
    ]
    return f"{', '.join(told)}; {', '.join(graded)}"


def _all(found: Difference) -> int:
    counts = found.counts
    return counts.added + counts.changed + counts.removed + counts.renamed + counts.affected


def _cell(text: str) -> str:
    """Return a text that stands in a cell as it is: no mark-up, no mention, no end of the cell."""
    plain = _html(text).replace("\n", " ")
    return "".join(f"\\{sign}" if sign in _SIGNS_OF_MARKUP else sign for sign in plain)


def _code(text: str) -> str:
    return (
        f"<code>{_html(text)}</code>".replace("|", "&#124;")
        .replace("*", "&#42;")
        .replace("\n", " ")
    )


def _html(text: str) -> str:
    for sign, name in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("@", "&#64;"),
        ("`", "&#96;"),
    ):
        text = text.replace(sign, name)
    return text
