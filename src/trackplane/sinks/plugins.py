"""The kinds of sinks there are: our own, and those of installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trackplane.errors import did_you_mean
from trackplane.plugins import load_plugins
from trackplane.rules.ir import Dataset
from trackplane.sinks import SinkOptionsError, SinkPlugin
from trackplane.sinks.file import FilePlugin
from trackplane.sinks.http import HttpPlugin
from trackplane.sinks.topic import TopicPlugin

BUILT_IN: Final[tuple[type[SinkPlugin], ...]] = (FilePlugin, HttpPlugin, TopicPlugin)
Plugins = Mapping[str, SinkPlugin]


def sink_plugins() -> Plugins:
    """Return every kind of sink by name.

    Raises:
        ConfigurationError: an installed one cannot be used.
    """
    found = {plugin.name: plugin() for plugin in BUILT_IN}
    found |= {name: plugin() for name, plugin in load_plugins("sinks", _wrong).items()}
    return found


def _wrong(name: str, plugin: Any) -> str | None:
    if not (isinstance(plugin, type) and issubclass(plugin, SinkPlugin)):
        return "it is no subclass of trackplane.sinks.SinkPlugin"
    if plugin.name != name:
        return f"it calls itself {plugin.name!r}"
    return "its name is built in" if any(name == own.name for own in BUILT_IN) else None


def plugin_of(dataset: Dataset, plugins: Plugins) -> SinkPlugin:
    """Return the kind of sink that takes a dataset's rows; its options are right.

    Raises:
        SinkOptionsError: there is no such connector, or an option is wrong.
    """
    name = "topic" if dataset.kind == "topic" else dataset.connector
    found = plugins.get(name)
    if found is None:
        message = f"dataset {dataset.name!r}: there is no connector {name!r}"
        hint = did_you_mean(name, plugins) or f"there are {', '.join(sorted(plugins))}"
        raise SinkOptionsError(message, hint=hint)
    found.read(dataset)
    return found
