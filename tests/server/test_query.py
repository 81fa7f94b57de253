"""The query language of the API, each rule on real rows."""

from __future__ import annotations

import json
import time

import pytest

from mlops_cli.errors import InvalidInput
from mlops_cli.schemas.metrics import series_key
from mlops_cli.server.query import patterns
from mlops_cli.testing.store import make_project, make_running_task, make_task


def names(call, query=None, /, **fields):
    return [task["name"] for task in call("tasks.get_all", {"order_by": ["name"], **(query or {}), **fields})["tasks"]]


def subcode(call, endpoint, query):
    with pytest.raises(InvalidInput) as caught:
        call(endpoint, query)
    return caught.value.subcode


@pytest.fixture
def tagged(store):
    for name, tags in (
        ("none", []),
        ("red", ["red"]),
        ("blue", ["blue"]),
        ("both", ["red", "blue"]),
        ("all three", ["red", "blue", "x,y"]),
    ):
        make_task(store, name, tags=tags)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("red", {"red", "both", "all three"}),
        (["red", "blue"], {"red", "blue", "both", "all three"}),
        (["-red"], {"none", "blue"}),
        (["blue", "-red"], {"blue"}),
        (["__$all", "red", "blue"], {"both", "all three"}),
        (["__$and", "red", "__$not", "x,y"], {"red", "both"}),
        (["__$not", "red", "__$not", "blue"], {"none"}),
        (["__$not", "red", "blue"], {"blue"}),
        (["__$all", "red", "__$any", "blue", "x,y"], {"both", "all three"}),
        (["__$or", "x,y", "__$not", "red"], {"none", "blue", "all three"}),
        (["__$any", "red", "-blue"], {"red", "both", "all three"}),
        (["__$all", "__$nop", "-red"], {"none", "blue"}),
        ([None], {"none"}),
        (None, {"none", "red", "blue", "both", "all three"}),
        (["blue", None], {"none", "blue", "both", "all three"}),
        (["__$not", None], {"red", "blue", "both", "all three"}),
        ([], {"none", "red", "blue", "both", "all three"}),
        (["x,y"], {"all three"}),
        ([","], set()),
        ([f"tag {i}" for i in range(100)] + ["x,y"], {"all three"}),
    ],
)
def test_list_operators(call, tagged, wanted, expected):
    assert set(names(call, tags=wanted)) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"any": {"include": ["red", "blue"]}}, {"red", "blue", "both", "all three"}),
        ({"any": {"exclude": ["red", "blue"]}}, {"none", "red", "blue"}),
        ({"all": {"include": ["red", "blue"]}}, {"both", "all three"}),
        ({"all": {"exclude": ["red"]}}, {"none", "blue"}),
        ({"all": {"include": ["red"], "exclude": ["blue"]}}, {"red"}),
        ({"any": {"include": ["x,y"]}, "all": {"exclude": ["red"]}, "op": "or"}, {"none", "blue", "all three"}),
    ],
)
def test_the_newer_form_of_list_filters_replaces_the_plain_one(call, tagged, spec, expected):
    assert set(names(call, filters={"tags": spec}, tags=["nonsense"])) == expected


def test_a_wrong_operator_or_shape_is_refused_with_the_codes_of_the_api(call, tagged):
    assert subcode(call, "tasks.get_all", {"tags": ["__$maybe", "x"]}) == 16
    assert subcode(call, "tasks.get_all", {"tags": [{"a": 1}]}) == 12
    assert subcode(call, "tasks.get_all", {"filters": {"tags": {"op": "xor"}}}) == 12
    assert subcode(call, "tasks.get_all", {"filters": {"tags": {"any": ["red"]}}}) == 12
    assert subcode(call, "tasks.get_all", {"only_fields": ["nope.x"]}) == 14
    assert subcode(call, "tasks.get_all", {"name": "("}) == 21
    assert subcode(call, "tasks.get_all", {"_any_": {"fields": ["name"], "pattern": "["}}) == 21
    assert subcode(call, "tasks.get_all", {"last_iteration": [1]}) == 12
    assert subcode(call, "tasks.get_all", {"last_update": "yesterday"}) == 12
    assert subcode(call, "tasks.get_all", {"page": -1}) == 12


