"""The geo database: a file the operator points to."""

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from trackplane.errors import ConfigurationError
from trackplane.geo import open_geo


def test_records_are_found_by_address(tmp_path):
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True)
    writer.insert_network(IPSet(["1.2.3.0/24"]), {"country": {"iso_code": "SG"}})
    path = tmp_path / "geo.mmdb"
    writer.to_db_file(str(path))
    read = open_geo(str(path))
    assert read("1.2.3.4") == {"country": {"iso_code": "SG"}}
    assert read("9.9.9.9") is None
    assert read("no address") is None


def test_no_file_is_no_reader():
    assert open_geo("") is None


def test_a_file_that_is_no_database_is_said_so(tmp_path):
    path = tmp_path / "geo.mmdb"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigurationError, match=r"geo\.mmdb"):
        open_geo(str(path))
    with pytest.raises(ConfigurationError, match="missing"):
        open_geo(str(tmp_path / "missing.mmdb"))
