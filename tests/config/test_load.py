"""The settings loader: files, variables, and all findings at once."""

from __future__ import annotations

import msgspec
import pytest

from trackplane.config import load, settings_of
from trackplane.errors import ConfigurationError


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A section.

    Attributes:
        host: where to listen.
        port: which port,
            over two lines.
        origins: allowed origins.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    origins: tuple[str, ...] = ()


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """The root.

    Attributes:
        data: the folder.
    """

    data: str = "data"
    server: Server = Server()


def read(text: str, **environ: str) -> Root:
    return load(Root, text=text, file="t.yaml", environ=environ)


def test_an_empty_file_gives_the_defaults() -> None:
    """Nothing has to be set."""
    assert read("") == Root()
    assert read("# only a comment\n") == Root()


def test_variables_win_over_the_file() -> None:
    """An operator overrides without editing."""
    text = "server: {port: 1, host: a}"
    got = read(text, TRACKPLANE_SERVER_PORT="2", TRACKPLANE_SERVER_ORIGINS="x,y", HOME="/")
    assert got == Root(server=Server(host="a", port=2, origins=("x", "y")))


def test_every_finding_comes_at_once_with_the_nearest_name() -> None:
    """Unknown keys, unknown variables and wrong values together."""
    with pytest.raises(ConfigurationError) as caught:
        read("serve: {}\nserver: {prot: 1, port: many}\n", TRACKPLANE_SERVER_HOTS="x")
    text = str(caught.value)
    assert "did you mean 'server'?" in text
    assert "did you mean 'port'?" in text
    assert "TRACKPLANE_SERVER_HOST" in text
    assert "server.port" in text
    assert len(caught.value.findings) == 4


@pytest.mark.parametrize("text", ["server: 1", "- a", "a: [", "server: {port: 1\n"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    """Never a traceback, whatever the file holds."""
    with pytest.raises(ConfigurationError):
        read(text)


def test_settings_carry_their_documentation() -> None:
    """The reference page is made from the structs."""
    texts = {setting.variable: setting.text for setting in settings_of(Root)}
    assert texts["TRACKPLANE_DATA"] == "the folder."
    assert texts["TRACKPLANE_SERVER_PORT"] == "which port, over two lines."
