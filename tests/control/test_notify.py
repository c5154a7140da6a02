"""Notices reach people where they want them: inbox, e-mail over real SMTP, signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from trackplane.control import wire
from trackplane.control.access import SYSTEM, Actor
from trackplane.control.apps import create_app
from trackplane.control.design.plans import put_plan
from trackplane.control.insight.insight_tables import observations, observed_files
from trackplane.control.operations import Call
from trackplane.control.people import create_token
from trackplane.control.people_wire import TokenCreate
from trackplane.control.review import my_events, notices, outbox, review_tables, webhook
from trackplane.control.review.change_review import submit_change
from trackplane.control.review.change_wire import ChangeCreate, Remarked
from trackplane.control.review.changes import create_change
from trackplane.control.review.notice_wire import KINDS, InboxQuery, InboxRead
from trackplane.control.review.profile_wire import TeamPatch, Wishes
from trackplane.control.review.profiles import put_team
from trackplane.control.review.requirement_wire import MyEventsQuery
from trackplane.control.server import ControlPlane
from trackplane.control.settings import ControlSettings, NotifySettings

from .conftest import until
from .review import Review, Station

pytestmark = pytest.mark.integration
BOTH_DATABASES = True


class Clock:
    """Milliseconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


class Mailbox:
    """A real SMTP server that keeps what it takes; ``answer`` may refuse."""

    def __init__(self, **options: Any) -> None:
        self.mails: list[Message] = []
        self.answer = "250 taken"
        self.signed_in: list[bytes] = []
        self._options = options

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.mails.append(message_from_bytes(envelope.content or b"", policy=default))
        return "250 taken"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login)
        return AuthResult(success=data.password == b"secret", handled=False)


class Receiver:
    """A real HTTP server; ``answers`` are given one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = [(200, {})]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((self.path, dict(self.headers), body))
                first = outer.answers[0]
                status, headers = outer.answers.pop(0) if len(outer.answers) > 1 else first
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Desk:
    """A control plane's parts without its servers, on a clock of the test's."""

    def __init__(self, folder: Path, **notify: Any) -> None:
        self.clock = Clock()
        settings = NotifySettings(
            **{"smtp_starttls": False, "private_webhooks": True, "timeout_s": 2.0, **notify}
        )
        plane = ControlPlane(
            ControlSettings(port=0, grpc_port=0, notify=settings), folder, clock=self.clock
        )
        self.platform = plane.platform

    def register(self, person: str, **values: Any) -> None:
        fresh = {
            "name": person, "title": "", "email": "", "language": "en", "webhook": "",
            "webhook_secret": "tph_secret", "notify": {}, "version": 1, "updated_at": 0,
        }  # fmt: skip
        with self.platform.database.write() as connection:
            connection.execute(
                sa.insert(review_tables.people).values(person=person, **(fresh | values))
            )

    def tell(self, *people: str, kind: Any = "review_asked", **more: Any) -> int:
        with self.platform.publisher.change(SYSTEM, "test") as change:
            return notices.tell(
                change,
                kind=kind,
                people=people,
                **({"app": "shop", "subject": 7, "title": "New words", "event": "pay"} | more),
            )

    def waiting(self) -> list[Any]:
        with self.platform.database.read() as connection:
            return list(connection.execute(sa.select(review_tables.outbox)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Give desks; their metadata is let go at the end."""
    made: list[Desk] = []

    def make(**notify: Any) -> Desk:
        made.append(Desk(tmp_path / f"control{len(made)}", **notify))
        return made[-1]

    yield make
    for each in made:
        each.platform.database.close()


# --- e-mail


