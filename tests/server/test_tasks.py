"""Tasks: made, read, edited, cloned, described part by part."""

from __future__ import annotations

import re

import pytest

from mlops_cli.errors import Conflict, InvalidInput, NotFound
from mlops_cli.testing.store import make_project, make_running_task, make_task

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00\Z")
ODD = {"Sec.tion": {"na/me": "1"}, "$x": {"c$d": "2", 'q"uo\\te': "3"}, "_y": {"__z": "4", "": "5", "ünï 🎉": "6"}}


def params(sections):
    return {section: {name: {"value": value} for name, value in items.items()} for section, items in sections.items()}


def values(task):
    return {s: {n: item["value"] for n, item in items.items()} for s, items in task["hyperparams"].items()}


def task_of(call, task_id, **more):
    return call("tasks.get_by_id", task=task_id, **more)["task"]


def refusal(call, endpoint, **fields):
    with pytest.raises((InvalidInput, NotFound, Conflict)) as caught:
        call(endpoint, **fields)
    return caught.value.http_status, caught.value.subcode


def test_a_new_task_is_a_draft_with_every_section_that_clients_need(call, store):
    task = task_of(call, make_task(store, "first task", tags=["b", "a", "b"], system_tags=["development"]))
    assert (task["status"], task["status_reason"], task["status_message"]) == ("created", "", "")
    assert task["tags"] == ["a", "b"]
    assert task["user"] == store.owner.user and task["company"] == store.owner.company
    assert task["models"] == {"input": [], "output": []}
    assert all(task[key] == {} for key in ("output", "execution", "script", "last_metrics", "hyperparams"))
    assert all(DATE.match(task[key]) for key in ("created", "last_update", "last_change", "status_changed"))
    assert re.fullmatch(r"[0-9a-f]{32}", task["id"])
    assert "started" not in task and "project" not in task


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "ab", "type": "training"}, (400, 800)),
        ({"name": "abc", "type": "dreaming"}, (400, 12)),
        ({"name": "abc", "type": "training", "project": "0" * 32}, (400, 16)),
        ({"name": "abc", "type": "training", "parent": "0" * 32}, (400, 16)),
        ({"name": "abc", "type": "training", "tags": ["__$all"]}, (400, 16)),
        ({"name": "abc", "type": "training", "tags": "a"}, (400, 12)),
        ({"name": "abc", "type": "training", "hyperparams": {"A": {"x": {"value": 1}}}}, (400, 12)),
        ({"name": "abc", "type": "training", "runtime": {"x": float("nan")}}, (400, 12)),
        ({"name": "abc\ud800", "type": "training"}, (400, 12)),
        ({"name": "abc"}, (400, 11)),
        ({"name": None, "type": "training"}, (400, 12)),
    ],
)
def test_create_refuses_with_the_codes_of_the_api(call, fields, expected):
    assert refusal(call, "tasks.create", **fields) == expected
    assert call("tasks.get_all")["tasks"] == []


def test_a_task_that_is_nested_too_deep_is_refused_and_spoils_no_query(call, store):
    deep = value = {}
    for _ in range(300):
        value["x"] = {}
        value = value["x"]
    assert refusal(call, "tasks.create", name="deep", type="training", runtime=deep) == (400, 12)
    assert call("tasks.get_all", {"hyperparams.Args.lr.value": "1"})["tasks"] == []


def test_unknown_and_junk_fields_are_ignored(call):
    made = call("tasks.create", name="abc", type="training", method="get", is_daemon=True)
    assert made.keys() == {"id"}


def test_names_of_parameters_come_back_unchanged_and_can_be_asked_for(call, store):
    task_id = make_task(store, hyperparams=params(ODD))
    assert values(task_of(call, task_id)) == ODD
    for path, value in (
        ("Sec%2Etion.na/me", "1"),
        ("$x.c$d", "2"),
        ('$x.q"uo\\te', "3"),
        ("_y.__z", "4"),
        ("_y.", "5"),
        ("_y.ünï 🎉", "6"),
    ):
        query = {f"hyperparams.{path}.value": value, "only_fields": [f"hyperparams.{path}.value"]}
        (found,) = call("tasks.get_all", query)["tasks"]
        assert next(iter(next(iter(found["hyperparams"].values())).values())) == {"value": value}
        assert call("tasks.get_all", {f"hyperparams.{path}.value": "other"})["tasks"] == []


def test_the_section_of_user_properties_is_folded_to_lower_case(call, store):
    task_id = make_task(store, hyperparams=params({"Properties": {"stage": "dev"}}))
    assert values(task_of(call, task_id)) == {"properties": {"stage": "dev"}}


