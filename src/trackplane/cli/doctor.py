"""``trackplane doctor``: is this machine fit to run the platform, and what is weaker here?

Every check looks and tidies up after itself; none of them changes what is kept. It may run beside a
running platform.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import platform
import resource
import shutil
import socket
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
import typer

from trackplane import __version__
from trackplane.app import DATA_VERSION, Settings, load_settings
from trackplane.cli.output import FINDINGS, JsonOption, emit_json, say
from trackplane.cli.platform import ConfigOption
from trackplane.errors import ConfigurationError
from trackplane.geo import open_geo
from trackplane.rules.ir import ScriptText
from trackplane.scripts.pool import ScriptFailure, ScriptPool
from trackplane.scripts.process import IsolationError, Spawner, missing_layers

State = Literal["ok", "warning", "failed"]

_LAYERS: Final[Mapping[str, str]] = {
    "uid": "scripts run as this user, not as one of their own",
    "user": "no user namespace: what follows from it is missing too",
    "pid": "scripts share the host's process numbers",
    "net": "scripts are on the host's network, kept from it by the system-call filter alone",
    "ipc": "scripts share the host's shared memory and name, kept from it by the filter alone",
    "mount": "scripts see the host's file system, kept from it by the filter alone",
    "privileges": "scripts could gain privileges",
    "limits": "scripts have no limits of memory and CPU",
    "seccomp": "scripts may make any system call",
}
_PACKAGES: Final = ("duckdb", "msgspec", "pyarrow", "litestar", "grpcio")
_GB: Final = 1 << 30
_SLOW_SYNC_MS: Final = 50
_OLD_GEO_DAYS: Final = 90
_THIS_RELEASE_S: Final = 1_790_000_000  # September 2026: a clock before it is wrong


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing looked at."""

    name: str
    state: State = "ok"
    message: str
    hint: str = ""


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(doctor)


def doctor(config: Path = ConfigOption, as_json: bool = JsonOption) -> None:
    """Look whether this machine is fit, and what is weaker on it.

    Example: trackplane doctor
    """
    settings = load_settings(config, os.environ)
    data = Path(settings.data)
    checks: list[Check] = []
    for look in _looks(settings, data):
        try:
            checks += look()
        except OSError as error:
            checks.append(Check(name=look.__name__.strip("_"), state="failed", message=str(error)))
    failed = any(check.state == "failed" for check in checks)
    if as_json:
        emit_json({"ok": not failed, "checks": checks})
    else:
        for check in checks:
            mark = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED "}[check.state]
            say(f"{mark}  {check.name}: {check.message}")
            if check.hint:
                say(f"         hint: {check.hint}")
    if failed:
        raise typer.Exit(FINDINGS)


def _looks(settings: Settings, data: Path) -> list[Callable[[], list[Check]]]:
    def named(name: str, look: Callable[[], Iterator[Check]]) -> Callable[[], list[Check]]:
        def found() -> list[Check]:
            return list(look())

        found.__name__ = name
        return found

    return [
        named("versions", lambda: _versions(data)),
        named("data", lambda: _data(data)),
        named("disk", lambda: _disk(data)),
        named("clock", lambda: _clock(data)),
        named("limits", _limits),
        named("ports", lambda: _ports(settings, data)),
        named("secrets", lambda: _secrets(Path(settings.secrets_folder or data / "secrets"))),
        named("geo", lambda: _geo(settings.geo_database)),
        named("isolation", lambda: _isolation(settings)),
    ]


def _versions(data: Path) -> Iterator[Check]:
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    python = platform.python_version()
    yield Check(
        name="versions",
        message=f"trackplane {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, "
        f"{packages}, {platform.system()} {platform.release()}",
    )
    file = data / "VERSION"
    if file.is_file():
        text = file.read_text(encoding="utf-8").strip()
        if not text.isdigit() or int(text) > DATA_VERSION:
            yield Check(
                name="versions",
                state="failed",
                message=f"the data are of version {text}; this release reads up to {DATA_VERSION}",
                hint="run the release that wrote them, or a newer one",
            )


def _there(data: Path) -> Path:
    """Return the data folder, or the nearest folder above it that is there."""
    found = data.absolute()
    while not found.exists():
        found = found.parent
    return found


def _data(data: Path) -> Iterator[Check]:
    folder = _there(data)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            spent = (time.perf_counter() - started) * 1000
    except OSError as error:
        yield Check(
            name="data",
            state="failed",
            message=f"{folder} cannot be written durably: {error.strerror}",
            hint="set `data` to a folder that this user may write",
        )
        return
    text = f"{data} can be written; one sync took {spent:.1f} ms"
    if folder != data.absolute():
        text = f"{data} is not there yet and can be made; one sync took {spent:.1f} ms"
    slow = spent > _SLOW_SYNC_MS
    hint = "uploads are answered after a sync: use a local SSD" if slow else ""
    yield Check(name="data", state="warning" if slow else "ok", message=text, hint=hint)


def _disk(data: Path) -> Iterator[Check]:
    usage = shutil.disk_usage(_there(data))
    free = usage.free / _GB
    text = f"{free:.1f} GB free of {usage.total / _GB:.1f} GB"
    if free < 1:
        hint = "a full disk refuses uploads: make room, or set retention.lane_bytes"
        yield Check(name="disk", state="failed", message=text, hint=hint)
    elif free < 5:
        yield Check(name="disk", state="warning", message=text, hint="see docs/lake.md, retention")
    else:
        yield Check(name="disk", message=text)