@pytest.mark.parametrize(("language", "sign"), [("en", "Inbox, Preferences"), ("zh", "收件箱")])
def test_each_kind_of_notice_is_a_mail_in_each_language(
    desk: Callable[..., Desk], language: str, sign: str
) -> None:
    """Plain text with what happened and a link; a title cannot add headers."""
    with Mailbox() as box:
        found = desk(smtp_host="127.0.0.1", smtp_port=box.port, url="https://plan.example")
        wishes = {kind: ["email"] for kind in KINDS}
        found.register("ann", email="ann@example.com", language=language, notify=wishes)
        for kind in KINDS:
            found.tell("ann", kind=kind, title="New\r\nBcc: all@example.com", detail="2027-01-01")
        assert outbox.step(found.platform) == len(KINDS)
    assert len({mail["Subject"] for mail in box.mails}) == len(KINDS)
    for mail in box.mails:
        assert (mail["To"], mail["Bcc"]) == ("ann@example.com", None)
        assert mail.get_content_type() == "text/plain"
        text = mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert sign in text
        assert "https://plan.example/changes/7" in text
        assert "{" not in text + mail["Subject"]
    assert {row.state for row in found.waiting()} == {"sent"}


def test_a_mail_server_that_is_down_is_tried_again_with_growing_waits_until_it_is_dead(
    desk: Callable[..., Desk],
) -> None:
    """Each wait twice the one before; what is dead says why."""
    found = desk(smtp_host="127.0.0.1", smtp_port=1, attempts=4)
    found.register("ann", email="ann@example.com")
    found.tell("ann")
    waits: list[int] = []
    while (row := found.waiting()[0]).state == "waiting":
        assert outbox.step(found.platform) == 1
        assert outbox.step(found.platform) == 0, "it waits"
        row = found.waiting()[0]
        waits.append(row.next_at - found.clock.now)
        found.clock.now = max(found.clock.now, row.next_at)
    assert waits[:3] == [5_000, 10_000, 20_000]
    assert (row.state, row.attempts) == ("dead", 4)
    assert "ConnectionRefusedError" in row.error


def test_an_address_that_the_server_refuses_for_good_is_dead_at_once_and_for_now_is_not(
    desk: Callable[..., Desk],
) -> None:
    """And it keeps no other letter of the batch from going."""
    with Mailbox() as box:
        found = desk(smtp_host="127.0.0.1", smtp_port=box.port)
        found.register("ann", email="ann@example.com")
        box.answer = "550 nobody of that name"
        found.tell("ann")
        outbox.step(found.platform)
        assert [(row.state, row.error[:3]) for row in found.waiting()] == [("dead", "550")]
        box.answer = "450 later"
        found.tell("ann")
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["dead", "waiting"]
        box.answer = "250 fine"
        found.clock.now += 5_000
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["dead", "sent"]


@pytest.mark.parametrize("odd", ["a@[b", "\u00e9@example.com"])
def test_an_address_that_cannot_be_written_to_keeps_no_other_letter_from_going(
    desk: Callable[..., Desk], odd: str
) -> None:
    """One that `email` cannot parse, and one beyond ASCII where the server takes only that."""
    with Mailbox(enable_SMTPUTF8=False) as box:
        found = desk(smtp_host="127.0.0.1", smtp_port=box.port)
        found.register("ann", email=odd)
        found.register("bob", email="bob@example.com")
        found.tell("ann", "bob")
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["dead", "sent"]
        assert [mail["To"] for mail in box.mails] == ["bob@example.com"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of localhost, its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(path), "-out", str(path.with_suffix(".crt"))],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def test_over_tls_with_a_name_and_password(desk: Callable[..., Desk], certificate: Path) -> None:
    """A server whose certificate nobody vouches for is not spoken to; nor one without TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.with_suffix(".crt"), certificate)
    box = Mailbox(tls_context=tls, require_starttls=True, auth_required=True)
    box._options["authenticator"] = box.authenticate
    options = {"smtp_host": "localhost", "smtp_starttls": True, "smtp_user": "trackplane"}
    with box, Mailbox() as plain:
        tries = [
            ({"smtp_port": box.port, "smtp_password": "secret"}, "CERTIFICATE_VERIFY_FAILED"),
            ({"smtp_port": box.port, "smtp_ca": "ca", "smtp_password": "wrong"}, "535"),
            ({"smtp_port": plain.port, "smtp_password": "secret"}, "STARTTLS"),
            ({"smtp_port": box.port, "smtp_ca": "ca", "smtp_password": "secret"}, ""),
        ]
        for given, error in tries:
            if "smtp_ca" in given:
                given["smtp_ca"] = str(certificate.with_suffix(".crt"))
            found = desk(**options, **given)
            assert "secret" not in repr(found.platform.settings)
            found.register("ann", email="ann@example.com")
            found.tell("ann")
            outbox.step(found.platform)
            (row,) = found.waiting()
            assert error in row.error
            assert row.state == ("waiting" if error else "sent"), row.error
        assert (len(box.mails), plain.mails) == (1, [])


def test_what_waits_is_bounded(desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is given up and says so."""
    monkeypatch.setattr(notices, "_MAX_WAITING", 3)
    found = desk(smtp_host="127.0.0.1", smtp_port=1)
    found.register("ann", email="ann@example.com")
    for _ in range(5):
        found.tell("ann")
    assert [row.state for row in found.waiting()] == ["dead", "dead", *["waiting"] * 3]