def test_runtime_keeps_the_types_of_json(call, store):
    runtime = {"n": 3, "f": 1.5, "s": "3", "none": None, "yes": True, "list": [1, {"a": None}]}
    assert task_of(call, make_task(store, runtime=runtime))["runtime"] == runtime


def test_edit_without_force_is_for_drafts_only(call, store):
    task_id = make_running_task(store)
    assert refusal(call, "tasks.edit", task=task_id, comment="x") == (400, 110)
    assert call("tasks.edit", task=task_id, comment="x", force=True)["updated"] == 1
    assert task_of(call, task_id)["comment"] == "x"


def test_edit_replaces_objects_as_a_whole_and_merges_sections_one_level_deep(call, store):
    task_id = make_task(
        store,
        hyperparams=params({"Args": {"lr": "1", "bs": "2"}}),
        runtime={"a": 1, "b": 2},
        container={"image": "x"},
        script={"branch": " main ", "diff": "text\n"},
        execution={"model_labels": {"cat": 1}, "queue": "q"},
        output_dest="s3://bucket",
    )
    call(
        "tasks.edit",
        task=task_id,
        hyperparams=params({"Args": {"lr": "9"}}),
        runtime={"c": 3},
        container={},
        script={"diff": ""},
        execution={"model_labels": {"dog": 2}},
        output={"error": "none"},
    )
    task = task_of(call, task_id)
    assert values(task) == {"Args": {"lr": "9"}}
    assert task["runtime"] == {"c": 3} and task["container"] == {}
    assert task["script"] == {"branch": "main", "diff": ""}
    assert task["execution"] == {"model_labels": {"dog": 2}, "queue": "q"}
    assert task["output"] == {"destination": "s3://bucket", "error": "none"}


def test_edit_answers_what_was_set_and_that_nothing_was_to_do(call, store):
    task_id = make_task(store)
    answer = call("tasks.edit", task=task_id, comment="c", tags=[], name=None)
    assert answer["updated"] == 1
    assert answer["fields"].keys() == {"comment", "tags", "last_change", "last_update", "last_changed_by"}
    assert call("tasks.edit", task=task_id) == {"updated": 0}


def test_empty_legacy_parameters_do_not_touch_hyperparams_and_others_replace_the_legacy_ones(call, store):
    task_id = make_task(store, hyperparams=params({"Args": {"lr": "1"}}))
    call("tasks.edit", task=task_id, execution={"parameters": {}, "model_desc": {}})
    assert values(task_of(call, task_id)) == {"Args": {"lr": "1"}}
    call("tasks.edit", task=task_id, execution={"parameters": {"old": "7", "TF_DEFINE/x": "8"}})
    assert values(task_of(call, task_id)) == {"Args": {"lr": "1", "old": "7"}, "TF_DEFINE": {"x": "8"}}
    call("tasks.edit", task=task_id, execution={"parameters": {"new": "9"}})
    assert values(task_of(call, task_id)) == {"Args": {"lr": "1", "new": "9"}}


def test_update_works_in_any_status(call, store):
    task_id = make_running_task(store)
    call("tasks.completed", task=task_id)
    assert call("tasks.update", task=task_id, comment="later", output__error="oops")["updated"] == 1
    task = task_of(call, task_id)
    assert task["comment"] == "later" and task["output"] == {"error": "oops"} and task["status"] == "completed"


def test_clone_copies_the_experiment_and_none_of_its_results(call, store):
    project = make_project(store, "team/vision")
    model = call("models.create", name="base", uri="file:///b", ready=False)["id"]
    task_id = make_running_task(
        store,
        "source",
        project=project,
        tags=["t"],
        system_tags=["development", "archived", "kept"],
        comment="why",
        script={"repository": "r", "diff": "d"},
        hyperparams=params({"Args": {"lr": "1"}}),
        configuration={"c": {"value": "x"}},
        container={"image": "i"},
        runtime={"r": 1},
        output_dest="s3://b",
        execution={
            "queue": "q",
            "artifacts": [{"key": "in", "mode": "input", "type": "x"}, {"key": "out", "type": "x"}],
        },
        models={"input": [{"name": "base", "model": model}]},
    )
    call("tasks.add_or_update_model", task=task_id, name="out", model=model, type="output")
    call("tasks.completed", task=task_id)
    copy = task_of(call, call("tasks.clone", task=task_id, new_task_name="copy")["id"])
    assert (copy["name"], copy["status"], copy["project"], copy["parent"]) == ("copy", "created", project, task_id)
    assert copy["system_tags"] == ["kept"] and copy["tags"] == ["t"] and copy["comment"] == "why"
    assert copy["runtime"] == {} and "started" not in copy and copy["output"] == {"destination": "s3://b"}
    assert [item["key"] for item in copy["execution"]["artifacts"]] == ["in"] and "queue" not in copy["execution"]
    assert [entry["name"] for entry in copy["models"]["input"]] == ["base"] and copy["models"]["output"] == []
    assert values(copy) == {"Args": {"lr": "1"}} and copy["configuration"]["c"]["value"] == "x"
    second = task_of(call, call("tasks.clone", task=copy["id"])["id"])
    assert second["parent"] == task_id, "the parent of a clone is the parent of its source, if that has one"


