"""The status machine: every legal change, what it sets, force, abort, reset, delete."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops_cli.errors import Conflict
from mlops_cli.schemas.status import STATUSES, TRANSITIONS
from mlops_cli.server.store import task_status
from mlops_cli.testing.store import make_running_task, make_task

ENDPOINTS = {
    "in_progress": "tasks.started",
    "stopped": "tasks.stopped",
    "failed": "tasks.failed",
    "completed": "tasks.completed",
    "closed": "tasks.close",
    "published": "tasks.publish",
    "created": "tasks.reset",
}


def task_of(call, task_id):
    return call("tasks.get_by_id", task=task_id)["task"]


def in_status(call, store, status):
    task_id = make_task(store)
    call("tasks.edit", task=task_id, status=status, force=True)
    return task_id


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", ENDPOINTS)
def test_exactly_the_legal_changes_are_allowed_without_force(call, store, old, new):
    task_id = in_status(call, store, old)
    if new == old or new in TRANSITIONS[old]:
        assert call(ENDPOINTS[new], task=task_id)["fields"]["status"] == new
    else:
        with pytest.raises(Conflict) as caught:
            call(ENDPOINTS[new], task=task_id)
        assert (caught.value.http_status, caught.value.subcode) == (400, 110)
        assert task_of(call, task_id)["status"] == old
        assert call(ENDPOINTS[new], task=task_id, force=True)["fields"]["status"] == new
    assert task_of(call, task_id)["status"] == new


def test_reason_and_message_are_text_even_when_nobody_gave_them(call, store):
    task_id = make_task(store)
    call("tasks.started", task=task_id, status_reason="r", status_message="m")
    assert (task_of(call, task_id)["status_reason"], task_of(call, task_id)["status_message"]) == ("r", "m")
    call("tasks.started", task=task_id)
    assert (task_of(call, task_id)["status_reason"], task_of(call, task_id)["status_message"]) == ("", "")


def test_starting_again_keeps_the_time_and_continuing_an_ended_task_sets_a_new_one(call, store):
    task_id = make_task(store)
    assert call("tasks.started", task=task_id)["started"] == 1
    first = task_of(call, task_id)
    call("tasks.started", task=task_id)
    assert task_of(call, task_id)["started"] == first["started"]
    call("tasks.completed", task=task_id)
    assert task_of(call, task_id)["active_duration"] == 0
    call("tasks.started", task=task_id, force=True)
    again = task_of(call, task_id)
    assert again["started"] > first["started"] and "completed" not in again and "active_duration" not in again


def test_a_change_touches_the_project(call, store):
    project = call("projects.create", name="a project")["id"]
    task_id = make_task(store, project=project)
    before = call("projects.get_by_id", project=project)["project"]["last_update"]
    call("tasks.started", task=task_id)
    assert call("projects.get_by_id", project=project)["project"]["last_update"] > before


def test_completed_may_publish_with_the_last_output_model(call, store):
    task_id = make_running_task(store)
    first, last = (
        call("models.create", name=n, uri=f"file:///{n}", ready=False, task=task_id)["id"] for n in ("aaa", "bbb")
    )
    for name, model in (("x", first), ("y", last)):
        call("tasks.add_or_update_model", task=task_id, name=name, model=model, type="output")
    answer = call("tasks.completed", task=task_id, publish=True)
    assert answer["published"] == 1 and answer["fields"]["status"] == "published"
    assert [call("models.get_by_id", model=m)["model"]["ready"] for m in (first, last)] == [False, True]
    assert call("tasks.completed", task=make_running_task(store))["published"] == 0


def test_stop_ends_what_nobody_works_on_and_asks_a_live_worker(call, store):
    task_id = make_running_task(store)
    assert call("tasks.stop", task=task_id)["fields"]["status"] == "stopped"
    assert task_of(call, task_id)["status_message"].startswith("Stopped by ")
    working = make_running_task(store)
    with store.db.write() as connection:
        connection.execute("UPDATE tasks SET last_worker = 'host:0' WHERE id = ?", (working,))
    call("tasks.stop", task=working)
    assert (task_of(call, working)["status"], task_of(call, working)["status_message"]) == ("in_progress", "stopping")
    with store.db.write() as connection:
        connection.execute("UPDATE tasks SET last_update = '2020-01-01T00:00:00.000000+00:00' WHERE id = ?", (working,))
    call("tasks.stop", task=working)
    assert task_of(call, working)["status"] == "stopped"


def test_stop_reaches_the_steps_of_a_pipeline(call, store):
    parent = make_running_task(store, type="controller")
    step = make_running_task(store, parent=parent)
    call("tasks.stop", task=parent, include_pipeline_steps=True)
    assert task_of(call, step)["status"] == "stopped"


def test_reset_leaves_a_draft_with_its_inputs_and_nothing_else(call, store, tmp_path):
    (tmp_path / "out.bin").write_bytes(b"result")
    kept = store.files.put(tmp_path / "out.bin", "out.bin")
    task_id = make_running_task(store, runtime={"mlops_run": "a" * 32}, script={"diff": "d"})
    artifacts = [{"key": "out", "uri": kept.uri}, {"key": "in", "mode": "input"}]
    call("tasks.add_or_update_artifacts", task=task_id, artifacts=artifacts)
    model = call("models.create", name="draft", uri="file:///m", ready=False, task=task_id)["id"]
    call("tasks.add_or_update_model", task=task_id, name="m", model=model, type="output")
    event = {
        "type": "training_stats_scalar",
        "task": task_id,
        "metric": "loss",
        "variant": "train",
        "iter": 3,
        "value": 1.0,
    }
    call("events.add", event)
    assert task_of(call, task_id)["last_metrics"] and task_of(call, task_id)["last_iteration"] == 3
    call("tasks.completed", task=task_id)
    answer = call("tasks.reset", task=task_id, return_file_urls=True)
    assert answer["deleted_models"] == 1 and answer["fields"]["status"] == "created"
    assert answer["urls"]["artifact_urls"] == [store.files.absolute(kept.uri)]
    task = task_of(call, task_id)
    assert (task["status"], task["status_reason"], task["status_message"]) == ("created", "reset", "reset")
    assert task["last_metrics"] == {} and task["last_iteration"] == 0 and task["runtime"] == {}
    assert task["models"]["output"] == [] and [a["key"] for a in task["execution"]["artifacts"]] == ["in"]
    assert task["script"] == {"diff": "d"} and "started" not in task and "completed" not in task
    assert not kept.path.exists(), "the file that nobody names any more is gone"
    assert call("tasks.reset", task=task_id, clear_all=True)["updated"] == 1
    assert task_of(call, task_id)["script"] == {} and task_of(call, task_id)["execution"] == {}


def test_only_drafts_and_archived_tasks_are_deleted_without_force(call, store):
    task_id = make_running_task(store)
    with pytest.raises(Conflict) as caught:
        call("tasks.delete", task=task_id)
    assert caught.value.subcode == 123
    call("tasks.archive", tasks=[task_id])
    assert task_of(call, task_id)["status"] == "stopped" and task_of(call, task_id)["system_tags"] == ["archived"]
    assert call("tasks.delete", task=task_id)["deleted"] is True
    assert call("tasks.get_all", id=[task_id])["tasks"] == []


def test_a_deleted_task_is_remembered_by_its_children_and_published_models(call, store):
    task_id = make_running_task(store)
    child = make_task(store, parent=task_id)
    draft, ready = (
        call("models.create", name=n, uri="file:///x", ready=n == "ready", task=task_id)["id"]
        for n in ("draft", "ready")
    )
    answer = call("tasks.delete", task=task_id, force=True)
    expected = {"deleted": True, "updated_children": 1, "updated_models": 1, "deleted_models": 1, "urls": None}
    assert answer == expected
    assert task_of(call, child)["parent"] == f"__DELETED__{task_id}"
    assert call("models.get_by_id", model=ready)["model"]["task"] == f"__DELETED__{task_id}"
    assert call("models.get_all", id=[draft])["models"] == []


def test_a_published_child_or_model_protects_a_task_from_being_deleted(call, store):
    task_id = make_task(store)
    child = make_task(store, parent=task_id)
    call("tasks.edit", task=child, status="published", force=True)
    with pytest.raises(Conflict):
        call("tasks.delete", task=task_id)
    other = make_task(store)
    call("models.create", name="ready", uri="file:///x", task=other)
    with pytest.raises(Conflict):
        call("tasks.delete", task=other)


def test_deleting_removes_files_that_no_other_document_names(call, store, tmp_path):
    (tmp_path / "f").write_bytes(b"shared"), (tmp_path / "g").write_bytes(b"alone")
    shared, alone = store.files.put(tmp_path / "f", "f.bin"), store.files.put(tmp_path / "g", "g.bin")
    one, two = make_running_task(store), make_running_task(store)
    absolute = store.files.absolute(shared.uri)
    call(
        "tasks.add_or_update_artifacts",
        task=one,
        artifacts=[{"key": "s", "uri": absolute}, {"key": "a", "uri": alone.uri}],
    )
    call("models.create", name="model", uri=absolute, task=two)
    call("tasks.delete", task=one, force=True)
    assert shared.path.exists() and not alone.path.exists()
    call("tasks.delete_many", ids=[two], force=True)
    assert shared.path.exists(), "the published model still names it"


def test_deleting_takes_the_events_along_and_never_touches_files_outside(call, store, tmp_path):
    outside = tmp_path / "mine.bin"
    outside.write_bytes(b"precious")
    task_id = make_running_task(store)
    call("events.add", type="log", task=task_id, msg="hello", level="info")
    event = {"type": "training_stats_scalar", "task": task_id, "metric": "m", "variant": "v", "iter": 0, "value": 1.0}
    call("events.add", event)
    for uri in (f"file://{outside}", "files/../mine.bin", str(outside)):
        call("tasks.add_or_update_artifacts", task=task_id, artifacts=[{"key": "x", "uri": uri}])
    call("tasks.delete", task=task_id, force=True)
    assert outside.exists()
    left = [
        store.db.connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
        for t in ("series", "chunks", "console", "task_sections")
    ]
    assert left == [0, 0, 0, 0]


def test_calls_on_many_tasks_list_what_went_well_and_what_did_not(call, store):
    running, unknown = make_running_task(store), "0" * 32
    answer = call("tasks.stop_many", ids=[running, unknown])
    assert [item["id"] for item in answer["succeeded"]] == [running]
    assert answer["failed"][0]["id"] == unknown and answer["failed"][0]["error"]["codes"] == [400, 101]
    assert call("tasks.archive_many", ids=[running])["succeeded"] == [{"id": running, "archived": True}]
    assert call("tasks.unarchive_many", ids=[running])["succeeded"] == [{"id": running, "unarchived": True}]
    assert task_of(call, running)["system_tags"] == []
    assert call("tasks.publish_many", ids=[running])["succeeded"][0]["fields"]["status"] == "published"
    assert call("tasks.reset_many", ids=[running])["failed"][0]["error"]["codes"] == [400, 110]


def test_what_told_nothing_for_hours_is_stopped_as_of_its_last_sign_of_life(call, store):
    silent, lively, ours, draft = (make_running_task(store, name) for name in ("silent", "lively", "ours", "draft"))
    call("tasks.edit", task=ours, force=True, runtime={"mlops_run": "a" * 32})
    call("tasks.stopped", task=draft)
    with store.db.write() as connection:
        connection.execute(
            "UPDATE tasks SET started = '2026-01-01T00:00:00.000000+00:00',"
            " last_update = '2026-01-01T01:00:00.000000+00:00' WHERE id <> ?",
            (lively,),
        )
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    assert task_status.stop_silent(store, noon - 9 * 3600) == [], "two hours are not over"
    assert task_status.stop_silent(store, noon) == [silent]
    found = task_of(call, silent)
    assert (found["status"], found["status_reason"], found["active_duration"]) == ("stopped", "vanished", 3600)
    assert found["completed"] == "2026-01-01T01:00:00.000000+00:00"
    assert {task_of(call, task)["status"] for task in (lively, ours)} == {"in_progress"}
    assert task_status.stop_silent(store, noon) == []
