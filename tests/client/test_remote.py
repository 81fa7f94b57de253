"""The API over HTTP against a server that is not ours: nothing of ours is needed, and every failure is told rightly."""

from __future__ import annotations

import socket
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import production_server as production
import pytest
from production_server import Production

from mlops_cli.client.api import Api
from mlops_cli.client.connect import connect
from mlops_cli.config.settings import load_settings
from mlops_cli.errors import Conflict, NotFound, TimedOut, Unauthorized, Unreachable


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Production]:
    with Production(tmp_path / "production") as found:
        yield found


@pytest.fixture
def api(server: Production, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with open_api(server, monkeypatch) as found:
        yield found


def open_api(server: Production, monkeypatch: pytest.MonkeyPatch, **more: str) -> Api:
    for name, value in {**server.environment(), **more}.items():
        monkeypatch.setenv(name, value)
    return connect(load_settings())


def new_task(api: Api, name: str = "a task") -> str:
    return api.tasks.create({"name": name, "type": "training"})


def test_one_login_serves_many_commands(server: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        with open_api(server, monkeypatch) as api:
            assert api.tasks.find({}) == []
    assert len(server.calls("auth.login")) == 1


def test_calls_go_by_post_in_a_version_that_the_server_knows(server: Production, api: Api) -> None:
    api.tasks.find({})
    assert server.seen[-1][:2] == ("POST", "/v2.20/tasks.get_all")


def test_a_token_that_ended_is_renewed_once_and_the_call_repeated(server: Production, api: Api) -> None:
    server.once("tasks.create", production.token_ended)
    new_task(api)
    assert len(server.calls("auth.login")) == 2
    assert len(api.tasks.find({})) == 1


def test_a_wrong_key_is_told_with_where_it_came_from_and_not_tried_again(
    server: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_api(server, monkeypatch, CLEARML_API_SECRET_KEY="wrong") as api:
        for _ in range(3):
            with pytest.raises(Unauthorized, match="CLEARML_API_ACCESS_KEY"):
                api.tasks.find({})
    assert len(server.calls("auth.login")) == 1


def test_a_proxy_that_lets_only_get_pass_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Production(tmp_path / "p", method="GET") as server, open_api(server, monkeypatch) as api:
        task = new_task(api)
        assert api.tasks.document(task)["name"] == "a task"


def test_a_server_that_is_busy_is_asked_again(server: Production, api: Api) -> None:
    server.once("tasks.create", production.unavailable)
    new_task(api)
    assert len(server.dispatch("tasks.get_all")["tasks"]) == 1


def test_a_read_is_repeated_after_a_cut(server: Production, api: Api) -> None:
    new_task(api)
    server.once("tasks.get_all", production.cut_before)
    assert len(api.tasks.find({})) == 1


def test_what_must_not_happen_twice_is_not_repeated_after_a_cut(server: Production, api: Api) -> None:
    api.tasks.find({})
    server.once("tasks.create", production.cut_after)
    with pytest.raises(Unreachable, match="was cut"):
        new_task(api)
    assert len(server.dispatch("tasks.get_all")["tasks"]) == 1


def test_nobody_listening_is_told_with_the_setting(server: Production, api: Api) -> None:
    server.stop()
    with pytest.raises(Unreachable, match=r"nobody listens at 127.0.0.1") as caught:
        api.tasks.find({})
    assert "MLOPS_SERVER" in caught.value.hint
    server.start()
    assert api.tasks.find({}) == []


def test_nonsense_is_told_as_such(server: Production, api: Api) -> None:
    server.once("tasks.get_all", production.nonsense)
    with pytest.raises(Unreachable, match=r"does not answer tasks.get_all as the API does .*text/html.*hotel"):
        api.tasks.find({})


def test_a_name_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_SERVER", "http://no-such-host.invalid:8008")
    monkeypatch.setenv("MLOPS_TOKEN", "x")
    with (
        connect(load_settings()) as api,
        pytest.raises(Unreachable, match=r"no machine is called no-such-host.invalid"),
    ):
        api.tasks.find({})


def test_a_proxy_that_fails_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_SERVER", "http://tracking.example")
    monkeypatch.setenv("http_proxy", "http://me:geheim@127.0.0.1:1")
    monkeypatch.setenv("MLOPS_TOKEN", "x")
    with connect(load_settings()) as api, pytest.raises(Unreachable, match=r"the proxy 127.0.0.1:1") as caught:
        api.tasks.find({})
    assert "geheim" not in f"{caught.value.message}{caught.value.hint}" and "NO_PROXY" in caught.value.hint


def test_tls_where_there_is_none_is_told(server: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    secure = {"CLEARML_API_HOST": server.url.replace("http", "https")}
    with open_api(server, monkeypatch, **secure) as api, pytest.raises(Unreachable, match="does not prove") as caught:
        api.tasks.find({})
    assert "MLOPS_CACERT" in caught.value.hint


def test_a_slow_server_is_given_up_after_the_time_of_the_setting(
    server: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_api(server, monkeypatch, MLOPS_TIMEOUT="0.3") as api:
        api.tasks.find({})
        server.once("tasks.get_all", production.slow(1.0))
        with pytest.raises(TimedOut, match=r"within 0.3 s") as caught:
            api.tasks.find({})
    assert "MLOPS_TIMEOUT" in caught.value.hint


def test_refusals_become_the_errors_of_the_embedded_store(api: Api) -> None:
    with pytest.raises(NotFound) as missing:
        api.tasks.document("0" * 32)
    assert missing.value.subcode == 101
    task = new_task(api)
    api.tasks.started(task)
    api.tasks.completed(task)
    with pytest.raises(Conflict) as ended:
        api.tasks.add_artifacts(task, [{"key": "a", "type": "file", "mode": "output", "uri": "file:///x"}])
    assert ended.value.subcode == 110


def test_what_a_server_lacks_is_asked_for_once_and_stood_in_for(
    server: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_api(server, monkeypatch) as api:
        task = new_task(api)
        api.tasks.edit_runtime(task, {"a": 1})
    with open_api(server, monkeypatch) as api:
        api.tasks.edit_runtime(task, {"b": 2})
        assert api.tasks.document(task)["runtime"] == {"a": 1, "b": 2}
    assert len(server.calls("tasks.edit_runtime")) == 1


@pytest.mark.parametrize("older", [set(), {"tasks.archive_many", "tasks.unarchive_many", "tasks.update_tags",
                                           "tasks.move", "tasks.update", "users.get_current_user",
                                           "events.get_multi_task_metrics"}])  # fmt: skip
def test_changes_work_with_and_without_the_newer_calls(
    older: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Production(tmp_path / "p", lacks=older) as server, open_api(server, monkeypatch) as api:
        task = new_task(api)
        api.tasks.update_tags([task], add=["a", "b"])
        api.tasks.update_tags([task], add=["c"], remove=["a"])
        api.tasks.archive([task])
        api.tasks.move([task], "there/deep")
        api.tasks.update(task, {"comment": "noted"})
        found = api.tasks.document(task)
        assert (found["tags"], found["system_tags"], found["comment"]) == (["b", "c"], ["archived"], "noted")
        assert api.projects.get(found["project"])["name"] == "there/deep"
        api.tasks.unarchive([task])
        assert api.tasks.document(task)["system_tags"] == []
        assert api.users.me["id"] == server.store.owner.user
        columns(api, task, 0, 1, values=[0.5])
        assert api.events.names(task) == {"loss": ["train"]}


def test_more_than_a_page_is_paged_through(server: Production, api: Api) -> None:
    for at in range(1003):
        server.dispatch("tasks.create", {"name": f"task {at}", "type": "training"})
    assert len({task["id"] for task in api.tasks.find({"only_fields": ["id"]})}) == 1003


def test_a_server_that_does_not_know_the_question_does_not_lend_us_anothers_task(api: Api) -> None:
    new_task(api)
    assert api.tasks.find_run("f" * 32) is None


def columns(
    api: Api,
    task: str,
    offset: int,
    until: int,
    *,
    values: list[float] = (),  # type: ignore[assignment]
    console: bytes = b"",
    stream: str = "console/out",
) -> dict[str, object]:
    steps = array("q", range(len(values)))
    scalars = [{"metric": "loss", "variant": "train", "iter": steps, "value": array("d", values), "timestamp": steps}]
    body = {"task": task, "run": "r", "stream": stream, "offset": offset, "next": until, "worker": "here"}
    entries = [{"timestamp": 1000 + offset, "level": "info", "raw": console}] if console else []
    return api.events.add_columns({**body, "scalars": scalars if values else [], "events": [], "console": entries})


def test_points_that_are_no_numbers_are_left_out_and_counted(server: Production, api: Api) -> None:
    task = new_task(api)
    answer = columns(api, task, 0, 10, values=[1.0, float("nan"), 2.0, float("inf")])
    assert (answer["added"], answer["errors"]) == (2, 2)
    assert [point["value"] for point in api.events.points(task, "loss")] == [1.0, 2.0]


def test_points_sent_twice_count_once(server: Production, api: Api) -> None:
    task = new_task(api)
    api.tasks.find({})
    server.once("events.add_batch", production.cut_after)
    columns(api, task, 0, 10, values=[3.0, 2.0, 1.0])
    assert len(list(api.events.points(task, "loss"))) == 3


@pytest.mark.parametrize("mishap", ["cut_before", "cut_after", "cut_in_the_middle"])
def test_log_lines_come_once_whatever_became_of_the_batch(server: Production, api: Api, mishap: str) -> None:
    task = new_task(api)
    first = "".join(f"line {at}\n" for at in range(10)).encode()
    # Messages of 64 KiB: the batch has several, so that its middle is a place.
    second = b"".join(b"row %d " % at + b"x" * 9000 + b"\n" for at in range(40))
    columns(api, task, 0, len(first), console=first)
    server.once("events.add_batch", getattr(production, mishap))
    with pytest.raises(Unreachable):
        columns(api, task, len(first), len(first) + len(second), console=second)
    third = second + b"and more\n"
    columns(api, task, len(first), len(first) + len(third), console=third)
    assert server.log_lines(task) == (first + third).decode().splitlines()


def test_equal_lines_after_a_cut_are_neither_lost_nor_doubled(server: Production, api: Api) -> None:
    task = new_task(api)
    columns(api, task, 0, 10, console=b"step\n" * 2)
    server.once("events.add_batch", production.cut_before)
    with pytest.raises(Unreachable):
        columns(api, task, 10, 25, console=b"step\n" * 3)
    columns(api, task, 10, 25, console=b"step\n" * 3)
    assert server.log_lines(task) == ["step"] * 5


def test_another_process_goes_on_after_the_last_line_that_arrived(
    server: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_api(server, monkeypatch) as api:
        task = new_task(api)
        columns(api, task, 0, 12, console=b"one\ntwo\n")
        columns(api, task, 12, 20, console=b"three\n")
    with open_api(server, monkeypatch) as api:  # it died before it noted that "three" was sent
        columns(api, task, 12, 30, console=b"three\nfour\n")
    assert server.log_lines(task) == ["one", "two", "three", "four"]


def test_large_batches_are_cut_into_bodies_that_the_server_takes(server: Production, api: Api) -> None:
    server.max_bytes = 9 << 20
    task = new_task(api)
    answer = columns(api, task, 0, 10, values=[float(at) for at in range(60_000)])
    assert answer["added"] == 60_000
    assert len(server.calls("events.add_batch")) > 1


def test_console_and_curves_are_read_by_the_calls_that_every_server_has(server: Production, api: Api) -> None:
    task = new_task(api)
    columns(api, task, 0, 9, values=[0.3, 0.2, 0.1], console=b"a\nb\n")
    page = api.events.console(task)
    assert b"".join(chunk["raw"] for chunk in page["chunks"]) == b"a\nb\n" and not page["more"]
    assert api.events.console(task, after=page["last"])["chunks"] == []
    curve = api.events.curve(task, "loss", "train", samples=100)
    assert (curve["x"], curve["last"]) == ([0, 1, 2], [0.3, 0.2, 0.1])


def test_credentials_of_the_environment_do_not_go_where_a_projects_file_points(
    server: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlops.toml").write_text(f'server = "{server.url}"\n')
    monkeypatch.setenv("CLEARML_API_ACCESS_KEY", production.KEY)
    monkeypatch.setenv("CLEARML_API_SECRET_KEY", production.SECRET)
    with connect(load_settings(cwd=tmp_path)) as api, pytest.raises(Unauthorized, match="no credentials"):
        api.tasks.find({})
    assert server.seen == []


def test_a_server_that_answers_with_another_address_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                link, _ = listening.accept()
                link.recv(65536)
                link.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")
                link.close()

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("MLOPS_SERVER", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("MLOPS_TOKEN", "x")
        with connect(load_settings()) as api, pytest.raises(Unreachable, match=r"sends us to http://evil.example/"):
            api.tasks.find({})