def test_clone_takes_overrides_and_makes_the_project_that_it_names(call, store):
    task_id = make_task(store, hyperparams=params({"Args": {"lr": "1"}}))
    answer = call(
        "tasks.clone",
        task=task_id,
        new_project_name="team/new one",
        new_task_hyperparams=params({"Args": {"lr": "2"}}),
        new_task_tags=["z", "a"],
    )
    assert answer["new_project"]["name"] == "team/new one"
    copy = task_of(call, answer["id"])
    assert copy["project"] == answer["new_project"]["id"]
    assert values(copy) == {"Args": {"lr": "2"}} and copy["tags"] == ["a", "z"]


def test_hyperparams_are_merged_or_replaced_by_section_or_as_a_whole(call, store):
    task_id = make_task(store, hyperparams=params({"A": {"x": "1", "y": "2"}, "B": {"z": "3"}}))

    def edit(mode, items):
        call("tasks.edit_hyper_params", task=task_id, hyperparams=items, replace_hyperparams=mode)
        return values(task_of(call, task_id))

    item = {"section": "A", "name": "x", "value": "9", "type": "int"}
    assert edit("none", [item]) == {"A": {"x": "9", "y": "2"}, "B": {"z": "3"}}
    assert edit("section", [item]) == {"A": {"x": "9"}, "B": {"z": "3"}}
    assert edit("all", [item]) == {"A": {"x": "9"}}
    assert call("tasks.delete_hyper_params", task=task_id, hyperparams=[{"section": "A", "name": "x"}]) == {
        "deleted": 1
    }
    assert values(task_of(call, task_id)) == {}


def test_parameters_of_a_finished_task_are_fixed_but_user_properties_are_not(call, store):
    task_id = make_running_task(store)
    call("tasks.completed", task=task_id)
    item = {"section": "Args", "name": "x", "value": "1"}
    assert refusal(call, "tasks.edit_hyper_params", task=task_id, hyperparams=[item], force=True) == (400, 110)
    call("tasks.edit_hyper_params", task=task_id, hyperparams=[{**item, "section": "Properties"}])
    assert values(task_of(call, task_id)) == {"properties": {"x": "1"}}


def test_get_hyper_params_is_sorted_by_section_and_name(call, store):
    first = make_task(store, hyperparams=params({"B": {"b": "1", "a": "2"}, "A": {"z": "3"}}))
    found = call("tasks.get_hyper_params", tasks=["0" * 32, first])["params"]
    assert [entry["task"] for entry in found] == [first]
    assert [(item["section"], item["name"]) for item in found[0]["hyperparams"]] == [("A", "z"), ("B", "a"), ("B", "b")]


def test_configuration_is_edited_listed_and_deleted_by_name(call, store):
    task_id = make_task(store, configuration={"b": {"value": "1"}})
    call("tasks.edit_configuration", task=task_id, configuration=[{"name": "a", "value": "2", "type": "yaml"}])
    (found,) = call("tasks.get_configurations", tasks=[task_id])["configurations"]
    assert found["configuration"] == [{"name": "a", "value": "2", "type": "yaml"}, {"name": "b", "value": "1"}]
    assert call("tasks.get_configuration_names", tasks=[task_id])["configurations"][0]["names"] == ["a", "b"]
    call("tasks.delete_configuration", task=task_id, configuration=["a", "b"])
    assert call("tasks.get_configuration_names", tasks=[task_id])["configurations"] == []
    assert call("tasks.get_configuration_names", tasks=[task_id], skip_empty=False)["configurations"][0]["names"] == []


def test_requirements_are_kept_exactly_as_sent(call, store):
    task_id = make_running_task(store, script={"branch": "main"})
    wanted = {"pip": ["a==1", "b"], "org_pip": "a\nb", "conda": ""}
    answer = call("tasks.set_requirements", task=task_id, requirements=wanted)
    assert answer["fields"]["script.requirements"] == wanted
    assert task_of(call, task_id)["script"] == {"branch": "main", "requirements": wanted}