# --- webhooks


def test_a_webhook_is_signed_so_that_its_receiver_can_check_it(desk: Callable[..., Desk]) -> None:
    """The HMAC covers time and body; data, not sentences, so that bots can word it."""
    with Receiver() as receiver:
        found = desk(url="https://plan.example")
        found.register("ann", webhook=receiver.url)
        found.tell("ann")
        outbox.step(found.platform)
        ((path, headers, body),) = receiver.calls
    assert path == "/hook"
    fields = dict(part.split("=") for part in headers[webhook.SIGNATURE].split(","))
    expected = hmac.new(b"tph_secret", f"{fields['t']}.".encode() + body, hashlib.sha256)
    assert fields["v1"] == expected.hexdigest()
    assert fields["t"] == str(found.clock.now)
    data = json.loads(body)
    assert (data["kind"], data["change"], data["title"]) == ("review_asked", 7, "New words")
    assert data["url"] == "https://plan.example/changes/7"
    assert headers[webhook.DELIVERY] == str(found.waiting()[0].id)


def test_a_webhook_that_fails_is_tried_again_and_one_that_refuses_is_dead(
    desk: Callable[..., Desk],
) -> None:
    """503 then 200: sent by the second try, with the same delivery; 410: dead at once."""
    with Receiver() as receiver:
        found = desk()
        found.register("ann", webhook=receiver.url)
        receiver.answers = [(503, {}), (200, {}), (410, {})]
        found.tell("ann")
        outbox.step(found.platform)
        assert [(row.state, row.error) for row in found.waiting()] == [
            ("waiting", "it answered 503")
        ]
        found.clock.now += 5_000
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["sent"]
        deliveries = {headers[webhook.DELIVERY] for _, headers, _ in receiver.calls}
        assert len(deliveries) == 1
        found.tell("ann")
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["sent", "dead"]


def test_redirects_stay_on_the_same_host(desk: Callable[..., Desk]) -> None:
    """One to another path is followed, one to another host is not, nor one in a circle."""
    with Receiver() as receiver, Receiver() as other:
        found = desk()
        found.register("ann", webhook=receiver.url)
        receiver.answers = [(308, {"Location": "/new"}), (200, {}), (307, {"Location": other.url})]
        found.tell("ann")
        outbox.step(found.platform)
        assert [path for path, _, _ in receiver.calls] == ["/hook", "/new"]
        found.tell("ann")
        outbox.step(found.platform)
        sent, dead = found.waiting()
        assert (sent.state, dead.state) == ("sent", "dead")
        assert "another host" in dead.error
        assert other.calls == []
        receiver.answers = [(302, {"Location": "/hook"})]
        found.tell("ann")
        outbox.step(found.platform)
        assert "without end" in found.waiting()[-1].error


