"""Frames and rulesets for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from trackplane.engine.ruleset import Ruleset
from trackplane.event import identity
from trackplane.frame import Frame, FrameBuilder
from trackplane.rules.ir import Dataset, Rule, encode, targets

SERVER = 1_795_376_614_990
MakeFrame = Callable[..., Frame]
MakeRuleset = Callable[..., Ruleset]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


@pytest.fixture(scope="session")
def make_frame() -> MakeFrame:
    """Return ``make(events, header, app=, env=)`` or ``make(uploads=[(app, env, header, events)])``.

    An event is (name, JSON); JSON is bytes or what encodes to them.
    """

    def make(
        events: Sequence[tuple[str, Any]] = (),
        header: Any = b"{}",
        *,
        app: str = "shop",
        env: str = "prod",
        uploads: Iterable[tuple[str, str, Any, Sequence[tuple[str, Any]]]] | None = None,
    ) -> Frame:
        builder = FrameBuilder("P2")
        if uploads is None:
            uploads = [(app, env, header, events)]
        number = 0
        for where, environment, head, members in uploads:
            upload = builder.add_upload(where, environment, 3, SERVER, _bytes(head))
            for name, data in members:
                event_id = f"id-{number}"
                builder.add(
                    upload,
                    event=name,
                    id=event_id,
                    identity=identity(where, event_id, name, number),
                    at=SERVER - number,
                    data=_bytes(data),
                    clean=False,
                    weight=1.0 if number % 3 else 2.0,
                )
                number += 1
        return Frame.decode(builder.build())

    return make


@pytest.fixture(scope="session")
def make_ruleset() -> MakeRuleset:
    """Return ``make(rules, number)``: a ruleset that rejects none, with a dataset for each target."""

    def make(rules: Sequence[Rule], number: int = 1) -> Ruleset:
        datasets: Mapping[str, Dataset] = {
            name: Dataset(name=name, kind="table") for rule in rules for name in targets(rule)
        }
        changed = {rule.name: encode(rule) for rule in rules}
        ruleset, rejected = Ruleset.empty().apply(number, changed=changed, datasets=datasets)
        assert rejected == {}
        return ruleset

    return make