def test_scalar_fields_know_the_same_operators(call, store):
    running = make_running_task(store, "running")
    make_task(store, "draft", parent=running)
    assert names(call, status=["in_progress"]) == ["running"]
    assert names(call, status=["-in_progress"]) == ["draft"]
    assert names(call, parent=running) == ["draft"] and names(call, parent=[None]) == ["running"]
    assert names(call, parent=["-" + running]) == ["running"]
    assert names(call, id=[running, "0" * 32]) == ["running"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^my\ task\-1$", ["my task-1"]),
        ("task", ["my task-1", "my task-12"]),
        ("Task", []),
        (r"^my task-1", ["my task-1", "my task-12"]),
        (r"-\d+$", ["my task-1", "my task-12"]),
        (r"^my task-1(|2)$", ["my task-1", "my task-12"]),
        ("ünï 🎉", ["ünï 🎉 100%_"]),
        ("%", ["ünï 🎉 100%_"]),
        ("", ["my task-1", "my task-12", "ünï 🎉 100%_"]),
    ],
)
def test_patterns_are_searched_and_case_sensitive(call, store, pattern, expected):
    for name in ("my task-1", "my task-12", "ünï 🎉 100%_"):
        make_task(store, name)
    assert names(call, name=pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(.*,)*x",
        "(a|b*)*c",
        "(a|aa)+$",
        "(a?a?)*b",
        "a+" + "b" * 5000,
        "(?:a{1,50}){1,50}b",
        ".*" * 7,
        "a?" * 30 + "a" * 30,
        "((a|ab){8}){8}",
        "(x{1,8}){8}",
        ".*a.*a.*a.*a.*b$",
    ],
)
def test_patterns_that_may_take_for_ever_are_refused_before_they_run(call, store, pattern):
    make_task(store, "a" * 40)
    begin = time.monotonic()
    assert subcode(call, "tasks.get_all", {"name": pattern}) == 21
    assert time.monotonic() - begin < 1


def test_any_and_all_look_into_several_fields_whatever_the_case(call, store):
    make_task(store, "Alpha", comment="beta", runtime={"pipeline_job_hash": "abc"}, tags=["gamma"])
    make_task(store, "beta two")
    both = {"fields": ["name", "comment", "tags"], "pattern": "BETA"}
    assert names(call, _any_=both) == ["Alpha", "beta two"] and names(call, _or_=both) == ["Alpha", "beta two"]
    assert names(call, _all_={"fields": ["name", "comment"], "pattern": "a"}) == ["Alpha"]
    assert names(call, _all_={"fields": ["runtime.pipeline_job_hash"], "pattern": "^ABC$"}) == ["Alpha"]
    assert names(call, _any_={"fields": ["tags"], "pattern": "gam"}) == ["Alpha"]
    assert names(call, _any_={"fields": ["started", "last_update"], "datetime": [">2020-01-01T00:00:00"]}) == [
        "Alpha",
        "beta two",
    ]
    assert names(call, _all_={"fields": ["started", "last_update"], "datetime": [">2020-01-01T00:00:00"]}) == []
    assert names(call, search_text="BET") == ["Alpha", "beta two"] and names(call, search_text="a.pha") == []


def test_dates_compare_in_every_form_in_which_they_are_sent(call, store):
    task_id = make_running_task(store)
    started = call("tasks.get_by_id", task=task_id)["task"]["started"]
    for form in (started, started.replace("+00:00", "Z"), started.replace("+00:00", "")):
        assert names(call, started=[form, form]) == ["a task"]
        assert names(call, last_update=[f">={form}"]) == ["a task"]
    assert names(call, last_update=">2020-01-01", status_changed=["<2100-01-01", ">=2020-01-01T00:00:00+02:00"]) == [
        "a task"
    ]
    assert names(call, created=[None, "2020-01-01"]) == [] and names(call, created=["2100-01-01", None]) == []
    assert names(call, last_change="2020-01-01") == []


