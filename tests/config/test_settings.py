from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.config import sources
from mlops_cli.config.settings import Settings, load_settings
from mlops_cli.errors import InvalidInput


def _load(tmp_path: Path, *, flags: dict[str, object] | None = None, **env: str) -> Settings:
    here = tmp_path / "work"
    here.mkdir(exist_ok=True)
    return load_settings(flags, env={"MLOPS_HOME": str(tmp_path / "home"), **env}, cwd=here)


def _user_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text(content)


def test_each_place_wins_over_the_next_and_says_where_the_value_is_from(tmp_path: Path) -> None:
    assert _load(tmp_path).values["server"].origin == "default"
    _user_file(tmp_path, 'server = "http://user"\ncontext = "lab"\n[contexts.lab]\n')
    settings = _load(tmp_path)
    assert (settings.server, settings.origin("server")) == ("http://user", str(tmp_path / "home/config.toml"))
    _user_file(tmp_path, 'server = "http://user"\ncontext = "lab"\n[contexts.lab]\nserver = "http://lab"\n')
    assert (_load(tmp_path).server, _load(tmp_path).origin("server")) == ("http://lab", "context lab")
    (tmp_path / "work" / "mlops.toml").write_text('server = "http://project"\n')
    assert _load(tmp_path).origin("server") == str(tmp_path / "work/mlops.toml")
    assert _load(tmp_path, CLEARML_API_HOST="http://c").origin("server") == "CLEARML_API_HOST"
    both = _load(tmp_path, CLEARML_API_HOST="http://c", MLOPS_SERVER="embedded")
    assert (both.server, both.origin("server")) == (None, "MLOPS_SERVER")
    assert _load(tmp_path, flags={"server": "http://f"}, MLOPS_SERVER="x").origin("server") == "flag"


def test_a_project_is_named_after_the_repository_without_asking_git(tmp_path: Path) -> None:
    top = tmp_path / "digits"
    (top / "src" / "deep").mkdir(parents=True)
    (top / ".git").write_text("gitdir: elsewhere\n")
    settings = load_settings(env={"MLOPS_HOME": str(tmp_path)}, cwd=top / "src" / "deep")
    assert settings.project == "digits"
    assert settings.origin("project") == "name of the repository's folder"


def test_a_folder_with_a_short_or_strange_name_gives_a_project_that_servers_accept(tmp_path: Path) -> None:
    for name in ("ml", "\udcff"):
        folder = tmp_path / name
        folder.mkdir()
        project = load_settings(env={"MLOPS_HOME": str(tmp_path)}, cwd=folder).project
        assert len(project) >= 3
        project.encode()


def test_pyproject_counts_only_with_our_table(tmp_path: Path) -> None:
    outer = tmp_path / "pyproject.toml"
    outer.write_text('[tool.mlops]\nproject = "team/digits"\n[tool.mlops.capture]\nmax_file_bytes = "2MB"\n')
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "pyproject.toml").write_text("[tool.other]\n")
    settings = _load(tmp_path)
    assert settings.project == "team/digits"
    assert settings["capture.max_file_bytes"] == 2_000_000


def test_a_cloned_project_can_neither_choose_a_program_nor_switch_the_filter_off(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mlops.toml").write_text('pager = "rm -rf ~"\nsecrets = "keep"\n')
    settings = _load(tmp_path)
    assert (settings.pager, settings.secrets) == ("", "redact")
    assert len(settings.warnings) == 2


def test_an_unknown_name_is_a_warning_with_the_nearest_one(tmp_path: Path) -> None:
    _user_file(tmp_path, 'projcet = "x"\n')
    assert "did you mean `project`?" in _load(tmp_path).warnings[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("secrets = 'maybe'", "redact or refuse or keep"),
        ("[[", "not valid TOML"),
        ("capture.max_file_bytes=-1", "size"),
    ],
)
def test_a_value_that_cannot_be_right_names_its_file(tmp_path: Path, content: str, says: str) -> None:
    _user_file(tmp_path, content)
    with pytest.raises(InvalidInput, match=says) as caught:
        _load(tmp_path)
    assert "config.toml" in caught.value.message


def test_an_unknown_context_lists_the_known_ones(tmp_path: Path) -> None:
    _user_file(tmp_path, "[contexts.lab]\n[contexts.home]\n")
    with pytest.raises(InvalidInput, match="known: home, lab"):
        _load(tmp_path, MLOPS_CONTEXT="labb")


def test_setting_a_value_keeps_comments_and_other_lines(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    sources.write_value(path, "project", 'we "quote" ünï\x7f')
    sources.write_value(path, "capture.max_file_bytes", 5)
    path.write_text("# mine\n" + path.read_text() + "# end\n")
    sources.write_value(path, "project", "other")
    sources.write_value(path, "metrics.less", ("a/b", "c"))
    sources.write_value(path, "capture.max_total_bytes", 7)
    assert sources.flatten(sources.read_table(path)) == {
        "project": "other",
        "capture.max_file_bytes": 5,
        "capture.max_total_bytes": 7,
        "metrics.less": ["a/b", "c"],
    }
    assert "# mine" in path.read_text() and "# end" in path.read_text()
    sources.write_value(path, "capture.max_file_bytes", None)
    assert "capture.max_file_bytes" not in sources.flatten(sources.read_table(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_a_value_written_in_another_form_is_not_corrupted(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("capture = { max_file_bytes = 1 }\n")
    with pytest.raises(InvalidInput):
        sources.write_value(path, "capture.max_file_bytes", 2)
    assert path.read_text() == "capture = { max_file_bytes = 1 }\n"


def test_without_files_no_toml_parser_and_no_platformdirs_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from mlops_cli.config.settings import load_settings; load_settings();"
        "heavy = {'tomli', 'platformdirs', 'json', 'subprocess', 'difflib', 'msgspec'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    env = {"MLOPS_HOME": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_home_below_a_plain_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="Not a directory") as caught:
        load_settings(env={"MLOPS_HOME": str(tmp_path / "file" / "home")}, cwd=tmp_path)
    assert "MLOPS_HOME" in caught.value.hint


LAB = '[contexts.lab]\nserver = "http://lab"\ntimeout = 5\n'


def test_a_context_that_a_flag_names_brings_its_server_whatever_the_environment_says(tmp_path: Path) -> None:
    _user_file(tmp_path, LAB)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mlops.toml").write_text('server = "http://project"\n')
    here = {"MLOPS_SERVER": "http://env", "CLEARML_FILES_HOST": "http://env-files"}
    chosen = _load(tmp_path, flags={"context": "lab"}, **here)
    assert (chosen.server, chosen.origin("server"), chosen["timeout"]) == ("http://lab", "context lab", 5.0)
    assert chosen.is_server_trusted and chosen.is_borrowed
    assert _load(tmp_path, MLOPS_CONTEXT="lab", **here).server == "http://env"


def test_the_keys_of_the_environment_are_for_the_server_that_it_names_or_for_any_when_it_names_none(
    tmp_path: Path,
) -> None:
    _user_file(tmp_path, LAB)
    assert not _load(tmp_path, flags={"context": "lab"}).is_borrowed
    assert not _load(tmp_path, flags={"context": "lab"}, MLOPS_SERVER="http://lab").is_borrowed
    assert not _load(tmp_path, MLOPS_SERVER="http://env").is_borrowed


def test_none_is_no_context(tmp_path: Path) -> None:
    _user_file(tmp_path, f'context = "lab"\n{LAB}')
    assert _load(tmp_path).server == "http://lab"
    none = _load(tmp_path, flags={"context": "none"})
    assert (none.server, none["context"]) == (None, "")