def test_a_receiver_that_answers_nonsense_keeps_no_other_notice_from_going(
    desk: Callable[..., Desk],
) -> None:
    """A redirect to what is no address, and a webhook that is none."""
    with Receiver() as receiver, Receiver() as other:
        found = desk()
        found.register("ann", webhook=receiver.url)
        found.register("bob", webhook="http://[bad/x")
        found.register("cat", webhook=other.url)
        receiver.answers = [(302, {"Location": "http://[bad"})]
        found.tell("ann", "bob", "cat")
        outbox.step(found.platform)
        assert [row.state for row in found.waiting()] == ["dead", "dead", "sent"]
        assert len(other.calls) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "0.0.0.0",
        "[::ffff:127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::a00:1]", "[fec0::1]", "224.0.0.1",
    ],
)  # fmt: skip
def test_no_webhook_leads_inside_unless_the_operator_allows_it(host: str) -> None:
    """Loopback, private and link-local addresses, by number and by name."""
    answer = webhook.call(
        f"http://{host}:9/x", b"{}", secret="s", at=0, delivery="1", timeout_s=2, private=False
    )
    assert answer.final
    assert "no public address" in answer.error


def test_a_receiver_that_never_ends_its_answer_costs_no_more_than_the_timeout() -> None:
    """It drips a byte at a time, each within the time of one read."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 ")
                    while not stop.wait(0.02):
                        peer.sendall(b"o")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        answer = webhook.call(
            url, b"{}", secret="s", at=0, delivery="1", timeout_s=0.3, private=True
        )
        stop.set()
        thread.join()
    assert not answer.ok


# --- what each person wants


def test_a_wish_can_be_given_for_each_kind() -> None:
    """The struct of wishes has a field for each."""
    assert [field.name for field in msgspec.structs.fields(Wishes)] == list(KINDS)


def test_each_person_is_told_where_they_want_it_and_nobody_of_their_own_doing(
    desk: Callable[..., Desk],
) -> None:
    """Inbox unless somebody wants it elsewhere or nowhere; a key tells once, also where it is muted."""
    found = desk(smtp_host="127.0.0.1", smtp_port=1)
    found.register("ann", email="a@example.com", notify={"comment": [], "merged": ["email"]})
    assert found.tell("ann", "bob", "system", kind="comment") == 2
    found.tell("ann", kind="merged")
    for _ in range(2):
        found.tell("ann", kind="comment", key="once")
    with found.platform.database.read() as connection:
        table = review_tables.notices
        inbox = list(connection.execute(sa.select(table.c.person, table.c.kind, table.c.read_at)))
    assert [(row.person, row.kind) for row in inbox] == [("bob", "comment"), ("ann", "comment")]
    assert inbox[1].read_at is not None, "told nowhere, and kept only to be told once"
    assert [row.channel for row in found.waiting()] == ["email"]


def test_a_profile_is_ones_own_and_its_webhook_can_be_tried(start: Callable[..., Any]) -> None:
    """Addresses are shown to nobody else; a new webhook gets a new secret."""
    notify = NotifySettings(private_webhooks=True, timeout_s=2.0)
    control = start(settings=ControlSettings(port=0, grpc_port=0, notify=notify))
    ann = control.new_token(name="ann", role="viewer")
    assert ann.post("/me/webhook/test").status_code == 422
    with Receiver() as receiver:
        body = {"name": "Ann", "webhook": receiver.url, "email": "ann@example.com"}
        me = ann.patch("/me", json=body | {"notify": {"comment": ["email"]}}).json()
        assert me["webhook_secret"].startswith("tph_")
        assert me["notify"]["comment"] == ["email"]
        assert me["notify"]["merged"] == ["inbox", "webhook"]
        assert ann.post("/me/webhook/test").json() == {"ok": True, "status": 200, "error": ""}
    assert (
        ann.patch("/me", json={"webhook": "http://other.example/"}).json()["webhook_secret"]
        != me["webhook_secret"]
    )
    bob = control.new_token(name="bob", role="data_owner")
    seen = bob.get("/people/ann").json()
    assert (seen["name"], seen["email"], seen["webhook"]) == ("Ann", "", "")
    assert control.client.get("/people/ann").json()["email"] == "ann@example.com"
    renamed = control.client.put("/people/ann", json={"title": "PM"}, headers={"If-Match": "*"})
    kept = ("Ann", "PM", "ann@example.com", "http://other.example/")
    assert tuple(renamed.json()[key] for key in ("name", "title", "email", "webhook")) == kept
    team = {"title": "Pay", "members": ["ann"]}
    control.client.put("/teams/pay", json=team, headers={"If-Match": "*"}).raise_for_status()
    told = control.client.put("/teams/pay", json={"description": "d"}, headers={"If-Match": "*"})
    assert (told.json()["title"], told.json()["members"]) == ("Pay", ["ann"])
    assert ann.patch("/me", json={"webhook": "file:///etc/passwd"}).status_code == 400
    assert ann.patch("/me", json={"email": "a@b\r\nBcc: c@d"}).status_code == 400


def test_a_token_of_one_app_has_that_app_s_inbox_and_no_addresses_of_others(
    start: Callable[..., Any],
) -> None:
    """It neither counts nor marks the notices of other apps; webhooks of others may be secrets."""
    control = start()
    review = Review(Station(control))
    made = review.propose(("Order paid", "Order was paid"))
    review.admin.post("/apps", json={"app": "other"})
    narrow = control.new_token(name="narrow", person="bob", role="admin", apps=["other"])
    assert narrow.get("/inbox").json()["unread"] == narrow.get("/me").json()["unread"] == 0
    assert narrow.post("/inbox/read", json={}).json()["unread"] == 0
    (notice,) = review.bob.get("/inbox").json()["items"]
    assert (notice["change"], notice["read"]) == (made["id"], False)
    review.ann.patch("/me", json={"webhook": "https://hook.example/x"}, headers={"If-Match": "*"})
    assert narrow.get("/people/ann").json()["webhook"] == ""
    assert review.admin.get("/people/ann").json()["webhook"] == "https://hook.example/x"


def test_a_running_control_plane_sends_by_itself(start: Callable[..., Any]) -> None:
    """Not in the thread of whose request it was; what is dead is shown to admins."""
    with Mailbox() as box:
        notify = NotifySettings(smtp_host="127.0.0.1", smtp_port=box.port, smtp_starttls=False)
        control = start(settings=ControlSettings(port=0, grpc_port=0, notify=notify))
        control.client.put(
            "/people/ann", json={"email": "ann@example.com"}, headers={"If-Match": '"0"'}
        )
        with control.plane.publisher.change(SYSTEM, "test") as change:
            notices.tell(change, kind="rejected", people=["ann"], app="", title="No", subject=1)
        until(lambda: box.mails, "a mail")
        until(
            lambda: control.client.get("/outbox", params={"state": "sent"}).json()["items"],
            "its being marked",
        )
    viewer = control.new_token(name="viewer")
    assert viewer.get("/outbox").status_code == 403


# --- what owners are told


@pytest.fixture
def owned(desk: Callable[..., Desk]) -> Desk:
    """Return a desk with a plan whose events a team owns."""
    found = desk()
    call = Call(found.platform, SYSTEM, "*")
    create_app(call, wire.AppCreate(app="shop"))
    put_team(call, "pay", TeamPatch(members=["ann"]))
    put_plan(call, "shop", wire.PlanSource(files={"plan.yaml": OWNED}))
    return found


OWNED = """
format: 1
app: shop
events:
  pay: {owner: team:pay, grade: P0, expires: 2027-02-01}
  later: {owner: team:pay, expires: 2099-01-01}
  lost: {}
