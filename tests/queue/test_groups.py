"""Groups over processes, and the spreading rule by property."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackplane.queue.groups import Groups, spread

PARTS = [("lane", n) for n in range(7)]


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=40))
def test_leases_never_overlap_and_even_out(order: list[str]) -> None:
    """Members come by in any order: none owns what another owns; soon all shares differ by one."""
    owners: dict[tuple[str, int], str | None] = dict.fromkeys(PARTS)
    live: list[str] = []

    def visit(member: str) -> None:
        if member not in live:
            live.append(member)
        given_up, taken = spread(member, live, owners)
        assert all(owners[p] == member for p in given_up)
        assert all(owners[p] is None for p in taken)
        owners.update(dict.fromkeys(given_up))
        owners.update(dict.fromkeys(taken, member))

    for member in order:
        visit(member)
    for member in live * 2:
        visit(member)
    shares = [sum(owner == name for owner in owners.values()) for name in live]
    assert sum(shares) == len(PARTS)
    assert max(shares) - min(shares) <= 1
    before = dict(owners)
    for member in live:
        visit(member)
    assert owners == before


@pytest.mark.integration
def test_processes_that_open_one_file_at_once_all_get_their_turn(tmp_path: Path) -> None:
    """Each counts a position up and leases; nobody sees `database is locked`."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom trackplane.queue.groups import Groups\n"
        "groups = Groups(Path(sys.argv[1]))\n"
        "for turn in range(30):\n"
        "    groups.commit('g', {('lane', int(sys.argv[2])): turn, ('other', 0): turn})\n"
        "    groups.lease('g', sys.argv[2], [('lane', n) for n in range(4)], turn, 1000)\n"
    )
    path = tmp_path / "groups.db"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    groups = Groups(path)
    assert groups.committed("g") == {**{("lane", n): 29 for n in range(4)}, ("other", 0): 29}
    groups.close()
