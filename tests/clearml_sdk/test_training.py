"""A whole training by the real SDK: what it recorded, as the SDK reads it back and as our commands show it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from .conftest import Sdk, Server


@pytest.fixture(scope="module")
def trained(sdk: Sdk) -> list[dict[str, Any]]:
    """Two trainings that differ in one argument."""
    return [sdk("training.py", *arguments, fresh=True).found for arguments in ((), ("--lr", "0.5", "--verbose"))]


@pytest.fixture(scope="module")
def seen(sdk: Sdk, trained: list[dict[str, Any]]) -> dict[str, Any]:
    """What another program reads of the first one."""
    found: dict[str, Any] = sdk("readback.py", trained[0]["task"]).found
    return found


def test_a_training_ends_completed_with_its_name_project_comment_and_tags(seen: dict[str, Any]) -> None:
    assert (seen["status"], seen["name"], seen["project"]) == ("completed", "training", "vision/digits")
    assert seen["comment"] == "made by the SDK"
    assert seen["tags"] == ["alpha", "zeta"]
    assert seen["progress"] == 100


def test_arguments_and_connected_objects_come_back_as_parameters(seen: dict[str, Any]) -> None:
    assert seen["parameters"] == {
        "Args/lr": "0.1",
        "Args/epochs": "3",
        "Args/name": "training",
        "Args/verbose": "False",
        "Args/nothing": "",
        "Net/layers": "[3, 5]",
        "Net/dropout": "0.5",
        "Net/nested/deep/er": "x",
        "Net/odd.name$": "ümläut",
        "Net/none": "",
        "General/batch": "32",
        "General/shuffle": "True",
        "properties/stage": "dev",
        "properties/owner": "me",
    }
    cast = seen["cast"]
    assert (cast["Args/lr"], cast["Args/verbose"], cast["Net/layers"], cast["General/batch"]) == (
        "0.1",
        "False",
        "[3, 5]",
        "32",
    )
    assert seen["properties"] == {"stage": "dev", "owner": "me"}


def test_configurations_labels_and_the_script_come_back(seen: dict[str, Any]) -> None:
    assert seen["configuration"]["augment dict"] == {"flip": True, "angle": 15}
    assert seen["configuration"]["net file"] == "backbone: resnet\nheads: [a, b]\n"
    assert seen["labels"] == {"cat": 1, "dog": 2}
    assert seen["script"]["entry_point"] == "training.py"
    assert 'task = Task.init("vision/digits", "training"' in seen["script"]["diff"]
    assert "clearml" in seen["requirements"] and "numpy" in seen["requirements"]


def test_scalars_come_back_point_by_point(seen: dict[str, Any]) -> None:
    train = seen["scalars"]["loss"]["train"]
    assert train["x"] == list(range(30))
    assert train["y"] == pytest.approx([1.0 / (1 + step * 0.1) for step in range(30)])
    assert seen["scalars"]["accuracy"]["val"]["y"] == pytest.approx([0.5, 0.6, 0.7])
    assert len(seen["thinned"]["loss"]["train"]["x"]) <= 6
    assert seen["last_iteration"] == 29
    last = seen["last_scalars"]["loss"]["val"]
    assert (last["max"], last["last"]) == (pytest.approx(1.5), pytest.approx(1.5 / 3.9))
    assert seen["single"] == {"best": 0.75}
    assert seen["single_one"] == 0.75


def test_every_kind_of_plot_comes_back(seen: dict[str, Any]) -> None:
    plots = {(plot["metric"], plot["variant"]) for plot in seen["plots"]}
    wanted = ["hist/weights", "vector/v", "table/t", "confusion/c", "surface/s", "scatter/two", "scatter/three"]
    wanted += ["plotly/own", "matplotlib/curve"]
    assert plots >= {tuple(name.split("/")) for name in wanted}
    own = next(plot for plot in seen["plots"] if plot["metric"] == "plotly")
    assert '"y": [3, null]' in own["plot_str"]


def test_images_come_back_newest_first_and_can_be_fetched(seen: dict[str, Any]) -> None:
    assert [image["iter"] for image in seen["images"]] == [2, 1, 0]
    assert all(size > 300 for size in seen["image_sizes"])


def test_the_console_has_what_was_printed_reported_and_logged(seen: dict[str, Any]) -> None:
    text = "".join(seen["console"])
    for wanted in ("to stdout, with ünïcode", "to stderr", "by the logger", "by logging"):
        assert wanted in text


def test_every_artifact_comes_back_with_its_hash(seen: dict[str, Any]) -> None:
    assert all(seen["objects"].values()), seen["objects"]
    for key, artifact in seen["artifacts"].items():
        if key != "link":
            assert artifact["digest"] == artifact["hash"], key
    assert seen["artifacts"]["a dict"]["metadata"] == {"who": "me"}
    assert seen["artifacts"]["link"]["uri"] == "https://example.invalid/far.bin"


def test_stored_artifacts_are_served_with_the_bytes_that_were_hashed(server: Server, seen: dict[str, Any]) -> None:
    for key in ("frame", "folder", "file %41 #1"):
        artifact = seen["artifacts"][key]
        assert artifact["uri"].startswith(server.url)
        raw = server.get(artifact["uri"])
        assert hashlib.sha256(raw).hexdigest() == artifact["hash"]
        assert len(raw) == artifact["size"]


def test_models_come_back_with_tags_labels_design_metadata_and_weights(
    seen: dict[str, Any], trained: list[dict[str, Any]]
) -> None:
    models = {model["name"]: model for model in seen["models"]}
    own = models["own model"]
    assert own["id"] == trained[0]["model"]
    assert own["tags"] == ["mt"]
    assert own["config"] == "depth = 2"
    assert own["labels"] == {"cat": 1, "dog": 2}
    assert own["metadata"]["accuracy"] == {"key": "accuracy", "type": "float", "value": "0.5"}
    assert own["weights"] == hashlib.sha256(b"weights" * 1000).hexdigest()
    assert own["task"] == trained[0]["task"]


def test_ls_lists_what_the_sdk_recorded(server: Server, trained: list[dict[str, Any]]) -> None:
    rows = server.mlops("ls", "tag:zeta", "--json").json
    assert {row["id"] for row in rows} == {run["task"] for run in trained}
    assert {row["status"] for row in rows} == {"completed"}
    found = server.mlops("ls", "lr>0.2", "-p", "vision", "-q").out.split()
    assert found == [trained[1]["task"]]


def test_show_has_parameters_metrics_files_models_and_code(server: Server, trained: list[dict[str, Any]]) -> None:
    task = trained[0]["task"]
    shown = server.mlops("show", task, "--json").json
    assert shown["hyperparams"]["Args"]["lr"]["value"] == "0.1"
    text = server.mlops("show", task).out
    for wanted in ("training", "vision/digits", "completed", "0.1"):
        assert wanted in text
    models = server.mlops("show", task, "models").out
    assert "own" in models and "ScikitLearn" in models
    assert "Task.init(" in server.mlops("show", task, "diff").out
    for key in ("a dict", "frame", "array", "folder", "pickled"):
        assert key in server.mlops("show", task, "files").out


def test_diff_tells_the_one_argument_and_what_it_did(server: Server, trained: list[dict[str, Any]]) -> None:
    told = server.mlops("diff", trained[0]["task"], trained[1]["task"]).out
    assert "Args/lr" in told and "0.5" in told
    assert "Args/verbose" in told
    assert "loss/train" in told
    assert "Args/epochs" not in told


def test_logs_show_the_console(server: Server, trained: list[dict[str, Any]]) -> None:
    text = server.mlops("logs", trained[0]["task"], "--all").out
    for wanted in ("to stdout, with ünïcode", "to stderr", "by the logger", "by logging"):
        assert wanted in text


def test_metrics_show_last_least_and_greatest_and_every_point(server: Server, trained: list[dict[str, Any]]) -> None:
    task = trained[0]["task"]
    assert "loss/train" in server.mlops("metrics", task).out
    rows = server.mlops("metrics", task, "loss/train", "--csv").out.splitlines()
    assert len(rows) == 31
    assert float(rows[-1].split(",")[-1]) == pytest.approx(1.0 / 3.9)


def test_a_clone_of_ours_is_a_draft_that_the_sdk_can_read(
    server: Server, sdk: Sdk, trained: list[dict[str, Any]]
) -> None:
    draft = server.mlops("clone", trained[0]["task"], "lr=0.25", "-q").out.split()[0]
    task = server.call("tasks.get_by_id", {"task": draft})["task"]
    assert (task["status"], task["parent"]) == ("created", trained[0]["task"])
    assert task["hyperparams"]["Args"]["lr"]["value"] == "0.25"
    assert (
        task["script"]["diff"] == server.call("tasks.get_by_id", {"task": trained[0]["task"]})["task"]["script"]["diff"]
    )