def test_ranges_include_their_ends_and_an_open_lower_end_takes_what_is_missing(call, store):
    low, high = make_running_task(store, "low"), make_running_task(store, "high")
    make_task(store, "none")
    for task_id, value in ((low, 1.0), (high, 2.0)):
        call(
            "events.add",
            type="training_stats_scalar",
            task=task_id,
            metric="loss",
            variant="val",
            iter=int(value),
            value=value,
        )
    path = "last_metrics.{}.{}.max_value".format(*series_key("loss", "val"))
    assert names(call, {path: [1, 2]}) == ["high", "low"]
    assert names(call, {path: [1.5, None]}) == ["high"]
    assert names(call, {path: [None, 1.5]}) == ["low", "none"]
    assert names(call, last_iteration=[1, 2]) == ["high", "low"]
    assert names(call, order_by=[f"-{path}"]) == ["high", "low", "none"]
    assert names(call, order_by=[path]) == ["low", "high", "none"]


def test_runtime_and_metadata_are_compared_with_their_type(call, store):
    make_task(store, "typed", runtime={"n": 3, "s": "3", "yes": True})
    assert names(call, {"runtime.n": 3}) == ["typed"] and names(call, {"runtime.n": "3"}) == []
    assert names(call, {"runtime.s": "3"}) == ["typed"] and names(call, {"runtime.yes": True}) == ["typed"]
    assert names(call, {"runtime.s": ["2", "3"]}) == ["typed"] and names(call, {"runtime.missing": 1}) == []
    call("models.create", name="model", uri="file:///m", metadata=[{"key": "accuracy", "value": "0.5"}])
    assert len(call("models.get_all", {"metadata.accuracy.value": "0.5", "ready": True})["models"]) == 1
    assert call("models.get_all", {"metadata.accuracy.value": "0.6"})["models"] == []


def test_parameters_sort_as_numbers_where_they_are_numbers_and_missing_ones_come_last(call, store):
    for name, value in (("ten", "10"), ("nine", "9.5"), ("tiny", "1e-3"), ("text", "auto"), ("not a number", "nan")):
        make_task(store, name, hyperparams={"Args": {"lr": {"value": value}}})
    make_task(store, "missing")
    path = "hyperparams.Args.lr.value"
    assert names(call, order_by=[path]) == ["tiny", "nine", "ten", "text", "not a number", "missing"]
    assert names(call, order_by=f"-{path}") == ["ten", "nine", "tiny", "not a number", "text", "missing"]
    assert names(call, {path: ["10", "auto"]}) == ["ten", "text"]


def test_order_is_that_of_insertion_by_default_and_ids_decide_between_equals(call, store):
    made = [make_task(store, "same") for _ in range(5)]
    assert [task["id"] for task in call("tasks.get_all")["tasks"]] == made
    assert [task["id"] for task in call("tasks.get_all", order_by=["-name"])["tasks"]] == sorted(made)


def test_pages_end_with_an_empty_one(call, store):
    for number in range(5):
        make_task(store, f"task {number}")
    pages = [names(call, page=page, page_size=2) for page in range(4)]
    assert pages == [["task 0", "task 1"], ["task 2", "task 3"], ["task 4"], []]
    assert names(call, page=1) == []
    assert names(call, start=3, size=1) == ["task 3"]


