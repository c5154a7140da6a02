"""A clock, a lake, and makers of the messages that the raw store reads."""

import msgspec
import pytest

from trackplane import dirty, ledger
from trackplane.event import identity
from trackplane.frame import Flaw, FrameBuilder
from trackplane.lake.manifest import Manifest
from trackplane.lake.writer import RawStore

NOW = 1_795_376_614_990
DAY = NOW // 86_400_000


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class Messages:
    """Makes messages; an event is (id, event) with optional client time and properties."""

    day = DAY
    now = NOW

    def frame(self, *events, app="shop", grade="P2", received=NOW, client=5, header=None, flaws=()):
        builder = FrameBuilder(grade)
        upload = builder.add_upload(app, "prod", 1, received, msgspec.json.encode(header or {}))
        for n, (id_, name, *rest) in enumerate(events):
            what = rest[0] if rest else {"n": 1}
            data = {"id": id_, "event": name, "when": {"client": client}, "what": what}
            builder.add(
                upload,
                event=name,
                id=id_,
                identity=identity(app, id_, name, client),
                at=received,
                data=msgspec.json.encode(data),
                clean=True,
                violations=[Flaw("type", "/what/n")] if n in flaws else (),
            )
        return builder.build()

    def dirty(self, *ids, received=NOW, app="shop", reason="type"):
        return dirty.encode(
            [
                dirty.DirtyEvent(
                    app=app,
                    env="prod",
                    stage="plan",
                    reason=reason,
                    received=received,
                    id=id_,
                    event="buy",
                    identity=identity(app, id_, "buy", None) if id_ else b"",
                    violations=(Flaw("type", "/what/n"),),
                    data=b'{"what":{"n":"x"}}',
                )
                for id_ in ids
            ]
        )

    def entries(self, *entries):
        return ledger.encode([ledger.LedgerEntry(DAY, "shop", "prod", *entry) for entry in entries])


@pytest.fixture
def messages():
    return Messages()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def manifest(folder, clock):
    manifest = Manifest(folder / "manifest.db", clock)
    yield manifest
    manifest.close()


@pytest.fixture
def store(manifest, folder, clock):
    return RawStore(manifest, folder, clock)
