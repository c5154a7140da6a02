"""Merge, identity, time and partition, as spec/merge.md says."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackplane.event import (
    FUTURE_LIMIT_MS,
    NAMESPACES,
    PAST_LIMIT_MS,
    canonical_id,
    event_time,
    identity,
    merge,
    partition_key,
    partition_of,
)

NAME = st.sampled_from(["a", "b", "c"])
VALUE = (
    st.none()
    | st.integers()
    | st.text(max_size=3)
    | st.dictionaries(NAME, st.integers(), max_size=2)
)
SPACE = st.none() | st.dictionaries(NAME, VALUE, max_size=3)
OBJECT = st.dictionaries(st.sampled_from(["id", "event", "meta", "else", *NAMESPACES]), SPACE)
SOME = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SERVER = 1_795_376_614_990


@given(OBJECT, OBJECT)
def test_a_property_is_the_events_else_the_headers(
    header: dict[str, Any], event: dict[str, Any]
) -> None:
    """Whole, null too; nothing else is in the result, and the inputs stay as they are."""
    before = copy.deepcopy((header, event))
    merged = merge(header, event)
    for namespace in NAMESPACES:
        base, over = header.get(namespace), event.get(namespace)
        assert (namespace in merged) == (base is not None or over is not None)
        for name in {*(base or {}), *(over or {})}:
            winner = over if over is not None and name in over else base
            assert winner is not None
            assert merged[namespace][name] == winner[name]
        assert set(merged.get(namespace, {})) == {*(base or {}), *(over or {})}
    for key in ("id", "event"):
        assert (key in merged) == (key in event)
        assert merged.get(key) == event.get(key)
    assert set(merged) <= {"id", "event", *NAMESPACES}
    for namespace in NAMESPACES:
        merged.setdefault(namespace, {})["new"] = 1
    assert (header, event) == before


def test_an_id_of_200_utf8_bytes_is_kept_and_a_longer_one_hashed() -> None:
    """Bytes count, not characters."""
    for value in ("", "x" * 200, "é" * 100, "交" * 66 + "xx", "😀" * 50):
        assert canonical_id(value) == value
    for value in ("x" * 201, "é" * 100 + "x", "交" * 67, "😀" * 50 + "x"):
        assert canonical_id(value) == hashlib.sha256(value.encode()).hexdigest()
        assert canonical_id(canonical_id(value)) == canonical_id(value)


PARTS = st.tuples(SOME.filter(lambda app: "\0" not in app), SOME, SOME, st.none() | st.integers())


@given(PARTS, PARTS)
def test_identities_are_equal_only_when_all_four_parts_are(
    one: tuple[str, str, str, int | None], two: tuple[str, str, str, int | None]
) -> None:
    """The first half says (app, id), the second (event, client)."""
    first, second = identity(*one), identity(*two)
    assert len(first) == 16
    assert (first[:8] == second[:8]) == (one[:2] == two[:2])
    assert (first[8:] == second[8:]) == (one[2:] == two[2:])


def test_a_nul_cannot_move_a_part_of_an_identity_into_another() -> None:
    assert identity("a", "b", "e\0001", None) != identity("a", "b", "e", 1)
    assert identity("a", "b", "e", None) != identity("a", "b", "e", 0)


@pytest.mark.parametrize(
    ("client", "sent", "at"),
    [
        (SERVER - 148, SERVER, SERVER - 148),
        (100, 248, SERVER - 148),  # the client's clock is decades off
        (None, SERVER, SERVER),
        (SERVER, None, SERVER),
        (0, PAST_LIMIT_MS, SERVER - PAST_LIMIT_MS),
        (0, PAST_LIMIT_MS + 1, SERVER),
        (FUTURE_LIMIT_MS, 0, SERVER + FUTURE_LIMIT_MS),
        (FUTURE_LIMIT_MS + 1, 0, SERVER),
        (0, 0, SERVER),
    ],
)
def test_event_time_is_the_clients_on_the_servers_clock_within_its_limits(
    client: int | None, sent: int | None, at: int
) -> None:
    assert event_time(client, sent, SERVER) == at


@given(st.none() | st.integers(), st.none() | st.integers(), st.integers(0, 2**42))
def test_event_time_is_always_within_its_limits(
    client: int | None, sent: int | None, server: int
) -> None:
    assert server - PAST_LIMIT_MS <= event_time(client, sent, server) <= server + FUTURE_LIMIT_MS


def test_the_partition_key_is_the_first_text_that_names_a_person() -> None:
    """Install, anonymous, user, else the event's id; empty texts and other types do not count."""
    who: dict[str, Any] = {"install_id": "i", "anonymous_id": "a", "user_id": "u"}
    for value in ("i", "a", "u", "e"):
        assert partition_key("shop", who, "e") == f"shop\0{value}"
        who = dict(list(who.items())[1:])
    assert (
        partition_key("shop", {"install_id": "", "anonymous_id": 5, "user_id": "u"}, "e")
        == "shop\0u"
    )


GOLDEN = [
    ("shop\0u1", 2, 10, 346),
    ("shop\0", 1, 1, 641),
    ("shop\0交易", 3, 11, 139),
    ("a\0" + "x" * 200, 1, 5, 901),
]


@pytest.mark.parametrize(("key", "of_4", "of_16", "of_1000"), GOLDEN)
def test_partitions_are_the_same_for_ever(key: str, of_4: int, of_16: int, of_1000: int) -> None:
    """A change here would send a retry to another partition than its first try."""
    assert [partition_of(key, n) for n in (1, 4, 16, 1_000)] == [0, of_4, of_16, of_1000]


def test_partitions_are_used_evenly() -> None:
    counts = [0] * 4
    for number in range(4_000):
        counts[partition_of(f"shop\0user-{number}", 4)] += 1
    assert min(counts) > 900


def test_identities_are_the_same_for_ever() -> None:
    assert (
        identity("shop", "1", "order_pay", 1_795_376_614_842).hex()
        == "f505ee22167ed6881819e8696159e2b6"
    )
    assert identity("shop", "1", "order_pay", None).hex() == "f505ee22167ed6881daade7c894df3e7"
