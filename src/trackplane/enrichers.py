"""Functions of installed packages: plain ones, and enrichers that come with data of their own.

An enricher is a callable that takes the folder its data lies in and returns functions: a currency table,
a company register, a classifier. It is opened once for each process. What it returns must be pure
while the process runs; new data is a new version of the package, or a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trackplane.errors import ConfigurationError, Finding, TrackplaneError
from trackplane.plugins import load_plugins
from trackplane.rules.functions import Function, register


def load_functions(folder: Path) -> list[str]:
    """Register the functions of all plug-ins for this process; return their names.

    The data of the enricher ``name`` lies in ``folder / name``. Loaded again, nothing changes.

    Raises:
        ConfigurationError: a plug-in cannot be used; with every finding.
    """
    functions: list[tuple[str, Function]] = list(load_plugins("functions", _no_function).items())
    findings: list[Finding] = []
    for name, enricher in load_plugins("enrichers", _not_callable).items():
        try:
            functions += [(name, function) for function in _opened(enricher, folder / name)]
        except Exception as error:  # noqa: BLE001 a stranger's code may raise anything
            message = f"enricher {name!r} cannot be opened: {type(error).__name__}: {error}"
            findings.append(Finding(code="plugin", message=message))
    for name, function in functions:
        try:
            register(function)
        except TrackplaneError as error:
            findings.append(Finding(code="plugin", message=f"plug-in {name!r}: {error}"))
    if findings:
        raise ConfigurationError(
            f"{len(findings)} plug-in(s) cannot be used",
            findings=findings,
            hint="mend or uninstall the package",
        )
    return sorted(function.name for _, function in functions)


def _opened(enricher: Any, folder: Path) -> Iterable[Function]:
    found = list(enricher(folder))
    for function in found:
        if not isinstance(function, Function):
            raise TypeError(f"it gave a {type(function).__name__}, not a Function")
    return found


def _no_function(name: str, plugin: Any) -> str | None:
    if not isinstance(plugin, Function):
        return "it is no trackplane.rules.functions.Function"
    return None if plugin.name == name else f"it calls itself {plugin.name!r}"


def _not_callable(_: str, plugin: Any) -> str | None:
    return None if callable(plugin) else "it cannot be called with a folder"
