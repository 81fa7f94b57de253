"""Models: registered, edited, described, published, deleted."""

from __future__ import annotations

import pytest

from mlops_cli.errors import MlopsError
from mlops_cli.testing.store import make_project, make_running_task, make_task


def make_model(call, name="a model", **fields):
    return call("models.create", name=name, **{"uri": "file:///m.pt", "ready": False, **fields})["id"]


def model_of(call, model_id):
    return call("models.get_by_id", model=model_id)["model"]


def subcode(call, endpoint, **fields):
    with pytest.raises(MlopsError) as caught:
        call(endpoint, **fields)
    assert caught.value.http_status == 400
    return caught.value.subcode


def test_a_model_is_published_unless_ready_says_otherwise(call):
    assert call("models.create", name="abc", uri="s3://x")["created"] is True
    assert [model["ready"] for model in call("models.get_all")["models"]] == [True]
    assert model_of(call, make_model(call))["ready"] is False


def test_a_model_keeps_what_it_was_given(call, store):
    fields = {
        "framework": "PyTorch",
        "labels": {"cat": 1},
        "design": {"design": "layers = 3"},
        "tags": ["b", "a"],
        "comment": "why",
        "metadata": [{"key": "acc", "type": "float", "value": "0.9"}],
        "project": make_project(store, "a project"),
        "task": make_task(store),
    }
    model = model_of(call, make_model(call, **fields))
    assert model["tags"] == ["a", "b"] and model["metadata"] == {"acc": {"key": "acc", "type": "float", "value": "0.9"}}
    assert all(model[key] == fields[key] for key in ("framework", "labels", "design", "comment", "project", "task"))
    assert model["last_metrics"] == {} and model["system_tags"] == []


def test_create_and_edit_refuse_what_does_not_exist(call):
    assert subcode(call, "models.create", name="abc") == 11
    assert subcode(call, "models.create", name="ab", uri="x") == 800
    assert subcode(call, "models.create", name="abc", uri="x", project="0" * 32) == 16
    assert subcode(call, "models.create", name="abc", uri="x", labels={"a": "one"}) == 12
    assert subcode(call, "models.get_by_id", model="0" * 32) == 201
    assert subcode(call, "models.edit", model="0" * 32, name="abc") == 201


def test_edit_sets_the_final_link_and_raises_the_iteration(call):
    model_id = make_model(call, uri="file:///uploading_file")
    answer = call("models.edit", model=model_id, uri="s3://final", iteration=7)
    assert answer["fields"]["uri"] == "s3://final" and answer["fields"]["last_iteration"] == 7
    call("models.update", model=model_id, iteration=3)
    assert model_of(call, model_id)["last_iteration"] == 7
    assert call("models.edit", model=model_id) == {"updated": 0}


def test_links_into_our_own_store_are_kept_relative_and_answered_absolute(call, store, tmp_path):
    (tmp_path / "m.pt").write_bytes(b"weights")
    kept = store.files.put(tmp_path / "m.pt")
    absolute = store.files.absolute(kept.uri)
    model_id = make_model(call, uri=absolute)
    assert store.db.connection.execute("SELECT uri FROM models").fetchone()[0] == kept.uri
    assert model_of(call, model_id)["uri"] == absolute == f"file://{kept.path}"


def test_set_ready_publishes_once_and_takes_the_task_along(call, store):
    task_id = make_running_task(store)
    call("tasks.completed", task=task_id)
    model_id = make_model(call, task=task_id)
    answer = call("models.set_ready", model=model_id)
    assert (
        answer["published_task"]["id"] == task_id
        and answer["published_task"]["data"]["fields"]["status"] == "published"
    )
    assert subcode(call, "models.set_ready", model=model_id) == 203
    alone = make_model(call, task=make_task(store))
    assert call("models.set_ready", model=alone, publish_task=False) == {"updated": 1}


def test_a_model_whose_task_may_not_be_published_stays_a_draft(call, store):
    model_id = make_model(call, task=make_running_task(store))
    assert subcode(call, "models.set_ready", model=model_id) == 110
    assert model_of(call, model_id)["ready"] is False
    assert call("models.set_ready", model=model_id, force_publish_task=True)["updated"] == 1