def test_artifacts_are_one_a_key_and_mode_and_sorted(call, store):
    task_id = make_running_task(store)
    add = lambda *items: call("tasks.add_or_update_artifacts", task=task_id, artifacts=list(items), force=True)  # noqa: E731
    add({"key": "b", "type": "x", "uri": "s3://1"}, {"key": "a", "type": "x", "mode": "input"})
    add({"key": "b", "type": "y", "uri": "s3://2"}, {"key": "b", "type": "x", "mode": "input"})
    found = task_of(call, task_id)["execution"]["artifacts"]
    assert [(item["key"], item["mode"], item["type"]) for item in found] == [
        ("a", "input", "x"),
        ("b", "input", "x"),
        ("b", "output", "y"),
    ]
    assert call("tasks.delete_artifacts", task=task_id, artifacts=[{"key": "b"}]) == {"deleted": 1}
    assert [item["mode"] for item in task_of(call, task_id)["execution"]["artifacts"]] == ["input", "input"]
    call("tasks.completed", task=task_id)
    assert refusal(call, "tasks.add_or_update_artifacts", task=task_id, artifacts=[{"key": "c"}], force=True) == (
        400,
        110,
    )


def test_models_of_a_task_are_upserted_by_name_and_raise_the_iteration(call, store):
    task_id = make_running_task(store)
    one, two = (call("models.create", name=name, uri=f"file:///{name}", ready=False)["id"] for name in ("one", "two"))
    for model, name, iteration in ((one, "best", 5), (two, "last", 3), (two, "best", 2)):
        call("tasks.add_or_update_model", task=task_id, name=name, model=model, type="output", iteration=iteration)
    task = task_of(call, task_id)
    assert [(entry["name"], entry["model"]) for entry in task["models"]["output"]] == [("best", two), ("last", two)]
    assert task["last_iteration"] == 5
    assert refusal(call, "tasks.add_or_update_model", task=task_id, name="x", model="0" * 32, type="input") == (
        400,
        201,
    )
    call("tasks.delete_models", task=task_id, models=[{"name": "best", "type": "output"}])
    assert [entry["name"] for entry in task_of(call, task_id)["models"]["output"]] == ["last"]


def test_edit_runtime_changes_single_keys(call, store):
    task_id = make_running_task(store, runtime={"a": 1, "b": 2})
    call("tasks.edit_runtime", task=task_id, add_or_update={"c": 3, "mlops_run": "f" * 32}, remove=["a"])
    assert task_of(call, task_id)["runtime"] == {"b": 2, "c": 3, "mlops_run": "f" * 32}
    assert call("tasks.get_all", {"runtime.mlops_run": "f" * 32, "only_fields": ["id"]})["tasks"] == [{"id": task_id}]


def test_ping_of_an_unknown_task_is_no_error_and_keeps_a_known_one_alive(call, store):
    assert call("tasks.ping", task="0" * 32) == {}
    task_id = make_running_task(store)
    before = task_of(call, task_id)
    call("tasks.ping", task=task_id)
    after = task_of(call, task_id)
    assert after["last_update"] > before["last_update"] and after["active_duration"] == 0


def test_move_makes_the_project_and_tags_are_added_and_removed_for_many(call, store):
    one, two = make_task(store, tags=["x"]), make_task(store)
    project = call("tasks.move", ids=[one, two], project_name="a/bcd")["project_id"]
    assert {task["id"] for task in call("tasks.get_all", project=[project])["tasks"]} == {one, two}
    assert call("tasks.update_tags", ids=[one, two], add_tags=["y"], remove_tags=["x"]) == {"updated": 2}
    assert call("tasks.update_tags", ids=[one, two], add_tags=["y"]) == {"updated": 0}
    assert task_of(call, one)["tags"] == ["y"]


def test_validate_stores_nothing_and_types_are_those_in_use(call, store):
    assert call("tasks.validate", name="abc", type="training") == {}
    assert refusal(call, "tasks.validate", name="abc", type="nope") == (400, 12)
    assert call("tasks.get_types") == {"types": []}
    make_task(store, "other", type="testing")
    assert call("tasks.get_types") == {"types": ["testing"]}


def test_unknown_ids_and_endpoints_answer_the_codes_that_clients_rely_on(call):
    assert refusal(call, "tasks.get_by_id", task="0" * 32) == (400, 101)
    assert refusal(call, "tasks.get_by_id") == (400, 11)
    assert refusal(call, "tasks.get_by_id_ex") == (400, 11)
    assert refusal(call, "tasks.nonsense", task="x") == (404, 0)
    assert refusal(call, "nonsense") == (404, 0)