"""
DAY = 20_833  # of the clock


def observe(desk: Desk, event: str, day: int, **counts: int) -> None:
    """Let it be known that events arrived on a day."""
    with desk.platform.database.write() as connection:
        file = connection.execute(
            sa.insert(observed_files).values(
                path=f"{event}{day}", kind="events", date="", grade="P2", rows=1, bytes=1,
                payload=1, max_server=0, kept=False,
            )
        ).inserted_primary_key  # fmt: skip
        fresh = {"seen": 100, "violations": 0, "dirty": 0, "failed": 0}
        connection.execute(
            sa.insert(observations).values(
                file=(file or (0,))[0], app="shop", event=event, env="prod", platform="web",
                version="1", day=day, weight=100.0, payload=1, first_at=0,
                last_at=day * 86_400_000, **(fresh | counts),
            )
        )  # fmt: skip


def test_owners_are_told_once_of_what_expires_within_thirty_days(owned: Desk) -> None:
    """Members of the owning team; what expires later is not told yet."""
    assert my_events.tell_owners(owned.platform) == 1
    assert my_events.tell_owners(owned.platform) == 0
    ann = Call(owned.platform, Actor(name="a", person="ann", role="viewer", apps=("shop",)), None)
    (notice,) = notices.get_inbox(ann, InboxQuery()).items
    assert (notice.kind, notice.event, notice.detail) == ("expires_soon", "pay", "2027-02-01")
    assert notices.read_inbox(ann, InboxRead(ids=[notice.id])).unread == 0
    assert notices.get_inbox(ann, InboxQuery(unread=True)).items == []
    assert notices.read_inbox(ann, InboxRead(read=False)).unread == 1


def test_owners_are_told_of_violations_that_are_new(owned: Desk) -> None:
    """Of an event that broke nothing for a week; what always did is in my events."""
    my_events.tell_owners(owned.platform)
    observe(owned, "later", DAY, violations=3)
    observe(owned, "pay", DAY - 4, violations=5)
    observe(owned, "pay", DAY, violations=5, dirty=1)
    assert my_events.tell_owners(owned.platform) == 1
    assert my_events.tell_owners(owned.platform) == 0
    ann = Call(owned.platform, Actor(name="a", person="ann", role="viewer", apps=("shop",)), None)
    notice = notices.get_inbox(ann, InboxQuery()).items[0]
    assert (notice.kind, notice.event, notice.detail) == ("violations", "later", "3")


def test_my_events_are_what_waits_is_wrong_expires_and_has_no_owner(owned: Desk) -> None:
    """Of the person and their teams, the gravest first; what nobody planned is nobody's."""
    observe(owned, "pay", DAY, violations=5, dirty=100)
    observe(owned, "later", DAY - 20)
    observe(owned, "surprise", DAY)
    ann = Call(
        owned.platform, Actor(name="a", person="ann", role="data_owner", apps=("shop",)), None
    )
    found = my_events.get_my_events(ann, MyEventsQuery())
    assert (found.owned, found.owners) == (2, ["person:ann", "team:pay"])
    assert [(each.event, each.code, each.count, each.share) for each in found.wrong] == [
        ("pay", "dirty", 100, 0.5),
        ("pay", "violations", 5, 0.025),
        ("later", "silent", 0, None),
    ]
    assert [(each.event, each.on) for each in found.expires] == [("pay", "2027-02-01")]
    assert [(each.event, each.planned, each.seen) for each in found.unowned] == [
        ("surprise", False, 100),
        ("lost", True, 0),
    ]
    assert found.totals == {"waits": 0, "wrong": 3, "expires": 1, "unowned": 2}
    bob = Actor(name="b", person="bob", role="designer", apps=("shop",))
    body = ChangeCreate(
        app="shop", title="Words", files={"plan.yaml": OWNED.replace("P0", "P0, title: Paid")}
    )
    made = create_change(Call(owned.platform, bob, None), body)
    submit_change(Call(owned.platform, bob, None), made.id, Remarked())
    token = TokenCreate(name="ann", role="data_owner", apps=("shop",))
    create_token(Call(owned.platform, SYSTEM, None), token)
    (waits,) = my_events.get_my_events(ann, MyEventsQuery()).waits
    assert (waits.change, waits.events) == (made.id, 1)
    of_team = my_events.get_my_events(Call(owned.platform, SYSTEM, None), MyEventsQuery(team="pay"))
    assert of_team.owned == 2