def _clock(data: Path) -> Iterator[Check]:
    now = time.time()
    if now < _THIS_RELEASE_S:
        yield Check(
            name="clock",
            state="failed",
            message=f"it says {time.strftime('%Y-%m-%d', time.gmtime(now))}, before this release",
            hint="run an NTP client: events are stamped with this clock",
        )
        return
    with tempfile.NamedTemporaryFile(dir=_there(data), prefix=".doctor-") as file:
        apart = abs(os.fstat(file.fileno()).st_mtime - time.time())
    if apart > 2:
        text = f"the file system's clock is {apart:.0f} s away from this machine's"
        yield Check(name="clock", state="warning", message=text, hint="synchronise both by NTP")
    else:
        yield Check(name="clock", message=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def _limits() -> Iterator[Check]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = files == resource.RLIM_INFINITY or files >= 1024
    yield Check(
        name="limits",
        state="ok" if enough else "warning",
        message=f"{files} open files a process",
        hint="" if enough else "raise it to 4096 or more (ulimit -n)",
    )


def _ports(settings: Settings, data: Path) -> Iterator[Check]:
    wanted = {
        "collector": (settings.collector.host, settings.collector.port),
        "console and API": (settings.control.host, settings.control.port),
        "discovery": (settings.control.grpc_host, settings.control.grpc_port),
    }
    running = _runs(data)
    for what, (host, port) in wanted.items():
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            if running:
                message = f"{host}:{port} ({what}) is in use; a platform runs on this data folder"
                yield Check(name="ports", message=message)
            else:
                message = f"{host}:{port} ({what}) cannot be used: {error.strerror}"
                hint = "stop what listens there, or set another port"
                yield Check(name="ports", state="failed", message=message, hint=hint)
        else:
            yield Check(name="ports", message=f"{host}:{port} ({what}) is free")


def _runs(data: Path) -> bool:
    """Say whether `trackplane up` holds the data folder."""
    try:
        descriptor = os.open(data / "up.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _secrets(folder: Path) -> Iterator[Check]:
    if not folder.exists():
        yield Check(name="secrets", message=f"{folder} is not there; `trackplane up` makes it")
        return
    inside = sorted(folder.rglob("*"))
    for path in (folder, *inside):
        found = path.stat()
        mode = 0o700 if path.is_dir() else 0o600
        if stat.S_IMODE(found.st_mode) & ~mode:
            yield Check(
                name="secrets",
                state="failed",
                message=f"{path} may be read by others (mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"chmod {mode:o} {path}",
            )
        elif not os.access(path, os.R_OK):
            yield Check(
                name="secrets",
                state="failed",
                message=f"{path} cannot be read by this user",
                hint="the workers' user owns the folder of secrets",
            )
    yield Check(name="secrets", message=f"{folder} has {sum(map(Path.is_file, inside))} secrets")


def _geo(database: str) -> Iterator[Check]:
    if not database:
        yield Check(name="geo", message="no geo database is set: rules that use geo() are refused")
        return
    try:
        open_geo(database)
    except ConfigurationError as error:
        yield Check(name="geo", state="failed", message=error.message, hint=error.hint or "")
        return
    days = (time.time() - Path(database).stat().st_mtime) / 86_400
    yield Check(
        name="geo",
        state="warning" if days > _OLD_GEO_DAYS else "ok",
        message=f"{database} can be read; the file is {days:.0f} days old",
        hint="fetch a newer one" if days > _OLD_GEO_DAYS else "",
    )


def _isolation(settings: Settings) -> Iterator[Check]:
    spawner = Spawner()
    try:
        missing = missing_layers(spawner.layers())
    except IsolationError as error:
        yield Check(
            name="isolation",
            state="warning",
            message=f"scripts are refused: {error.message}",
            hint="install libseccomp2, on Linux 5.4 or newer; rules without scripts are not affected",
        )
        return
    finally:
        spawner.close()
    accepted = settings.scripts.allow_weaker_isolation
    for layer in missing:
        yield Check(name="isolation", state="warning", message=f"{layer}: {_LAYERS[layer]}")
    if missing and not accepted:
        yield Check(
            name="isolation",
            state="warning",
            message="scripts are refused here",
            hint="allow unprivileged user namespaces, or accept the above by "
            "TRACKPLANE_SCRIPTS_ALLOW_WEAKER_ISOLATION=true",
        )
        return
    yield _try_out(settings, missing)


def _try_out(settings: Settings, missing: tuple[str, ...]) -> Check:
    """Run a script that tries to open a file: it must compute, and be refused."""
    pool = ScriptPool(settings.scripts, clock=lambda: time.monotonic_ns() // 1_000_000)
    text = (
        "import dataclasses\n"
        "def transform(event):\n"
        "    if event['open']:\n"
        "        dataclasses.sys.modules['posix'].open('/', 0)\n"
        "    return event\n"
    )
    pool.configure({"doctor": ScriptText(name="doctor", text=text)})
    try:
        good, bad = pool.run("doctor", [b'{"open":false}', b'{"open":true}'])
    finally:
        pool.close()
    if isinstance(good, ScriptFailure) or not isinstance(bad, ScriptFailure):
        message = "a script did not run as it must"
        if isinstance(good, ScriptFailure):
            message += f": {good.message}"
        return Check(name="isolation", state="failed", message=message)
    layers = f"without {', '.join(missing)}" if missing else "with every layer"
    return Check(name="isolation", message=f"scripts run isolated, {layers}")
