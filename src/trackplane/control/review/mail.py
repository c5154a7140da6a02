"""Notices as e-mail: plain text in the reader's language, over one SMTP session a batch."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

import msgspec

from trackplane.control.review.notices import Sent
from trackplane.control.settings import NotifySettings

_SUBJECTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "review_asked": "Review asked: {title}",
        "comment": "{actor} commented: {title}",
        "approved": "Approved: {title}",
        "rejected": "Rejected: {title}",
        "approval_fell": "Your approval fell: {title}",
        "merged": "Merged: {title}",
        "impact_found": "A change would break something: {title}",
        "expires_soon": "{event} expires on {detail}",
        "violations": "{event} began to break its plan",
    },
    "zh": {
        "review_asked": "请评审：{title}",
        "comment": "{actor} 发表了评论：{title}",
        "approved": "已批准：{title}",
        "rejected": "已驳回：{title}",
        "approval_fell": "你的批准已失效：{title}",
        "merged": "已合并：{title}",
        "impact_found": "变更会破坏下游：{title}",
        "expires_soon": "{event} 将于 {detail} 过期",
        "violations": "{event} 开始不符合计划",
    },
}
_TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "review_asked": "{actor} asks you to review change request {change} of {app}.",
        "comment": "{actor} wrote on change request {change} of {app}:\n\n{detail}",
        "approved": "Change request {change} of {app} has all its approvals and can be merged.",
        "rejected": "{actor} rejected change request {change} of {app}:\n\n{detail}",
        "approval_fell": "In change request {change} of {app} your approval fell.\n\n{detail}",
        "merged": "{actor} merged change request {change} of {app}: {detail}.",
        "impact_found": "Change request {change} of {app} would break: {detail}",
        "expires_soon": "The event {event} of {app} expires on {detail}.",
        "violations": "{detail} event(s) {event} of {app} broke the plan, for the first time in a week.",
    },
    "zh": {
        "review_asked": "{actor} 请你评审 {app} 的变更请求 {change}。",
        "comment": "{actor} 在 {app} 的变更请求 {change} 中写道：\n\n{detail}",
        "approved": "{app} 的变更请求 {change} 已获得全部批准，可以合并。",
        "rejected": "{actor} 驳回了 {app} 的变更请求 {change}：\n\n{detail}",
        "approval_fell": "{app} 的变更请求 {change} 中，你的批准已失效。\n\n{detail}",
        "merged": "{actor} 合并了 {app} 的变更请求 {change}：{detail}。",
        "impact_found": "{app} 的变更请求 {change} 会破坏：{detail}",
        "expires_soon": "{app} 的事件 {event} 将于 {detail} 过期。",
        "violations": "{app} 的事件 {event} 有 {detail} 条不符合计划，这是一周内首次。",
    },
}
_FOOT: Final = {
    "en": "You choose what you are told, and where, under Inbox, Preferences.",
    "zh": "你可以在“收件箱”的“偏好”中选择接收哪些通知。",
}


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on its way to somebody's address."""

    id: int
    to: str
    language: str
    notice: Sent


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """How a letter ended: ``error`` empty: it was taken. ``final``: to try again is of no use."""

    id: int
    error: str = ""
    final: bool = False


def compose(letter: Letter, settings: NotifySettings) -> EmailMessage:
    """Return a letter as a mail."""
    notice = letter.notice
    language = letter.language if letter.language in _SUBJECTS else "en"
    words = {
        "title": notice.title,
        "actor": notice.actor,
        "app": notice.app,
        "event": notice.event,
        "change": f"#{notice.change}",
        "detail": notice.detail,
    }
    mail = EmailMessage()
    subject = _SUBJECTS[language][notice.kind].format_map(words)
    mail["Subject"] = " ".join(subject.split())[:200]
    mail["From"] = settings.smtp_from
    mail["To"] = letter.to
    mail["Date"] = formatdate(notice.at / 1000)
    mail["Message-ID"] = f"<{letter.id}.{notice.at}@trackplane>"
    mail["Auto-Submitted"] = "auto-generated"
    text = _TEXTS[language][notice.kind].format_map(words)
    mail.set_content("\n\n".join((text, link(notice, settings.url), "-- \n" + _FOOT[language])))
    return mail


def link(notice: Sent, url: str) -> str:
    """Return where in the console a notice leads."""
    if notice.change is not None:
        return f"{url.rstrip('/')}/changes/{notice.change}"
    return f"{url.rstrip('/')}/events/{notice.app}/{notice.event}"


def post(letters: Iterable[Letter], settings: NotifySettings) -> Iterator[Posted]:
    """Send letters over one session and yield how each ended; nothing is raised."""
    waiting = list(letters)
    try:
        with smtplib.SMTP(
            settings.smtp_host, settings.smtp_port, timeout=settings.timeout_s
        ) as session:
            if settings.smtp_starttls:
                session.starttls(
                    context=ssl.create_default_context(cafile=settings.smtp_ca or None)
                )
            if settings.smtp_user:
                session.login(settings.smtp_user, settings.smtp_password)
            while waiting:
                yield _send(session, waiting[0], settings)
                waiting.pop(0)
    except (OSError, smtplib.SMTPException) as error:
        # The session itself failed: none of those left was looked at.
        reason = f"{type(error).__name__}: {error}"[:500]
        for letter in waiting:
            yield Posted(id=letter.id, error=reason)


def _send(session: smtplib.SMTP, letter: Letter, settings: NotifySettings) -> Posted:
    try:
        mail = compose(letter, settings)
    except Exception as error:  # noqa: BLE001 - of odd addresses `email` raises whatever it runs into
        return Posted(id=letter.id, error=f"{type(error).__name__}: {error}"[:500], final=True)
    try:
        session.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        reason = f"{code} {text.decode(errors='replace')}"[:500]
        return Posted(id=letter.id, error=reason, final=code >= 500)
    except smtplib.SMTPNotSupportedError as error:  # an address beyond ASCII, and no SMTPUTF8
        return Posted(id=letter.id, error=str(error)[:500], final=True)
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPResponseException, ValueError) as error:
        final = isinstance(error, ValueError) or error.smtp_code >= 500
        return Posted(id=letter.id, error=str(error)[:500], final=final)
    return Posted(id=letter.id)