def test_delete_leaves_the_outputs_of_its_task_and_is_refused_while_a_task_uses_it(call, store):
    maker = make_running_task(store)
    model_id = make_model(call, task=maker)
    call("tasks.add_or_update_model", task=maker, name="m", model=model_id, type="output")
    user = make_task(store, models={"input": [{"name": "m", "model": model_id}]})
    assert subcode(call, "models.delete", model=model_id) == 205
    call("tasks.edit", task=user, models={"input": []})
    assert call("models.delete", model=model_id) == {"deleted": True, "url": "file:///m.pt"}
    assert call("tasks.get_by_id", task=maker)["task"]["models"]["output"] == []
    assert subcode(call, "models.delete", model=model_id) == 201


def test_deleting_a_model_removes_its_file_only_when_nobody_else_names_it(call, store, tmp_path):
    (tmp_path / "m.pt").write_bytes(b"weights")
    kept = store.files.put(tmp_path / "m.pt")
    one, two = make_model(call, uri=kept.uri), make_model(call, uri=kept.uri)
    call("models.delete", model=one)
    assert kept.path.exists()
    call("models.delete", model=two, delete_external_artifacts=False)
    assert kept.path.exists()
    call("models.delete_many", ids=[make_model(call, uri=kept.uri)])
    assert not kept.path.exists()


def test_metadata_is_upserted_replaced_and_deleted_by_key(call):
    model_id = make_model(call, metadata=[{"key": "a", "value": "1"}])
    call("models.add_or_update_metadata", model=model_id, metadata=[{"key": "b", "value": "2", "type": "int"}])
    assert model_of(call, model_id)["metadata"].keys() == {"a", "b"}
    call("models.delete_metadata", model=model_id, keys=["a"])
    assert model_of(call, model_id)["metadata"] == {"b": {"key": "b", "type": "int", "value": "2"}}
    call("models.add_or_update_metadata", model=model_id, metadata=[{"key": "c", "value": "3"}], replace_metadata=True)
    assert model_of(call, model_id)["metadata"].keys() == {"c"}


def test_many_models_are_archived_published_tagged_and_moved(call, store):
    ids = [make_model(call), make_model(call)]
    assert len(call("models.archive_many", ids=[*ids, "0" * 32])["succeeded"]) == 2
    assert call("models.get_all", system_tags=["-archived"])["models"] == []
    call("models.unarchive_many", ids=ids)
    assert call("models.publish_many", ids=[*ids, ids[0]])["failed"] == []
    assert call("models.update_tags", ids=ids, add_tags=["x"]) == {"updated": 2}
    project = call("models.move", ids=ids, project_name="some/place")["project_id"]
    found = call("models.get_all", project=[project], tags=["x"], ready=True, name="model", order_by=["-created"])[
        "models"
    ]
    assert [model["id"] for model in found] == ids[::-1]
    assert call("models.get_frameworks") == {"frameworks": []}


def test_an_input_model_is_found_by_its_link(call):
    model_id = make_model(call, uri="s3://bucket/m.pt")
    query = {"uri": ["s3://bucket/m.pt"], "system_tags": ["-archived"], "only_fields": ["id", "name"]}
    assert call("models.get_all", query)["models"] == [{"id": model_id, "name": "a model"}]


def test_metrics_reported_on_a_model_are_its_own(call):
    model_id = make_model(call)
    event = {"type": "training_stats_scalar", "task": model_id, "model_event": True, "metric": "acc", "variant": "v"}
    call("events.add", event, iter=2, value=0.5)
    entries = [e for v in model_of(call, model_id)["last_metrics"].values() for e in v.values()]
    assert [(entry["metric"], entry["value"]) for entry in entries] == [("acc", 0.5)]


def test_users_server_and_ping_answer_who_and_what_they_are(call, store):
    user = call("users.get_current_user")["user"]
    assert user["id"] == store.owner.user and user["company"] == {"id": store.owner.company, "name": "mlops"}
    assert call("users.get_all")["users"] == [user]
    assert call("users.get_by_id", user=user["id"])["user"] == user
    assert call("server.info")["api_version"] == "2.34" and call("server.info")["uid"] == store.uid
    assert call("debug.ping", a=1) == {"a": 1, "msg": "ClearML server"}
