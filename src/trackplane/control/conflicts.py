"""Two people change one text: the second is told of both texts and, where it can be, their merge."""

from __future__ import annotations

from collections.abc import Callable

from trackplane.control.operations import Call
from trackplane.control.problems import StaleError
from trackplane.control.wire import Conflict
from trackplane.plan.merge_lines import merge_lines


def require_match(
    call: Call,
    etag: str,
    *,
    theirs: str,
    author: str,
    yours: str,
    base: Callable[[str], str | None],
) -> None:
    """Check by If-Match that a text is as the caller saw it.

    ``base`` gives the text of an earlier ETag (digits), None where it is no longer known.

    Raises:
        StaleError: it was changed since; it holds both texts, what they were made of, and the merge.
    """
    try:
        call.match(etag)
    except StaleError as error:
        given = [found for found in call.etags() if found.isascii() and found.isdigit()]
        origin = base(given[0]) if given and len(given[0]) < 10 else None
        error.conflict = Conflict(
            theirs=theirs,
            author=author,
            yours=yours,
            base=origin,
            merged=merge_lines(origin, theirs, yours) if origin is not None else None,
            etag=etag,
        )
        raise
