"""JSON values to typed Arrow arrays; what does not fit is reported, never cast or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Value = Any
INT: Final = "integer"
_INT64: Final = range(-(2**63), 2**63)
_NONE: Final = type(None)


def typed(values: Sequence[Value], kind: str) -> tuple[pa.Array, list[int]]:
    """Return the values as an array of ``kind`` (``string`` or ``integer``), and the misfits' rows.

    A misfit is NULL in the array. An integer may be written ``1.0`` and fits 64 bits.
    """
    kinds = set(map(type, values))
    if kind == "string":
        if kinds <= {str, _NONE}:
            return pa.array(values, pa.string()), []
        bad = [n for n, v in enumerate(values) if v is not None and type(v) is not str]
        fixed: list[Value] = [v if type(v) is str else None for v in values]
        return pa.array(fixed, pa.string()), bad
    if kinds <= {int, _NONE}:
        try:
            return pa.array(values, pa.int64()), []
        except (OverflowError, pa.ArrowInvalid):
            pass
    fixed = [_integer(value) for value in values]
    bad = [
        n
        for n, (value, whole) in enumerate(zip(values, fixed, strict=True))
        if whole is None and value is not None
    ]
    return pa.array(fixed, pa.int64()), bad


def _integer(value: Value) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value in _INT64 else None


def dictionary(values: Sequence[str], index: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    """Return ``values[index]`` as a dictionary-encoded array."""
    encoded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(pa.array(index)), encoded.dictionary)
