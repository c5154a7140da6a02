"""Libraries: types and groups that plans share, by name and version."""

from __future__ import annotations

from collections.abc import Mapping

from trackplane.plan.load import read_library
from trackplane.plan.model import Library
from trackplane.plan.source import is_library


def load_library(text: str, *, file: str = "library.yaml") -> Library:
    """Return the library of a YAML text, checked.

    Raises:
        PlanError: with every finding, each with line and column.
    """
    return read_library(text, file)


def split_libraries(files: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Library]]:
    """Return the files of a folder that are plans, and the libraries of the others by id.

    Raises:
        PlanError: a library is wrong, or two files have the same one.
    """
    plans: dict[str, str] = {}
    libraries: dict[str, Library] = {}
    for path, text in files.items():
        if is_library(text):
            library = load_library(text, file=path)
            libraries[library.id] = library
        else:
            plans[path] = text
    return plans, libraries
