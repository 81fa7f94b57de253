"""An existing clearml.conf, as people have it: read tolerantly, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_cli.config import clearml_conf
from mlops_cli.errors import InvalidInput, NotFound

FILE = """
# ClearML SDK configuration file
api {
    // Notice: 'host' is the api server (default port 8008), not the web server.
    api_server: http://localhost:8008
    web_server = "http://"${HOST}":8080"   # pages
    files_server: http://${HOST}:8081 // files
    credentials {"access_key" = "AB\\"C", "secret_key": s=e:c/r+et}
    http.retries.total = 3
    verify_certificate: true
    extra_retry_codes: [429, {a: 1}, ["x", "}"]]
}
sdk
{
  storage { cache { default_base_dir: "~/.clearml/cache" } }
  aws.s3 { key: "", credentials: [ { bucket: "x", key: "y" } ] }
  note: \"\"\"two
lines\"\"\"
  unset: ${?NOPE}
}
api.credentials.access_key: ${?KEY}
api.credentials { secret_key: "newer" }
"""


def test_the_keys_that_matter_are_read_from_a_file_as_people_have_it() -> None:
    found = clearml_conf.parse(FILE, {"HOST": "h.example"})
    assert found["api.api_server"] == "http://localhost:8008"
    assert found["api.web_server"] == "http://h.example:8080"
    assert found["api.files_server"] == "http://h.example:8081"
    assert found["api.credentials.access_key"] == 'AB"C'
    assert found["api.credentials.secret_key"] == "newer"
    assert found["api.http.retries.total"] == "3"
    assert found["sdk.note"] == "two\nlines"
    assert "sdk.unset" not in found and "sdk.aws.s3.credentials" not in found


def test_a_variable_of_the_environment_wins_where_the_file_names_it() -> None:
    assert clearml_conf.parse(FILE, {"KEY": "other"})["api.credentials.access_key"] == "other"


@pytest.mark.parametrize("text", ["", "}{][", "a = {", 'a = "', "a : : b", "\x00", "a = [[[", "= = =", '"""'])
def test_nothing_stops_the_reader(text: str) -> None:
    assert isinstance(clearml_conf.parse(text, {}), dict)


def test_secrets_with_signs_in_them_are_whole() -> None:
    text = 'api { api_server: x, credentials { access_key: A1, secret_key: "a#b//c:d=e{f}" } }'
    found = clearml_conf.parse(text, {})
    assert (found["api.credentials.access_key"], found["api.credentials.secret_key"]) == ("A1", "a#b//c:d=e{f}")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no"):
        clearml_conf.load(tmp_path / "none.conf")
    (tmp_path / "empty.conf").write_text("sdk {}\n")
    with pytest.raises(InvalidInput, match="names no server"):
        clearml_conf.load(tmp_path / "empty.conf")


def test_the_file_is_the_one_that_the_other_clients_read(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert clearml_conf.find(env) == tmp_path / "clearml.conf"
    (tmp_path / "trains.conf").touch()
    assert clearml_conf.find(env) == tmp_path / "trains.conf"
    assert clearml_conf.find({**env, "CLEARML_CONFIG_FILE": "/etc/c.conf"}) == Path("/etc/c.conf")
