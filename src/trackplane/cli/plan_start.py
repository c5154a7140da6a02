"""``trackplane plan init``: a folder to begin a plan in."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Final

import typer

from trackplane.cli.output import JsonOption, emit_json, say
from trackplane.errors import ConfigurationError

_FILES: Final = {
    "plan.yaml": "plan.yaml",
    "events/orders.yaml": "events/orders.yaml",
    ".github/workflows/tracking-plan.yml": "tracking-plan.yml",
}
_APP: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def register(app: typer.Typer) -> None:
    """Add the verb to ``trackplane plan``."""
    app.command("init")(init)


def starter(file: str) -> str:
    """Return a file of the folder that ``init`` makes, as it is shipped."""
    return (resources.files("trackplane.cli") / "starter" / file).read_text(encoding="utf-8")


def init(
    folder: Path = typer.Argument(Path(), help="Where.", show_default="this folder"),
    app: str | None = typer.Option(None, "--app", help="The app; without it, the folder's name."),
    as_json: bool = JsonOption,
) -> None:
    """Make a folder with a small plan and a GitHub workflow for it.

    Nothing is written over.

    Example:
        trackplane plan init tracking --app shop
    """
    name = app or folder.resolve().name
    if not _APP.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name of an app", hint="letters, digits, - and _; give it by --app"
        )
    there = [file for file in _FILES if (folder / file).exists()]
    if there:
        raise ConfigurationError(
            f"{folder} has {', '.join(there)} already", hint="nothing was written"
        )
    for file, source in _FILES.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = starter(source)
        if source == "plan.yaml":
            text = text.replace("of APP.", f"of {name}.").replace("app: APP", f"app: {name}")
        path.write_text(text, encoding="utf-8")
    if as_json:
        emit_json({"folder": str(folder), "app": name, "files": list(_FILES)})
        return
    for file in _FILES:
        say(f"{folder / file}")
    say(f"next: trackplane plan check {folder}")
