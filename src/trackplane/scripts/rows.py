"""Rows that a script returned, held against their dataset. They come from hostile code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from trackplane.rules.ir import EVENT_COLUMNS, ColumnType, Dataset

_INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_PYTHON: Final[dict[ColumnType, Any]] = {
    "string": str | None,
    "int64": _INT64 | None,
    "float64": float | None,
    "bool": bool | None,
    "timestamp": _INT64 | None,
    "json": Any,
}
_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
_encoder: Final = msgspec.json.Encoder()


class RowShape:
    """Checks rows against a dataset's columns and writes them anew, all columns in their order."""

    def __init__(self, dataset: Dataset) -> None:
        columns = dataset.columns or EVENT_COLUMNS
        shape = msgspec.defstruct(
            "Row",
            [(f"c{n}", _PYTHON[kind], None) for n, kind in enumerate(columns.values())],
            rename={f"c{n}": name for n, name in enumerate(columns)},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._one = msgspec.json.Decoder(shape)
        self._many = msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]

    def rows(self, found: Sequence[msgspec.Raw]) -> list[bytes]:
        """Return rows as bytes, without line breaks.

        Raises:
            ValueError: a row has an unknown column or a value of a wrong type; the message says
                which, without the value.
        """
        try:
            return [_encoder.encode(self._one.decode(row)) for row in found]
        except _ERRORS as error:
            raise ValueError(_words(error)) from error

    def all_rows(self, found: Sequence[msgspec.Raw]) -> list[bytes] | None:
        """Return rows as ``rows`` does, in one go; None: one of them is wrong."""
        try:
            return _encoder.encode_lines(self._many.decode(b"[" + b",".join(found) + b"]")).split(
                b"\n"
            )[:-1]
        except _ERRORS:
            return None


def _words(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return f"not a row of the dataset: {error}"
    return "not a row of the dataset: not JSON of this platform"
