"""What goes out, sent: e-mails and webhooks of the outbox, again with growing waits until they go.

Sending is at least once: a row is marked when the other side has taken it, so a stop in between
sends it again; ``X-Trackplane-Delivery`` and the message id stay the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
import sqlalchemy as sa
import structlog

from trackplane.control.operations import Call, Operations
from trackplane.control.platform import Platform
from trackplane.control.review import mail, review_tables, webhook
from trackplane.control.review import profile_wire as wire
from trackplane.control.review.notices import Sent
from trackplane.errors import InputError

_log = structlog.get_logger(__name__)

operations: Final = Operations("data")  # a trial waits for the receiver

_table = review_tables.outbox
_AT_ONCE: Final = 100
_WEBHOOKS: Final = 8  # called side by side
FIRST_WAIT_MS: Final = 5_000
_MAX_WAIT_MS: Final = 3_600_000
_KEPT_MS: Final = 30 * 86_400_000


def tend(platform: Platform) -> None:
    """Send what is due."""
    while not platform.stopping.is_set() and step(platform):
        pass


def step(platform: Platform) -> int:
    """Send up to a hundred notices that are due; return how many were tried."""
    now = platform.clock()
    people = review_tables.people
    due = (
        sa.select(_table, people.c.email, people.c.language, people.c.webhook)
        .add_columns(people.c.webhook_secret)
        .join(people, people.c.person == _table.c.person, isouter=True)
        .where(_table.c.state == "waiting", _table.c.next_at <= now)
        .order_by(_table.c.id)
        .limit(_AT_ONCE)
    )
    with platform.database.read() as connection:
        rows = connection.execute(due).all()
    if not rows:
        return 0
    calls = [row for row in rows if row.channel == "webhook"]
    letters = [row for row in rows if row.channel == "email"]
    _keep(platform, rows, [*_called(platform, calls), *_posted(platform, letters)])
    return len(rows)


def _posted(platform: Platform, rows: Iterable[sa.Row[Any]]) -> list[mail.Posted]:
    settings = platform.settings.notify
    found: list[mail.Posted] = []
    letters: list[mail.Letter] = []
    for row in rows:
        if not settings.smtp_host or not row.email:
            why = "no mail server is set" if row.email else "there is no address any more"
            found.append(mail.Posted(id=row.id, error=why, final=True))
            continue
        notice = msgspec.json.decode(row.notice, type=Sent)
        letters.append(mail.Letter(id=row.id, to=row.email, language=row.language, notice=notice))
    return [*found, *(mail.post(letters, settings) if letters else ())]


def _called(platform: Platform, rows: list[sa.Row[Any]]) -> list[mail.Posted]:
    if not rows:
        return []
    with ThreadPoolExecutor(min(_WEBHOOKS, len(rows)), thread_name_prefix="webhook") as pool:
        return list(pool.map(lambda row: _call(platform, row), rows))


def _call(platform: Platform, row: sa.Row[Any]) -> mail.Posted:
    if not row.webhook:
        return mail.Posted(id=row.id, error="there is no address any more", final=True)
    notice = msgspec.json.decode(row.notice, type=Sent)
    answer = _deliver(platform, row.webhook, row.webhook_secret, notice, str(row.id))
    return mail.Posted(id=row.id, error=answer.error, final=answer.final)


def _deliver(
    platform: Platform, url: str, secret: str, notice: Sent, delivery: str
) -> webhook.Answer:
    settings = platform.settings.notify
    body = msgspec.json.encode(
        msgspec.structs.asdict(notice) | {"url": mail.link(notice, settings.url)}
    )
    return webhook.call(
        url,
        body,
        secret=secret,
        at=platform.clock(),
        delivery=delivery,
        timeout_s=settings.timeout_s,
        private=settings.private_webhooks,
    )


def _keep(platform: Platform, rows: Iterable[sa.Row[Any]], ended: Iterable[mail.Posted]) -> None:
    """Write down how each ended, and when what failed is tried again."""
    now = platform.clock()
    attempts = {row.id: row.attempts + 1 for row in rows}
    with platform.database.write() as connection:
        for each in ended:
            tried = attempts[each.id]
            values: dict[str, Any] = {"attempts": tried, "error": each.error}
            if not each.error:
                values |= {"state": "sent", "done_at": now}
            elif each.final or tried >= platform.settings.notify.attempts:
                values |= {"state": "dead", "done_at": now}
                _log.warning("notice_dead", id=each.id, attempts=tried, reason=each.error)
            else:
                values["next_at"] = now + wait_ms(tried)
            connection.execute(sa.update(_table).where(_table.c.id == each.id).values(**values))
        connection.execute(
            sa.delete(_table).where(_table.c.state != "waiting", _table.c.done_at < now - _KEPT_MS)
        )


def wait_ms(attempts: int) -> int:
    """Return how long is waited after so many attempts: twice as long each time, an hour at most.

    >>> [wait_ms(1), wait_ms(2), wait_ms(30)]
    [5000, 10000, 3600000]
    """
    return int(min(_MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** min(attempts - 1, 20)))


@operations.add("POST", "/me/webhook/test", action="profile.edit")
def try_webhook(call: Call) -> wire.WebhookTried:
    """Call one's own webhook with a trial notice, and tell how it answered."""
    table = review_tables.people
    with call.platform.database.read() as connection:
        row = connection.execute(
            sa.select(table).where(table.c.person == call.actor.person)
        ).first()
    if row is None or not row.webhook:
        raise InputError("you have no webhook", hint="set one: trackplane people me --webhook URL")
    notice = Sent(
        kind="comment",
        at=call.platform.clock(),
        actor=call.actor.person,
        app="",
        change=0,
        event="",
        title="A trial",
        detail="This is a trial of your webhook.",
    )
    answer = _deliver(call.platform, row.webhook, row.webhook_secret, notice, "trial")
    return wire.WebhookTried(ok=answer.ok, status=answer.status, error=answer.error)
