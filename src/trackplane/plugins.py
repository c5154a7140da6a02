"""Plug-ins: parts of installed packages, found by entry point.

| group | what stands there |
|---|---|
| ``trackplane.sinks`` | a subclass of ``trackplane.sinks.SinkPlugin`` |
| ``trackplane.sources`` | a subclass of ``trackplane.sources.SourcePlugin`` |
| ``trackplane.functions`` | a ``trackplane.rules.functions.PluginFunction`` |
| ``trackplane.enrichers`` | a callable that takes the folder of its data and returns such a function |

Whoever can install packages can run code here: plug-ins are trusted, unlike scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final, Literal

from trackplane.errors import ConfigurationError, Finding

Group = Literal["sinks", "sources", "functions", "enrichers"]
_PREFIX: Final = "trackplane."


def load_plugins(group: Group, accept: Callable[[str, Any], str | None]) -> dict[str, Any]:
    """Return the plug-ins of a group by name; ``accept`` says what is wrong with one, or None.

    Raises:
        ConfigurationError: one cannot be imported, is of another kind, or two have one name; with
            every finding.
    """
    found: dict[str, Any] = {}
    findings: list[Finding] = []
    for entry in sorted(entry_points(group=_PREFIX + group), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist is not None else entry.value
        try:
            loaded = entry.load()
        except Exception as error:  # noqa: BLE001 a stranger's module may raise anything
            wrong: str | None = f"cannot be imported: {type(error).__name__}: {error}"
        else:
            wrong = "its name is taken" if entry.name in found else accept(entry.name, loaded)
        if wrong is None:
            found[entry.name] = loaded
        else:
            message = f"plug-in {entry.name!r} of {package} ({_PREFIX}{group}): {wrong}"
            findings.append(Finding(code="plugin", message=message))
    if findings:
        raise ConfigurationError(
            f"{len(findings)} plug-in(s) cannot be used",
            findings=findings,
            hint="mend or uninstall the package",
        )
    return found