def test_scrolling_is_not_shifted_by_what_is_added_meanwhile(call, store):
    for number in range(5):
        make_task(store, f"task {number}")
    query = {"order_by": ["-name"], "size": 2}
    first = call("tasks.get_all", query, scroll_id=None)
    make_task(store, "task 9")
    second = call("tasks.get_all", query, scroll_id=first["scroll_id"])
    assert [task["name"] for task in first["tasks"] + second["tasks"]] == ["task 4", "task 3", "task 2", "task 1"]
    again = call("tasks.get_all", query, scroll_id=second["scroll_id"], refresh_scroll=True)
    assert [task["name"] for task in again["tasks"]] == ["task 4", "task 3", "task 2", "task 1"]
    third = call("tasks.get_all", query, scroll_id=second["scroll_id"])
    assert [task["name"] for task in third["tasks"]] == ["task 0"]
    assert call("tasks.get_all", query, scroll_id=third["scroll_id"])["tasks"] == []
    assert subcode(call, "tasks.get_all", {"scroll_id": "nonsense"}) == 12


@pytest.mark.parametrize("order", ["-started", "created"])
def test_the_newest_of_a_project_are_found_without_sorting_the_project(call, store, order):
    project = call("projects.create", name="large")["id"]
    asked = []
    store.db.connection.set_trace_callback(asked.append)
    call("tasks.get_all", project=[project], order_by=[order], page=0, page_size=10)
    store.db.connection.set_trace_callback(None)
    listing = next(statement for statement in asked if "ORDER BY" in statement)
    plan = [row["detail"] for row in store.db.connection.execute(f"EXPLAIN QUERY PLAN {listing}")]
    assert not any(step.endswith("B-TREE FOR ORDER BY") for step in plan), plan


def test_only_fields_answers_nested_parts_and_always_the_id(call, store):
    task_id = make_task(
        store,
        runtime={"version": "1", "other": 2},
        hyperparams={"A.b": {"x": {"value": "1"}, "y": {"value": "2"}}},
        script={"diff": "long", "branch": "main"},
    )
    only = lambda *fields: call("tasks.get_all", only_fields=list(fields))["tasks"][0]  # noqa: E731
    assert only("runtime.version", "runtime.absent") == {"id": task_id, "runtime": {"version": "1"}}
    assert only("hyperparams.A%2Eb.x.value") == {"id": task_id, "hyperparams": {"A.b": {"x": {"value": "1"}}}}
    assert only("script.branch", "script") == {"id": task_id, "script": {"diff": "long", "branch": "main"}}
    assert only("script", "script.branch") == {"id": task_id, "script": {"diff": "long", "branch": "main"}}
    assert only("id") == {"id": task_id}
    without = only("-script", "-runtime.other")
    assert "script" not in without and without["runtime"] == {"version": "1"} and without["name"] == "a task"
    assert call("tasks.get_by_id", task=task_id, only_fields=["status"])["task"] == {"id": task_id, "status": "created"}


def test_only_the_asked_metrics_are_answered(call, store):
    task_id = make_running_task(store)
    for metric, variant in (("loss", "train"), ("loss", "val"), ("acc", "val")):
        call(
            "events.add", type="training_stats_scalar", task=task_id, metric=metric, variant=variant, iter=0, value=0.5
        )
    metric, variant = series_key("loss", "val")
    (task,) = call("tasks.get_all", only_fields=[f"last_metrics.{metric}.{variant}"])["tasks"]
    assert task.keys() == {"id", "last_metrics"}
    assert [(e["metric"], e["variant"]) for v in task["last_metrics"].values() for e in v.values()] == [("loss", "val")]
    (task,) = call("tasks.get_all", only_fields=[f"last_metrics.{metric}.{variant}.value"])["tasks"]
    assert task["last_metrics"] == {metric: {variant: {"value": 0.5}}}


def test_values_that_json_does_not_know_are_answered_as_words(call, store):
    task_id = make_running_task(store)
    for step, value in enumerate((float("inf"), float("-inf"), float("nan"))):
        call(
            "events.add",
            type="training_stats_scalar",
            task=task_id,
            metric=f"m{step}",
            variant="v",
            iter=0,
            value=value,
        )
    task = call("tasks.get_by_id", task=task_id)["task"]
    json.dumps(task, allow_nan=False)
    assert [entry["value"] for v in task["last_metrics"].values() for entry in v.values()] == [
        "Infinity",
        "-Infinity",
        "NaN",
    ]


