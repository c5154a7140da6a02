"""Screenshots of events: uploaded, named by their content, served to those who reach the app.

They stay: a revision may name a picture for as long as it is kept, so none is ever deleted by itself.
"""

from __future__ import annotations

import base64
import re
from typing import Final

import sqlalchemy as sa

from trackplane.control import objects
from trackplane.control.apps import find_app
from trackplane.control.insight import insight_wire
from trackplane.control.insight.event_page import screenshot_of
from trackplane.control.insight.insight_tables import screenshots
from trackplane.control.insight.pictures import PictureError, clean
from trackplane.control.operations import Binary, Call, Operations
from trackplane.control.paging import page
from trackplane.control.problems import NotFoundError
from trackplane.control.wire import Paging, Word

operations: Final = Operations("data")  # decoding takes its time: in threads of their own
_NAME: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg"}


@operations.add("POST", "/apps/{app}/screenshots", action="screenshot.add", status=201)
def add_screenshot(
    call: Call, app: Word, body: insight_wire.ScreenshotUpload
) -> insight_wire.Screenshot:
    """Upload a screenshot; the plan names it by the name that comes back."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
    picture = clean(_decoded(body.content))
    table = screenshots
    with call.platform.publisher.change(call.actor, f"screenshot of {app}") as change:
        find_app(change.connection, call, app)
        hash = objects.put_bytes(change.connection, picture.content)
        select = sa.select(table).where(table.c.app == app, table.c.hash == hash)
        if change.connection.execute(select).first() is None:
            change.connection.execute(
                sa.insert(table).values(
                    app=app,
                    hash=hash,
                    media_type=picture.media_type,
                    width=picture.width,
                    height=picture.height,
                    bytes=len(picture.content),
                    label=body.label,
                    created_at=change.now,
                    created_by=call.actor.person,
                )
            )
            change.audit("screenshot.add", f"sha256:{hash}", app=app)
        row = change.connection.execute(select).one()
    return screenshot_of(row)


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:
        raise PictureError(f"the content is not base64: {error}") from error


@operations.add("GET", "/apps/{app}/screenshots", action="read")
def list_screenshots(call: Call, app: Word, query: Paging) -> insight_wire.Screenshots:
    """List an app's screenshots."""
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        select = sa.select(screenshots).where(screenshots.c.app == app)
        items, cursor = page(connection, select, screenshots.c.hash, query, screenshot_of)
    return insight_wire.Screenshots(items=items, next=cursor)


@operations.add("GET", "/apps/{app}/screenshots/{name}", action="read")
def get_screenshot(call: Call, app: Word, name: Word) -> Binary:
    """Serve a screenshot's picture."""
    matched = _NAME.match(name)
    with call.platform.database.read() as connection:
        find_app(connection, call, app)
        row = None
        if matched is not None:
            row = connection.execute(
                sa.select(screenshots).where(
                    screenshots.c.app == app, screenshots.c.hash == matched[1]
                )
            ).first()
        if row is None:
            raise NotFoundError(f"{app!r} has no screenshot {name[:80]!r}")
        content = objects.body(connection, row.hash)
    ending = _ENDINGS[row.media_type]
    return Binary(
        content=content, media_type=row.media_type, filename=f"{app}-{row.hash[:12]}.{ending}"
    )
