"""Projects: full names, parents made on the way, renames, moves, statistics, deletion."""

from __future__ import annotations

import pytest

from mlops_cli.errors import Conflict, InvalidInput, MlopsError, NotFound
from mlops_cli.testing.store import make_project, make_running_task, make_task


def subcode(call, endpoint, **fields):
    with pytest.raises(MlopsError) as caught:
        call(endpoint, **fields)
    assert caught.value.http_status == 400
    return caught.value.subcode


def names(call, **query):
    return sorted(project["name"] for project in call("projects.get_all", **query)["projects"])


def test_a_project_is_made_with_its_parents_and_clean_segments(call, store):
    project_id = make_project(
        store, " a // b / sub ", description="d", tags=["y", "x"], default_output_destination="s3://b"
    )
    project = call("projects.get_by_id", project=project_id)["project"]
    assert (project["name"], project["basename"], project["description"]) == ("a/b/sub", "sub", "d")
    assert project["tags"] == ["x", "y"] and project["default_output_destination"] == "s3://b"
    assert names(call) == ["a", "a/b", "a/b/sub"]
    above = call("projects.get_by_id", project=project["parent"])["project"]
    assert above["name"] == "a/b" and above["tags"] == []


def test_names_are_unique_long_enough_and_not_too_deep(call, store):
    make_project(store, "abc")
    assert subcode(call, "projects.create", name="abc") == 801
    assert subcode(call, "projects.create", name="abc/de") == 407
    assert subcode(call, "projects.create", name=" / ") == 407
    assert subcode(call, "projects.create", name="/".join(["abc"] * 11)) == 409
    assert subcode(call, "projects.get_by_id", project="0" * 32) == 401


def test_the_sdk_finds_a_project_by_its_escaped_name(call, store):
    hidden = make_project(store, "proj/.datasets/name", system_tags=["hidden"])
    assert names(call, name=r"^proj/\.datasets/name$") == []
    found = call("projects.get_all", name=r"^proj/\.datasets/name$", only_fields=["id"], search_hidden=True)
    assert found["projects"] == [{"id": hidden}]
    assert names(call, name="^proj/.*", search_hidden=True) == ["proj/.datasets", "proj/.datasets/name"]


def test_a_parent_means_anywhere_below_unless_the_search_is_shallow(call, store):
    top = make_project(store, "top")
    make_project(store, "top/mid/low")
    assert names(call, parent=[top]) == ["top/mid", "top/mid/low"]
    assert names(call, parent=top, shallow_search=True) == ["top/mid"]
    assert names(call, shallow_search=True) == ["top"]


def test_a_rename_changes_the_last_segment_and_the_names_of_all_below(call, store):
    project = make_project(store, "top/mid")
    make_project(store, "top/mid/low")
    make_project(store, "top/middle")
    answer = call("projects.update", project=project, name="top/new", description="x")
    assert answer["updated"] == 1 and answer["fields"]["basename"] == "new"
    assert names(call) == ["top", "top/middle", "top/new", "top/new/low"]
    assert subcode(call, "projects.update", project=project, name="elsewhere") == 408
    assert subcode(call, "projects.update", project=project, name="top/middle") == 801
    assert call("projects.update", project=project) == {"updated": 0}


def test_a_project_moves_with_everything_below_but_not_under_itself(call, store):
    project = make_project(store, "top/mid")
    make_project(store, "top/mid/low")
    assert call("projects.move", project=project, new_location="other place") == {"moved": 2}
    assert names(call) == ["other place", "other place/mid", "other place/mid/low", "top"]
    assert subcode(call, "projects.move", project=project, new_location="other place/mid/low") == 411
    assert call("projects.move", project=project, new_location="") == {"moved": 2}
    assert "parent" not in call("projects.get_by_id", project=project)["project"]


def test_statistics_cover_what_is_below_and_not_what_is_archived(call, store):
    top, low = make_project(store, "top"), make_project(store, "top/low")
    done = make_running_task(store, project=low)
    call("tasks.completed", task=done)
    make_task(store, project=top)
    call("tasks.archive", tasks=[make_task(store, project=top)])
    (project,) = call("projects.get_all_ex", id=[top], include_stats=True, check_own_contents=True)["projects"]
    stats = project["stats"]["active"]
    assert stats["total_tasks"] == 2 and stats["completed_tasks_24h"] == 1
    assert stats["status_count"]["completed"] == 1 and stats["status_count"]["created"] == 1
    assert stats["last_task_run"] == call("tasks.get_by_id", task=done)["task"]["started"]
    assert project["sub_projects"] == [{"id": low, "name": "top/low"}]
    assert (project["own_tasks"], project["own_models"]) == (1, 0)


