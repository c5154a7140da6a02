"""The last good configuration on disk: whole, a delta behind, or nothing; never wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.discovery import Delta, Resource, Snapshot
from trackplane.discovery.cache import LastGood
from trackplane.discovery.parts import join, split


def rule(name: str, body: bytes = b"{}") -> Resource:
    return Resource(kind="rule", name=name, body=body)


def step(before: Snapshot, *changed: Resource) -> tuple[Snapshot, Delta]:
    after = before.apply(Delta(start=before.number, end=before.number + 1, changed=changed))
    return after, after.delta_from(before)


def saved(path: Path, steps: int = 3) -> list[Snapshot]:
    """Save a base and some deltas; return every state on the way."""
    cache = LastGood(path)
    states = [Snapshot.of(1, [rule(f"r{i}") for i in range(50)], published=5)]
    cache.save(states[0], states[0].delta_from(None))
    for number in range(steps):
        after, delta = step(states[-1], rule(f"r{number}", b'{"n":1}'), rule(f"new{number}"))
        cache.save(after, delta)
        states.append(after)
    return states


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Number, hash, time of publishing and every body; the file is its owner's."""
    path = tmp_path / "node" / "lastgood"
    states = saved(path)
    found = LastGood(path).load()
    assert found is not None
    assert (found.number, found.hash) == (states[-1].number, states[-1].hash)
    assert found.resources == states[-1].resources
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_delta_costs_its_own_size(tmp_path: Path) -> None:
    """A change of one among 20,000 resources appends less than a kilobyte."""
    path = tmp_path / "lastgood"
    cache = LastGood(path)
    base = Snapshot.of(1, [rule(f"r{i}", b"x" * 50) for i in range(20_000)])
    cache.save(base, base.delta_from(None))
    size = path.stat().st_size
    after, delta = step(base, rule("r7", b"y"))
    cache.save(after, delta)
    assert size < path.stat().st_size < size + 1_000
    loaded = LastGood(path)
    found = loaded.load()
    assert found is not None
    again, delta = step(found, rule("r8", b"z"))
    loaded.save(again, delta)
    assert path.stat().st_size < size + 2_000
    found = LastGood(path).load()
    assert found is not None
    assert found.hash == again.hash


def test_deltas_that_outgrow_the_base_are_compacted(tmp_path: Path) -> None:
    """The file stays near the size of its state."""
    path = tmp_path / "lastgood"
    cache = LastGood(path)
    state = Snapshot.of(1, [rule("r", b"x")])
    cache.save(state, state.delta_from(None))
    for number in range(30):
        state, delta = step(state, rule("r", bytes([number]) * 100_000))
        cache.save(state, delta)
    assert path.stat().st_size < 1_400_000
    found = LastGood(path).load()
    assert found is not None
    assert found.hash == state.hash


@pytest.mark.parametrize("content", [b"", b"TP", b"TPLG\x02\x00\x00\x00", b"junk" * 100])
def test_another_format_is_no_state(tmp_path: Path, content: bytes) -> None:
    """It is ignored, loudly, and written over by the next save."""
    path = tmp_path / "lastgood"
    path.write_bytes(content)
    cache = LastGood(path)
    assert cache.load() is None
    state = Snapshot.of(4, [rule("r")])
    cache.save(state, state.delta_from(None))
    found = LastGood(path).load()
    assert found is not None
    assert found.number == 4


def test_there_is_no_state_where_there_is_no_file(tmp_path: Path) -> None:
    """None, not an error."""
    assert LastGood(tmp_path / "none").load() is None


@settings(max_examples=60)
@given(data=st.data())
def test_damage_anywhere_leaves_an_earlier_state_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A flipped byte or a cut never gives a state that never was, and saving goes on after it."""
    path = tmp_path_factory.mktemp("cache") / "lastgood"
    states = saved(path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    path.write_bytes(bytes(content))
    cache = LastGood(path)
    found = cache.load()
    assert found is None or found.hash in {state.hash for state in states}
    after, delta = step(states[-1], rule("after"))
    cache.save(after, delta)
    again = LastGood(path).load()
    assert again is not None
    assert again.hash == after.hash


@given(
    changed=st.lists(st.integers(0, 40), max_size=60),
    removed=st.integers(0, 60),
    resources=st.integers(1, 9),
    size=st.integers(1, 200),
)
@settings(max_examples=60)
def test_parts_join_to_what_was_split(
    changed: list[int], removed: int, resources: int, size: int
) -> None:
    """Only the last part carries the hash, and no part is larger than it must be."""
    delta = Delta(
        start=3,
        end=4,
        changed=tuple(rule(f"r{i}", b"x" * length) for i, length in enumerate(changed)),
        removed=tuple(("key", f"k{i}") for i in range(removed)),
        hash="h",
        published=9,
    )
    parts = list(split(delta, resources=resources, size=size))
    assert join(parts) == delta
    assert [bool(part.hash) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(p.changed) <= resources and len(p.removed) <= resources for p in parts)
