"""The settings loader: a YAML file and ``TRACKPLANE_*`` variables into one frozen struct.

Only ``trackplane.app`` calls it. Settings structs stand beside their components; each nested struct
is a section. The variable of ``collector.port`` is ``TRACKPLANE_COLLECTOR_PORT``. Unknown keys and
variables are errors that name the nearest known one, and all findings come at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, get_type_hints

import msgspec
import yaml_rs

from trackplane.errors import ConfigurationError, Finding, did_you_mean

PREFIX: Final = "TRACKPLANE_"
# Read elsewhere than in a settings file, each documented in docs/configuration.md.
FREE_VARIABLES: Final[Mapping[str, str]] = {
    "TRACKPLANE_CONFIG": "path of the settings file (else ./trackplane.yaml, if it is there)",
    "TRACKPLANE_URL": "control plane address for the command line",
    "TRACKPLANE_WRITE_KEY": "write key for `trackplane source run`",
    "TRACKPLANE_TOKEN": "API token for the command line",
    "TRACKPLANE_PLAN_MAX_MB": "the largest plan file that the command line reads, in MB (256)",
    "TRACKPLANE_DEMO_SESSIONS": "path of the recorded sessions for `trackplane demo`",
    "TRACKPLANE_TEST_SCALE": "factor on the kills and examples of the test suites",
    "TRACKPLANE_REQUIRE_CONSOLE": "1: building a wheel without the console is an error",
    "TRACKPLANE_CONSOLE_URL": "address of the platform that the browser tests drive",
    "TRACKPLANE_API": "control plane address for the console's development server",
}

T = TypeVar("T", bound=msgspec.Struct)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, for the loader and for the reference page."""

    path: tuple[str, ...]
    type: Any
    default: Any
    text: str

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return PREFIX + "_".join(self.path).upper()


def settings_of(root: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield every setting of a struct, sections expanded, in order."""
    hints = get_type_hints(root)
    texts = _field_texts(root)
    for field in msgspec.structs.fields(root):
        kind = hints[field.name]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from settings_of(kind, (*path, field.name))
            continue
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        yield Setting(
            path=(*path, field.name), type=kind, default=default, text=texts.get(field.name, "")
        )


def _field_texts(root: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the struct's ``Attributes:`` section says of each field."""
    text = inspect.getdoc(root) or ""
    _, _, section = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    for match in re.finditer(r"^ {4}(\w+): (.+(?:\n {6,}\S.*)*)", section, re.MULTILINE):
        found[match[1]] = " ".join(match[2].split())
    return found


def load(root: type[T], *, text: str, file: str, environ: Mapping[str, str]) -> T:
    """Return the settings of a YAML text, overridden by the environment.

    Raises:
        ConfigurationError: with every finding: syntax, unknown keys and variables, wrong values.
    """
    try:
        data: object = yaml_rs.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ConfigurationError(f"{file} is not valid YAML: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{file}: settings are a mapping of sections")
    known = {setting.path: setting for setting in settings_of(root)}
    findings: list[Finding] = []
    values: dict[tuple[str, ...], Any] = {}
    _read_file(data, (), known, file, values, findings)
    _read_environment(environ, known, values, findings)
    for path in list(values):
        setting = known[path]
        from_text = isinstance(values[path], _FromEnvironment)
        value = values[path].text if from_text else values[path]
        where = setting.variable if from_text else f"{file}: {'.'.join(path)}"
        try:
            values[path] = msgspec.convert(value, setting.type, strict=not from_text)
        except msgspec.ValidationError as error:
            findings.append(Finding(code="setting_value", message=f"{where}: {error}", file=file))
    if findings:
        raise ConfigurationError("the settings are wrong", findings=findings)
    tree: dict[str, Any] = {}
    for path, value in values.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    return _build(root, tree)


class _FromEnvironment(msgspec.Struct, frozen=True):
    text: str | list[str]


def _read_file(
    data: dict[Any, Any],
    path: tuple[str, ...],
    known: Mapping[tuple[str, ...], Setting],
    file: str,
    values: dict[tuple[str, ...], Any],
    findings: list[Finding],
) -> None:
    depth = len(path)
    here = {key[depth] for key in known if len(key) > depth and key[:depth] == path}
    for key, value in data.items():
        name = str(key)
        full = (*path, name)
        if name not in here:
            findings.append(
                Finding(
                    code="unknown_setting",
                    message=f"{file}: unknown setting {'.'.join(full)!r}",
                    file=file,
                    hint=did_you_mean(name, here),
                )
            )
        elif full in known:
            values[full] = value
        elif isinstance(value, dict):
            _read_file(value, full, known, file, values, findings)
        else:
            findings.append(
                Finding(
                    code="setting_value",
                    message=f"{file}: {'.'.join(full)!r} is a section of settings",
                    file=file,
                )
            )


def _read_environment(
    environ: Mapping[str, str],
    known: Mapping[tuple[str, ...], Setting],
    values: dict[tuple[str, ...], Any],
    findings: list[Finding],
) -> None:
    variables = {setting.variable: setting for setting in known.values()}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in FREE_VARIABLES:
            continue
        setting = variables.get(name)
        if setting is None:
            findings.append(
                Finding(
                    code="unknown_variable",
                    message=f"unknown variable {name}",
                    hint=did_you_mean(name, [*variables, *FREE_VARIABLES]),
                )
            )
        else:
            is_list = str(setting.type).startswith(("tuple", "list"))
            values[setting.path] = _FromEnvironment(text.split(",") if is_list else text)


def _build(root: type[T], tree: Mapping[str, Any]) -> T:
    hints = get_type_hints(root)
    arguments: dict[str, Any] = {}
    for name, value in tree.items():
        kind = hints[name]
        nested = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        arguments[name] = _build(kind, value) if nested else value
    return root(**arguments)
