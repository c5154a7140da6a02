"""The kinds of sources there are: our own, and those of installed packages."""

from __future__ import annotations

from typing import Any, Final

from trackplane.errors import did_you_mean
from trackplane.plugins import load_plugins
from trackplane.sources import SourceOptionsError, SourcePlugin
from trackplane.sources.file import FilePlugin

BUILT_IN: Final[tuple[type[SourcePlugin], ...]] = (FilePlugin,)


def source_plugins() -> dict[str, SourcePlugin]:
    """Return every kind of source by name.

    Raises:
        ConfigurationError: an installed one cannot be used.
    """
    found = {plugin.name: plugin() for plugin in BUILT_IN}
    found |= {name: plugin() for name, plugin in load_plugins("sources", _wrong).items()}
    return found


def source_plugin(name: str) -> SourcePlugin:
    """Return a kind of source.

    Raises:
        SourceOptionsError: there is none of that name.
    """
    plugins = source_plugins()
    if name not in plugins:
        hint = did_you_mean(name, plugins) or f"there are {', '.join(sorted(plugins))}"
        raise SourceOptionsError(f"there is no source {name!r}", hint=hint)
    return plugins[name]


def _wrong(name: str, plugin: Any) -> str | None:
    if not (isinstance(plugin, type) and issubclass(plugin, SourcePlugin)):
        return "it is no subclass of trackplane.sources.SourcePlugin"
    if plugin.name != name:
        return f"it calls itself {plugin.name!r}"
    return "its name is built in" if any(name == own.name for own in BUILT_IN) else None
