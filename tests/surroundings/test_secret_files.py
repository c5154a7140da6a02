"""The folder of secrets: by name, for its owner alone, never in a message."""

import pytest

from trackplane.errors import ConfigurationError
from trackplane.secret_files import SecretFolder


def test_tokens_of_sinks_are_apart_from_keys_of_rules(tmp_path):
    """A dataset names the token that is sent to its address: that must never be a rule's key."""
    folder = SecretFolder(tmp_path / "secrets")
    folder.make_default()
    (folder.path / "sinks").mkdir(mode=0o700)
    (folder.path / "sinks" / "crm").write_text("t0ken\n")
    assert set(folder.all()) == {"default"}
    assert folder.sinks.read("crm") == b"t0ken"
    with pytest.raises(ConfigurationError, match="no secret 'default'"):
        folder.sinks.read("default")


def test_the_default_key_is_made_once_for_its_owner_alone(tmp_path):
    folder = SecretFolder(tmp_path / "secrets")
    assert folder.make_default()
    first = folder.read("default")
    assert len(first) == 64
    assert not folder.make_default()
    assert folder.read("default") == first
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets" / "default").stat().st_mode & 0o777 == 0o600


def test_white_space_around_a_secret_does_not_count(tmp_path):
    (tmp_path / "crm").write_text("  abc\n")
    assert SecretFolder(tmp_path).all() == {"crm": b"abc"}


def test_a_folder_that_is_not_there_has_no_secrets(tmp_path):
    assert SecretFolder(tmp_path / "none").names() == frozenset()


def test_hidden_files_and_folders_are_no_secrets(tmp_path):
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "folder").mkdir()
    assert SecretFolder(tmp_path).names() == frozenset()


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a/b", "a b"])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="no name"):
        SecretFolder(tmp_path).read(name)


def test_a_missing_secret_has_a_nearest_name(tmp_path):
    (tmp_path / "default").write_text("x")
    with pytest.raises(ConfigurationError, match="did you mean 'default'"):
        SecretFolder(tmp_path).read("defalt")


def test_an_empty_secret_is_refused(tmp_path):
    (tmp_path / "crm").write_text("\n")
    with pytest.raises(ConfigurationError, match="empty"):
        SecretFolder(tmp_path).read("crm")
