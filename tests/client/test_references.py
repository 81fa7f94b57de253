from __future__ import annotations

import io

import pytest

from mlops_cli.client.api import Api
from mlops_cli.client.references import resolve, resolve_many
from mlops_cli.errors import Ambiguous, InvalidInput, NotFound

from .conftest import Make


def test_an_id_its_prefix_its_run_and_its_names_all_mean_the_task(api: Api, make: Make) -> None:
    run = "ab" * 16
    task = make("first run", project="team/digits", runtime={"mlops_run": run})
    make("second", project="team/digits")
    for text in (task, task[:6], task.upper()[:9], run, run[:8], "first run", "team/digits/first run"):
        assert resolve(api, text) == task, text


def test_at_words_count_back_my_started_unarchived_runs_of_this_project(api: Api, make: Make) -> None:
    old = make("old", project="here")
    new = make("new", project="here")
    gone = make("gone", project="here")
    api.tasks.archive([gone])
    make("elsewhere", project="other")
    make("a draft", project="here", status="created")
    assert resolve(api, "@latest", project="here") == new
    assert resolve(api, ":latest", project="here") == new
    assert resolve(api, "@-0", project="here") == new
    assert resolve(api, "@-1", project="here") == old
    with pytest.raises(NotFound, match="only 2 runs in project `here`"):
        resolve(api, "@-2", project="here")
    with pytest.raises(NotFound, match="no run of yours in project `nowhere`"):
        resolve(api, "@latest", project="nowhere")


def test_running_failed_and_base_find_the_newest_of_their_kind(api: Api, make: Make) -> None:
    failed = make("broken", status="failed")
    running = make("busy", status="in_progress")
    base = make("baseline", tags=["base"])
    assert [resolve(api, word) for word in ("@failed", "@running", "@base")] == [failed, running, base]


def test_best_follows_the_direction_of_the_metric_unless_told(api: Api, make: Make) -> None:
    low = make("low", metrics={("val", "acc"): [0.2, 0.5], ("val", "loss"): [0.1], ("score9", "x"): [1.0]})
    high = make("high", metrics={("val", "acc"): [0.9, 0.3], ("val", "loss"): [0.4, float("nan")]})
    make("without")
    assert resolve(api, "@best:val/acc") == high
    assert resolve(api, "@best:val/acc.last") == low
    assert resolve(api, "@best:val/acc:min") == low
    assert resolve(api, "@best:val/loss") == low
    with pytest.raises(InvalidInput, match="more or less"):
        make("odd", metrics={("zzz", "q"): [1.0]})
        resolve(api, "@best:zzz/q")
    infinite = make("infinite", metrics={("val", "acc"): [float("inf"), float("-inf")]})
    assert resolve(api, "@best:val/acc") == high
    api.tasks.archive([high, infinite])
    assert resolve(api, "@best:val/acc") == low
    with pytest.raises(NotFound) as caught:
        resolve(api, "@best:val/accc")
    assert "val/acc" in caught.value.hint


def test_a_parent_is_one_tilde_away(api: Api, make: Make) -> None:
    root = make("root")
    child = api.tasks.clone(root, name="child")
    leaf = api.tasks.clone(child, name="leaf")
    assert resolve(api, "leaf~1") == resolve(api, f"{leaf}~") == child
    assert resolve(api, "leaf~2") == resolve(api, "leaf~~") == root
    with pytest.raises(NotFound, match="no parent"):
        resolve(api, "leaf~3")


def test_a_name_may_hold_what_looks_like_a_step_or_a_path(api: Api, make: Make) -> None:
    odd = make("a~1", project="one")
    slashed = make("deep/er", project="one")
    assert resolve(api, "a~1") == odd
    assert resolve(api, "deep/er") == resolve(api, "one/deep/er") == slashed


def test_a_name_that_several_have_is_ambiguous_unless_one_is_here(api: Api, make: Make) -> None:
    here = make("same", project="here")
    there = make("same", project="there")
    with pytest.raises(Ambiguous) as caught:
        resolve(api, "same")
    assert set(caught.value.data["candidates"]) == {here, there}
    assert caught.value.exit_code == 3
    assert resolve(api, "same", project="here") == here
    assert resolve(api, "there/same") == there


def test_an_ambiguous_prefix_lists_its_candidates(api: Api, make: Make) -> None:
    ids = [make(f"run {number}") for number in range(3)]
    doubled = "c" * 31
    for digit in "01":
        api.call("tasks.restore_begin", {"id": doubled + digit, "name": "twin", "type": "training"})
    with pytest.raises(Ambiguous) as caught:
        resolve(api, doubled[:8])
    assert caught.value.data["candidates"] == [doubled + "1", doubled + "0"]
    assert resolve(api, ids[0]) == ids[0]


def test_nothing_found_suggests_the_nearest_names(api: Api, make: Make) -> None:
    make("resnet baseline")
    with pytest.raises(NotFound) as caught:
        resolve(api, "resnet basline")
    assert "`resnet baseline`" in caught.value.hint
    with pytest.raises(InvalidInput) as wrong:
        resolve(api, "@latst")
    assert "`@latest`" in wrong.value.hint


def test_a_dash_reads_ids_from_lines_each_once(api: Api, make: Make) -> None:
    one, two = make("one"), make("two")
    lines = io.StringIO(f"{one}\tone\tcompleted\n\n# a comment\n{two}\n{one[:8]}\n")
    assert resolve_many(api, ["-", "two"], stdin=lines) == [one, two]


def test_another_user_is_asked_for_by_name(api: Api, make: Make) -> None:
    make("mine")
    with pytest.raises(NotFound, match="no user `nobody`"):
        resolve(api, "@latest", user="nobody")
    assert resolve(api, "@latest", user="any") == resolve(api, "@latest", user=api.users.me["name"])


def test_best_looks_at_each_experiment_where_a_name_means_several_series(api: Api, make: Make) -> None:
    one = make("one", metrics={("loss", "train"): [0.5]})
    two = make("two", metrics={("loss", "loss"): [0.3], ("loss", "val"): [0.1]})
    assert resolve(api, "@best:loss") == two
    assert resolve(api, "@best:loss:max") == one
