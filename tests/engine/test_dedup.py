"""Deduplication against a plain set, through crashes and takeovers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackplane.engine import dedup
from trackplane.engine.dedup import Deduplicator, DedupSettings, Run


def array(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.uint64).reshape(-1, 2)


PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=12)
STEPS = st.lists(st.tuples(PAIRS, st.sampled_from(["commit", "crash", "go on"])), max_size=12)


@settings(max_examples=200)
@given(STEPS)
@pytest.mark.parametrize("spill", [1, 100_000])
def test_it_keeps_what_a_set_would_through_crash_and_takeover(spill, steps) -> None:
    """Every identity once among what is committed; a crash forgets exactly what was not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "_SPILL", spill)
        state, runs, committed, pending = Deduplicator(), [], set(), []
        for pairs, end in steps:
            keep, reused = state.admit(array(pairs), 1)
            for pair, kept, again in zip(pairs, keep.tolist(), reused.tolist(), strict=True):
                known = committed | set(pending)
                assert kept == (pair not in known)
                assert again == (kept and any(first == pair[0] for first, _ in known))
                if kept:
                    pending.append(pair)
            if end == "commit":
                run = state.pending()
                assert (run.count if run else 0) == len(pending)
                runs += [run] if run else []
                state.committed()
                committed |= set(pending)
                pending = []
            elif end == "crash":
                state, pending = Deduplicator.load(runs), []


def test_old_and_surplus_identities_are_let_go() -> None:
    """Memory is bounded by the window and by the count."""
    runs = [Run(array([(n, 0)]).astype("<u8").tobytes(), n * 1000) for n in range(10)]
    by_time = Deduplicator.load(runs, DedupSettings(window_ms=3_000))
    assert by_time.admit(array([(5, 0), (9, 0)]), 9_000)[0].tolist() == [True, False]
    by_count = Deduplicator.load(runs, DedupSettings(max_ids=2))
    assert len(by_count) <= 3
    assert by_count.admit(array([(9, 0)]), 9_000)[0].tolist() == [False]


def test_many_levels_are_merged() -> None:
    """A takeover of thousands of small runs does not search thousands of arrays."""
    runs = [Run(array([(n, 0)]).astype("<u8").tobytes(), 1) for n in range(500)]
    state = Deduplicator.load(runs)
    assert len(state._levels) <= 6
    assert not state.admit(array([(n, 0) for n in range(500)]), 1)[0].any()