def test_a_project_with_live_contents_is_deleted_only_by_force_and_sets_them_free(call, store):
    top = make_project(store, "top")
    task_id = make_task(store, project=make_project(store, "top/low"))
    model = call("models.create", name="model", uri="file:///m", project=top)["id"]
    counts = call("projects.validate_delete", project=top)
    assert (counts["tasks"], counts["non_archived_tasks"], counts["models"], counts["datasets"]) == (1, 1, 1, 0)
    assert subcode(call, "projects.delete", project=top) == 402
    answer = call("projects.delete", project=top, force=True)
    assert (answer["deleted"], answer["disassociated_tasks"], answer["deleted_tasks"]) == (2, 1, 0)
    assert "project" not in call("tasks.get_by_id", task=task_id)["task"]
    assert "project" not in call("models.get_by_id", model=model)["model"]
    assert names(call) == []


def test_deleting_the_contents_takes_tasks_models_and_their_files(call, store, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    kept = store.files.put(tmp_path / "f")
    top = make_project(store, "top")
    task_id = make_running_task(store, project=top)
    call("tasks.add_or_update_artifacts", task=task_id, artifacts=[{"key": "f", "uri": kept.uri}])
    call("models.create", name="model", uri="s3://m", project=top)
    answer = call("projects.delete", project=top, force=True, delete_contents=True)
    assert (answer["deleted"], answer["deleted_tasks"], answer["deleted_models"]) == (1, 1, 1)
    assert answer["urls"]["model_urls"] == ["s3://m"]
    assert not kept.path.exists() and call("tasks.get_all")["tasks"] == []


def test_parameters_metrics_and_tags_in_use_are_listed(call, store):
    top = make_project(store, "top", tags=["p"])
    parameters = {"B": {"y": {"value": "1"}}, "A": {"z": {"value": "1"}, "x": {"value": "1"}}}
    task_id = make_running_task(store, project=top, hyperparams=parameters, tags=["t2", "t1"])
    make_task(store, hyperparams={"C": {"w": {"value": "1"}}})
    found = call("projects.get_hyper_parameters", project=top, page=0, page_size=2)
    assert found == {
        "parameters": [{"section": "A", "name": "x"}, {"section": "A", "name": "z"}],
        "total": 3,
        "remaining": 1,
    }
    assert call("projects.get_hyper_parameters")["total"] == 4
    for variant in ("val", "train"):
        call(
            "events.add", type="training_stats_scalar", task=task_id, metric="loss", variant=variant, iter=0, value=1.0
        )
    metrics = call("projects.get_unique_metric_variants", project=top)["metrics"]
    assert [(m["metric"], m["variant"]) for m in metrics] == [("loss", "train"), ("loss", "val")]
    assert call("projects.get_task_tags", projects=[top]) == {"tags": ["t1", "t2"], "system_tags": []}
    assert call("projects.get_project_tags") == {"tags": ["p"], "system_tags": []}
    with pytest.raises(NotFound):
        call("projects.get_hyper_parameters", project="0" * 32)


def test_refusals_are_of_the_classes_that_the_command_line_shows(call, store):
    make_project(store, "abc")
    with pytest.raises(Conflict):
        call("projects.create", name="abc")
    with pytest.raises(InvalidInput):
        call("projects.create", name="a")


def test_merging_moves_all_that_a_project_holds_and_deletes_it(call, store):
    source, target = make_project(store, "lab/old"), make_project(store, "lab/new")
    child = make_project(store, "lab/old/child")
    task = make_task(store, project=source)
    model = call("models.create", name="model", uri="file:///m", project=source)["id"]
    answer = call("projects.merge", project=source, destination_project=target)
    assert answer == {"moved_entities": 2, "moved_projects": 1}
    assert call("tasks.get_by_id", task=task)["task"]["project"] == target
    assert call("models.get_by_id", model=model)["model"]["project"] == target
    found = call("projects.get_by_id", project=child)["project"]
    assert (found["name"], found["parent"]) == ("lab/new/child", target)
    assert call("projects.get_all", id=[source])["projects"] == []


def test_merging_is_refused_into_itself_or_onto_a_child_of_the_same_name(call, store):
    source, target = make_project(store, "lab/old"), make_project(store, "lab/new")
    below = make_project(store, "lab/old/child")
    for destination in (source, below):
        with pytest.raises(MlopsError) as caught:
            call("projects.merge", project=source, destination_project=destination)
        assert caught.value.subcode == 411
    make_project(store, "lab/new/child")
    with pytest.raises(MlopsError) as caught:
        call("projects.merge", project=source, destination_project=target)
    assert caught.value.subcode == 801
    assert call("projects.get_by_id", project=below)["project"]["name"] == "lab/old/child"
