"""Makes the peers from their registries into ``.cache/bench``: pinned versions, checked hashes.

Maven's jars are held against ``jars.sha256``; Go checks ``go.sum`` and Cargo its lock by themselves. A peer
whose tools are missing is left out, and said to be.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "peers"
CACHE = Path(__file__).parents[2] / ".cache" / "bench"
# Cargo writes the index's address into its lock; here it has a placeholder.
INDEX = "registry+https://github.com/rust-lang/crates" + ".io-index"
Command = list[str]


class BuildError(Exception):
    """A peer could not be made."""


def build() -> dict[str, Command]:
    """Return how each peer that there is is started."""
    found: dict[str, Command] = {}
    for name, tools, make in (
        ("java", ("mvn", "javac", "java"), _java),
        ("go", ("go",), _go),
        ("rust", ("cargo",), _rust),
    ):
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if missing:
            print(f"  not measured: peers/{name}, no {', '.join(missing)} here", file=sys.stderr)
            continue
        try:
            found[name] = make(_fresh(name))
        except (BuildError, OSError) as error:
            print(f"  not measured: peers/{name}: {error}", file=sys.stderr)
    return found


def _fresh(name: str) -> tuple[Path, bool]:
    """Return the peer's folder in the cache, with its sources, and whether it must be built."""
    source, folder = HERE / name, CACHE / name
    files = sorted(path for path in source.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    stamp = folder / "built"
    if stamp.is_file() and stamp.read_text() == digest:
        return folder, False
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    (folder / "digest").write_text(digest)
    return folder, True


def _done(folder: Path) -> None:
    (folder / "digest").rename(folder / "built")


def _run(command: Command, folder: Path) -> None:
    print(f"  building: {' '.join(command[:3])} …", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _java(made: tuple[Path, bool]) -> Command:
    folder, due = made
    if due:
        _run(["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib"], folder)
        for line in (folder / "jars.sha256").read_text().splitlines():
            digest, name = line.split()
            jar = folder / "lib" / name
            if not jar.is_file() or hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
                raise BuildError(f"{name} is not what it was")
        if len(list((folder / "lib").iterdir())) != len(
            (folder / "jars.sha256").read_text().splitlines()
        ):
            raise BuildError("there is a jar that jars.sha256 does not know")
        sources = [str(path) for path in (folder / "src").glob("*.java")]
        _run(["javac", "-nowarn", "-cp", "lib/*", "-d", "classes", *sources], folder)
        _done(folder)
    classes = f"{folder / 'lib'}/*:{folder / 'classes'}"
    return ["java", "-Xmx6g", "-XX:+UseParallelGC", "-cp", classes, "Bench"]


def _go(made: tuple[Path, bool]) -> Command:
    folder, due = made
    if due:
        _run(["go", "build", "-mod=readonly", "-o", "peer", "."], folder)
        _done(folder)
    return [str(folder / "peer")]


def _rust(made: tuple[Path, bool]) -> Command:
    folder, due = made
    if due:
        lock = (folder / "crates.lock").read_text().replace("@INDEX@", INDEX)
        (folder / "Cargo.lock").write_text(lock)
        _run(["cargo", "build", "--release", "--locked", "--quiet"], folder)
        _done(folder)
    return [str(folder / "target" / "release" / "peer")]
