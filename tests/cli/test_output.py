"""What is printed beside an answer."""

from __future__ import annotations

import io

import pytest

from trackplane.cli.output import under_way


class Terminal(io.StringIO):
    """Standard error that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "told"), [(Terminal(), "real traffic is replayed …\n"), (io.StringIO(), "")]
)
def test_long_work_is_told_to_a_person_alone(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, told: str
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    under_way("real traffic is replayed")
    assert stream.getvalue() == told
