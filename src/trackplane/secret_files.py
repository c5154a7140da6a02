"""The folder of secrets: keys and tokens, a file each, that rules and sinks know by name only.

Secrets never travel over discovery and never stand in a rule, a dataset or a log. Every node that
needs them is given the same folder. White space around a secret does not count.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trackplane.errors import ConfigurationError, did_you_mean

DEFAULT_KEY: Final = "default"
SINKS: Final = "sinks"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MOST_BYTES: Final = 64 * 1024


class SecretFolder:
    """Reads a folder of secrets; it need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def sinks(self) -> SecretFolder:
        """Return the folder inside it that has the tokens of sinks, which no rule can name.

        They are apart so that no dataset can have a rule's key sent to its address.
        """
        return SecretFolder(self.path / SINKS)

    def names(self) -> frozenset[str]:
        """Return the names there are.

        Raises:
            ConfigurationError: the folder cannot be read.
        """
        try:
            entries = list(self.path.iterdir())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise ConfigurationError(
                f"cannot read the folder of secrets: {error.strerror}"
            ) from error
        return frozenset(e.name for e in entries if _NAME.fullmatch(e.name) and e.is_file())

    def read(self, name: str) -> bytes:
        """Return a secret.

        Raises:
            ConfigurationError: there is none of this name, or it cannot be read.
        """
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no name of a secret", hint="letters, digits, _, - and dots"
            )
        path = self.path / name
        try:
            with path.open("rb") as file:
                found = file.read(_MOST_BYTES).strip()
        except OSError as error:
            hint = did_you_mean(name, self.names() - {name})
            raise ConfigurationError(
                f"there is no secret {name!r} that can be read: {error.strerror}",
                hint=hint or "put it as a file into the folder of secrets, readable by its owner",
            ) from error
        if not found:
            raise ConfigurationError(f"the secret {name!r} is empty")
        return found

    def all(self) -> Mapping[str, bytes]:
        """Return every secret by name.

        Raises:
            ConfigurationError: one cannot be read.
        """
        return {name: self.read(name) for name in sorted(self.names())}

    def make_default(self) -> bool:
        """Make the folder and a random key ``default``, for their owner alone; say if it was made.

        Raises:
            ConfigurationError: they cannot be written.
        """
        path = self.path / DEFAULT_KEY
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise ConfigurationError(
                f"cannot make the folder of secrets: {error.strerror}"
            ) from error
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        return True