def test_hidden_objects_are_listed_only_when_asked_for(call, store):
    hidden = make_task(store, "hidden one", system_tags=["hidden"])
    make_task(store, "archived one", system_tags=["archived"])
    assert names(call) == ["archived one"]
    assert names(call, search_hidden=True) == ["archived one", "hidden one"]
    assert names(call, id=[hidden]) == ["hidden one"]
    assert names(call, system_tags=["-archived"]) == []


def test_sub_projects_are_included_when_asked_for(call, store):
    outer, inner = make_project(store, "outer"), make_project(store, "outer/mid/inner")
    make_task(store, "in outer", project=outer)
    make_task(store, "in inner", project=inner)
    assert names(call, project=[outer]) == ["in outer"]
    assert names(call, project=[outer], include_subprojects=True) == ["in inner", "in outer"]
    assert names(call, project=outer, include_subprojects=True) == ["in inner", "in outer"]


def test_ex_answers_references_as_objects(call, store):
    project = make_project(store, "a/project")
    parent = make_task(store, "the parent")
    model = call("models.create", name="a model", uri="file:///m", task=parent)["id"]
    make_task(store, "child", project=project, parent=parent, models={"input": [{"name": "m", "model": model}]})
    fields = ["name", "project.name", "parent.name", "user.name", "company.name", "models.input.model.name"]
    (task,) = call("tasks.get_all_ex", name="^child$", only_fields=fields)["tasks"]
    assert task["project"] == {"id": project, "name": "a/project"} and task["parent"] == {
        "id": parent,
        "name": "the parent",
    }
    assert task["user"] == {"id": store.owner.user, "name": store.owner.user_name}
    assert task["company"] == {"id": store.owner.company, "name": "mlops"}
    assert task["models"]["input"][0]["model"] == {"id": model, "name": "a model"}
    (task,) = call("tasks.get_by_id_ex", id=task["id"])["tasks"]
    assert task["project"] == {"id": project}
    (found,) = call("models.get_all_ex", only_fields=["task.name"])["models"]
    assert found["task"] == {"id": parent, "name": "the parent"}


def test_unknown_plain_keys_are_passed_over(call, store):
    make_task(store)
    assert names(call, method="get", allow_public=True, nonsense=[1], runtime={"x": 1}) == ["a task"]


def test_patterns_in_a_list_are_alternatives_and_the_empty_one_is_in_every_name(call, store):
    for name in ("alpha", "beta", "gamma"):
        make_task(store, name)
    assert names(call, name=["^al", "^be"]) == ["alpha", "beta"]
    assert names(call, name=["^al", ""]) == names(call, name=[""]) == names(call) == ["alpha", "beta", "gamma"]
    assert subcode(call, "tasks.get_all", {"name": [[]]}) == 12


@pytest.mark.parametrize("pattern", ["(.*a){25}$", "(.*a){7}$", "((a*b){3}c){3}", "(a|aa){30}b", "(?:.+){2,20}x"])
def test_a_counted_repeat_of_open_ones_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="Malformed regular expression"):
        patterns.compiled(pattern)


@pytest.mark.parametrize("pattern", [".*a.*a.*b$", ".*a.*b$", "(ab|a?b)+c$", "a+b$", "(a|ab)(a|ab)(a|ab)(a|ab).*b$"])
def test_what_is_allowed_ends_soon_on_the_worst_text(pattern: str) -> None:
    try:
        checked = patterns.compiled(pattern)
    except InvalidInput:
        return
    begin = time.process_time()
    assert not checked.found_in("a" * 100_000 + "\n")
    assert time.process_time() - begin < 10
