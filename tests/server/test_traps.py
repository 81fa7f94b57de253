"""What surprised the writers of other servers: each a behaviour that real clients rely on, and that no rule would tell.

The status machine, the event loops, tokens and the queue's traps are tested beside what they belong to.
"""

from __future__ import annotations

import pytest

from mlops_cli.errors import MlopsError
from mlops_cli.testing.store import make_running_task, make_task

ARTIFACT = {"key": "data", "type": "dict", "uri": "http://files/data.json", "timestamp": 1_795_300_361}
ENDINGS = ("tasks.completed", "tasks.stopped", "tasks.failed")


def task_of(call, task_id):
    return call("tasks.get_by_id", task=task_id)["task"]


def refusal(call, endpoint, **body):
    with pytest.raises(MlopsError) as caught:
        call(endpoint, **body)
    return caught.value.http_status, caught.value.subcode


def test_the_junk_field_method_is_neither_refused_nor_stored(call, store):
    task = call("tasks.create", name="a task", type="training", method="get")["id"]
    call("tasks.edit", task=task, comment="c", method="get")
    line = {"type": "training_stats_scalar", "task": task, "metric": "m", "variant": "v", "iter": 1, "value": 1.0}
    assert call("events.add_batch", events=[{**line, "method": "get"}])["added"] == 1
    plot = {"type": "plot", "task": task, "metric": "m", "variant": "v", "iter": 1, "plot_str": "{}", "method": "post"}
    call("events.add_batch", events=[plot])
    assert "method" not in task_of(call, task)
    assert "method" not in call("events.get_task_plots", task=task)["plots"][0]
    assert call("tasks.get_all", name="^a task$", method="get")["tasks"][0]["id"] == task


def test_the_page_after_the_last_is_empty_even_when_the_last_was_short(call, store):
    for name in ("one", "two", "three"):
        make_task(store, name)
        call("queues.create", name=f"queue {name}")
        call("models.create", name=name, uri="file:///m")
        call("projects.create", name=f"project {name}")
    for service in ("tasks", "queues", "models", "projects"):
        assert call(f"{service}.get_all", page=1, page_size=500)[service] == []
        assert call(f"{service}.get_all_ex", page=7, page_size=2)[service] == []


@pytest.mark.parametrize("made", ["tasks.create", "tasks.clone"])
def test_a_whole_task_always_has_the_sections_that_clients_look_into(call, store, made):
    source = make_task(store)
    body = {"task": source} if made == "tasks.clone" else {"name": "bare", "type": "training"}
    task = call(made, body)["id"]
    call("tasks.started", task=task)
    call("tasks.reset", task=task, clear_all=True)
    found = task_of(call, task)
    assert {name: found[name] for name in ("output", "execution", "script", "models", "last_metrics")} == {
        "output": {},
        "execution": {},
        "script": {},
        "models": {"input": [], "output": []},
        "last_metrics": {},
    }
    assert found["status_message"] == found["status_reason"] == "reset"


def test_empty_legacy_parameters_that_come_with_other_edits_clear_nothing(call, store):
    task = make_task(store, hyperparams={"Args": {"lr": {"value": "0.1"}}})
    execution = {"parameters": {}, "model_desc": {}, "model_labels": {"cat": 1}, "test_split": 0}
    call("tasks.edit", task=task, force=True, execution=execution)
    assert task_of(call, task)["hyperparams"]["Args"]["lr"]["value"] == "0.1"
    assert task_of(call, task)["execution"]["model_labels"] == {"cat": 1}


@pytest.mark.parametrize("value", ["numpy == 2.0\n", ["numpy == 2.0", "pandas"]])
def test_requirements_come_back_as_text_or_list_as_they_were_sent(call, store, value):
    task = make_task(store)
    call("tasks.set_requirements", task=task, requirements={"pip": value, "org_pip": "numpy"})
    assert task_of(call, task)["script"]["requirements"] == {"pip": value, "org_pip": "numpy"}


def test_the_full_list_of_artifacts_is_sent_each_time_and_before_the_files_are_there(call, store):
    task = make_running_task(store)
    call("tasks.add_or_update_artifacts", task=task, artifacts=[{"key": "data", "type": "dict"}], force=True)
    assert [item["key"] for item in task_of(call, task)["execution"]["artifacts"]] == ["data"]
    both = [{**ARTIFACT, "hash": "a" * 64}, {**ARTIFACT, "key": "a first"}]
    call("tasks.add_or_update_artifacts", task=task, artifacts=both, force=True)
    call("tasks.add_or_update_artifacts", task=task, artifacts=both, force=True)
    found = task_of(call, task)["execution"]["artifacts"]
    assert [(item["key"], item["uri"]) for item in found] == [("a first", ARTIFACT["uri"]), ("data", ARTIFACT["uri"])]
    assert found[1]["hash"] == "a" * 64 and found[1]["mode"] == "output"


def test_of_two_who_write_all_parameters_the_last_one_wins(call, store):
    task = make_running_task(store)
    for section in ("Args", "General"):
        call("tasks.edit", task=task, force=True, hyperparams={section: {"x": {"value": "1"}}})
    assert list(task_of(call, task)["hyperparams"]) == ["General"]


def test_models_that_went_with_their_task_are_unknown_afterwards(call, store):
    task = make_running_task(store)
    model = call("models.create", name="net", uri="file:///m", ready=False, task=task)["id"]
    call("tasks.delete", task=task, force=True)
    assert refusal(call, "models.delete", model=model) == (400, 201)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_finished_task_takes_no_more_results_but_may_be_named_and_tagged(call, store, ending):
    task = make_running_task(store)
    call("tasks.add_or_update_artifacts", task=task, artifacts=[ARTIFACT])
    model = call("models.create", name="net", uri="file:///m", ready=False)["id"]
    call(ending, task=task)
    refused = {
        "add_or_update_artifacts": {"artifacts": [ARTIFACT]},
        "delete_artifacts": {"artifacts": [{"key": "data"}]},
        "add_or_update_model": {"name": "net", "model": model, "type": "output"},
        "delete_models": {"models": [{"name": "net", "type": "output"}]},
        "edit_configuration": {"configuration": [{"name": "c", "value": "v"}]},
        "edit_hyper_params": {"hyperparams": [{"section": "Args", "name": "x", "value": "1"}]},
    }
    for action, body in refused.items():
        assert refusal(call, f"tasks.{action}", task=task, force=True, **body) == (400, 110), action
    item = {"section": "properties", "name": "stage", "value": "dev"}
    assert call("tasks.edit_hyper_params", task=task, hyperparams=[item]) == {"updated": 1}
    call("tasks.edit", task=task, force=True, tags=["good"], comment="c", name="renamed", system_tags=["archived"])
    found = task_of(call, task)
    assert (found["tags"], found["comment"], found["name"]) == (["good"], "c", "renamed")
    assert found["hyperparams"]["properties"]["stage"]["value"] == "dev"


@pytest.mark.parametrize(
    ("endpoint", "body", "codes"),
    [
        ("tasks.create", {"name": "ab", "type": "training"}, (400, 800)),
        ("queues.create", {"name": "ab"}, (400, 800)),
        ("projects.create", {"name": "long enough/ab"}, (400, 407)),
    ],
)
def test_names_of_two_characters_are_refused_as_by_production_servers(call, endpoint, body, codes):
    assert refusal(call, endpoint, **body) == codes
