"""Edits as they are typed become edits as the API takes them."""

from __future__ import annotations

from typing import Any

import pytest

from trackplane.cli.dirty import parse_edit
from trackplane.errors import InputError


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("set what.x=1", {"op": "set", "path": "what.x", "value": 1}),
        ("set what.x = red", {"op": "set", "path": "what.x", "value": "red"}),
        ('set what.x={"a": [1]}', {"op": "set", "path": "what.x", "value": {"a": [1]}}),
        ("set what.x=a=b", {"op": "set", "path": "what.x", "value": "a=b"}),
        ("unset what.x", {"op": "unset", "path": "what.x"}),
        ("rename what.x what.y", {"op": "rename", "path": "what.x", "to": "what.y"}),
        ("cast what.x int64", {"op": "cast", "path": "what.x", "to": "int64"}),
        ("text NaN null", {"op": "text", "path": "NaN", "to": "null"}),
    ],
)
def test_an_edit_is_read(text: str, edit: dict[str, Any]) -> None:
    """A value is JSON, else a string."""
    assert parse_edit(text) == edit


@pytest.mark.parametrize("text", ["", "set what.x", "unset", "cast what.x", "move a b", "rename a"])
def test_what_is_no_edit_is_refused_with_the_forms_there_are(text: str) -> None:
    """The hint lists them."""
    with pytest.raises(InputError) as caught:
        parse_edit(text)
    assert "rename PATH PATH" in str(caught.value.hint)
