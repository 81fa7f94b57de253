"""`ls`, `show`, `logs`, `metrics`, `plot`, `diff` on a real store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.errors import InvalidInput, NotFound


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "vision"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_ls_shows_newest_first_with_what_differs(cli: Any, make: Any) -> None:
    first = make("first", lr="0.1", bs="32", curve=[1.0, 0.5])
    second = make("second", lr="0.25", bs="32", status="failed", curve=[1.0, 0.125])
    lines = cli("ls", tty=True).lines
    assert [word for word in lines[0].split() if word not in ("TIME", "AGE")] == [
        "ID",
        "STATE",
        "NAME",
        "lr",
        "loss/train",
    ]
    assert lines[1].split()[0] == second[:8]
    assert "failed" in lines[1]
    assert lines[1].split()[-2:] == ["0.25", "0.1250"]
    assert lines[2].split()[0] == first[:8]
    assert cli("ls", "-q").lines == [second, first]


def test_ls_filters_sorts_and_chooses_columns(cli: Any, make: Any) -> None:
    for at, lr in enumerate(["0.3", "0.1", "0.2"]):
        make(f"run {at}", lr=lr, curve=[1.0, float(lr)])
    assert cli("ls", "-s", "lr", "-c", "name,lr", "-o", "csv").lines == [
        "name,Args/lr",
        "run 1,0.1",
        "run 2,0.2",
        "run 0,0.3",
    ]
    assert cli("ls", "-s", "-loss.min", "-c", "loss.min", "-o", "csv").lines == ["loss/train.min", "0.3", "0.2", "0.1"]
    assert cli("ls", "lr<0.15", "-c", "name,-lr", "--json").json == [{"name": "run 1"}]
    assert cli("ls", "lr>9", "--json").json == []
    with pytest.raises(InvalidInput) as caught:
        cli("ls", "-c", "losss")
    assert "loss/train" in caught.value.hint


def test_ls_bounds_a_screen_and_says_so_but_never_a_pipe(cli: Any, make: Any) -> None:
    for at in range(22):
        make(f"run {at}", status="created")
    shown = cli("ls", tty=True)
    assert len(shown.lines) == 21
    assert "the first 20 are shown" in shown.err
    assert len(cli("ls").lines) == 22
    assert len(cli("ls", "-n", "3").lines) == 3
    assert len(cli("ls", "--all", tty=True).lines) == 23
    assert cli.run("ls", "-n", "0").code == 2


def test_ls_of_nothing_says_what_to_type(cli: Any) -> None:
    result = cli("ls")
    assert (result.out, result.err) == ("", "no experiments: start one with `mlops run CMD...`\n")


def test_ls_hides_the_archived_until_asked(cli: Any, make: Any) -> None:
    task = make("old")
    cli("archive", task)
    assert cli("ls", "-q").lines == []
    assert cli("ls", "-q", "--archived").lines == [task]
    cli("archive", task, "--undo")
    assert cli("ls", "-q").lines == [task]


def test_ls_teaches_completion_what_it_showed(cli: Any, make: Any) -> None:
    from mlops_cli.commands.names import answer

    task = make("resnet-warm")
    cli("ls")
    assert answer(["task"]).split() == [task[:8], "resnet-warm"]


def test_show_has_every_section_that_the_record_has(cli: Any, make: Any, api: Any) -> None:
    task = make("shown", lr="0.1", curve=[1.0, 0.5], status="in_progress")
    api.tasks.edit(
        task, {"runtime": {"hostname": "box", "mlops_argv": '["python", "a b.py"]', "mlops_hook": "no python here"}}
    )
    api.tasks.completed(task)
    text = cli("show", task, tty=True).out
    for words in (
        "shown",
        "completed",
        "python 'a b.py'",
        "Parameters · Args",
        "loss/train",
        "box",
        "hook not loaded: no python here",
    ):
        assert words in text
    assert cli("show", task, "params", "--json").json["Args"]["lr"]["value"] == "0.1"
    assert cli("show", task, "--json", "-c", "name,status").json == {"name": "shown", "status": "completed"}
    with pytest.raises(InvalidInput):
        cli("show", task, "nothing")


def test_metrics_are_summed_up_at_a_step_and_whole(cli: Any, make: Any) -> None:
    task = make("curves", curve=[1.0, 0.25, float("nan"), 0.5])
    assert cli("metrics", task, "--last", "-o", "csv").lines == ["name,value", "loss/train,0.5"]
    assert cli("metrics", task, "--at", "1", "-o", "csv").lines == ["name,iter,value", "loss/train,1,0.25"]
    assert cli("metrics", task, "--csv").lines == ["iter,loss/train", "0,1.0", "1,0.25", "2,NaN", "3,0.5"]
    with pytest.raises(NotFound) as caught:
        cli("metrics", task, "lss")
    assert "loss" in caught.value.hint


def test_logs_fold_frames_and_keep_raw_bytes(cli: Any, make: Any, api: Any, capsysbinary: Any) -> None:
    task = make("talks", status="in_progress")
    for message in ("one\n", "10%\r100%\n", "日本\n"):
        api.call("events.add", {"type": "log", "task": task, "msg": message, "level": "info"})
    api.tasks.completed(task)
    assert cli("logs", task).lines == ["one", "100%", "日本"]
    assert cli("logs", task, "-n", "1").lines == ["日本"]
    assert "10%\r100%" in cli("logs", task, "--raw").out
    assert [event["msg"] for event in cli("logs", task, "--json").json] == ["one\n", "100%\n", "日本\n"]
    assert cli("logs", task, "-f").lines == ["one", "100%", "日本"]


def test_several_experiments_share_one_plot(cli: Any, make: Any, tmp_path: Path) -> None:
    first, second = make("first", curve=[1.0, 0.5, 0.25]), make("second", curve=[1.0, 0.75, 0.7])
    lines = cli("plot", first, second, "-m", "loss", tty=True).lines
    assert f"{first[:8]} first" in lines[1]
    assert f"{second[:8]} second" in lines[2]
    found = cli("plot", first, "--json").json
    assert found[0]["values"] == [1.0, 0.5, 0.25]
    with pytest.raises(NotFound):
        cli("plot", first, "-m", "nothing")


def test_a_plot_keeps_the_peak_of_many_points(cli: Any, make: Any) -> None:
    task = make("long", curve=[100.0 if step == 777 else 1.0 for step in range(1000)])
    [curve] = cli("plot", task, "--samples", "20", "--json").json
    assert max(curve["values"]) == 100.0
    assert curve["steps"][curve["values"].index(100.0)] == 777
    assert len(curve["values"]) <= 40


def test_diff_shows_only_what_differs_and_its_verdict(cli: Any, make: Any) -> None:
    first = make("first", lr="0.1", bs="32", curve=[1.0, 0.5])
    second = make("second", lr="0.01", bs="32", curve=[1.0, 0.25])
    text = cli("diff", first, second, tty=True).out
    assert "0.1  →  0.01" in text
    assert "-50.00%  better" in text
    assert "bs" not in text
    assert cli("diff", first, second, "--json").json["same"] is False
    assert "| Args/lr | 0.1 | 0.01 |" in cli("diff", first, second, "-o", "md").out
    assert ["parameters", "Args/lr", "0.1", "0.01"] in [
        line.split("\t") for line in cli("diff", first, second, "-o", "tsv").lines
    ]
    assert "0.1  →  0.01" in cli("diff", first, second).out


def test_diff_of_three_has_a_column_each(cli: Any, make: Any) -> None:
    tasks = [make(f"run {lr}", lr=lr) for lr in ("1", "2", "3")]
    lines = [line.split() for line in cli("diff", *tasks, tty=True).lines]
    assert ["A", "B", "C"] in lines
    assert ["Args/lr", "1", "2", "3"] in lines


def test_diff_answers_by_exit_code(cli: Any, make: Any) -> None:
    first, second = make("same", lr="0.1"), make("same", lr="0.1")
    third = make("same", lr="0.2")
    assert cli("diff", first, second, "--exit-code").code == 0
    assert cli("diff", first, third, "--exit-code", "-q").code == 1
    assert cli("diff", first, third).code == 0
    assert cli.run("diff", first).code == 2


def test_errors_say_what_failed_and_what_to_type(cli: Any, make: Any) -> None:
    make("resnet")
    result = cli.run("show", "resnt")
    assert (result.code, result.out) == (3, "")
    assert result.err == "error: no experiment `resnt`\nhint: did you mean `resnet`?\n"
    assert json.loads(cli.run("show", "resnt", "--json").err)["error"]["hint"] == "did you mean `resnet`?"
    assert "Traceback" not in cli.run("--nothing").err
    assert "Traceback" in cli.run("show", "resnt", "--debug").err


def test_ls_knows_since_and_the_project_before_the_command(cli: Any, make: Any, api: Any) -> None:
    here = make("here", lr="1")
    there = make("there", lr="2")
    api.call("tasks.move", {"ids": [there], "project_name": "elsewhere"})
    assert cli("ls", "--since", "1h", "-q").lines == [there, here]
    assert cli("ls", "--since", "1h", "name:here or name:there", "-q").lines == [there, here]
    assert cli("ls", "--since", "2100-01-01", "-q").lines == []
    assert cli("-p", "elsewhere", "ls", "-q").lines == [there]
    assert cli("-p", "vision", "show", "@latest", "--json", "-c", "id").json == {"id": here}


def test_a_sort_key_that_nothing_has_is_refused(cli: Any, make: Any) -> None:
    make("one", lr="1", curve=[1.0])
    with pytest.raises(InvalidInput, match="loss/tran") as caught:
        cli("ls", "-s", "-loss/tran")
    assert "loss/train" in caught.value.hint
    assert cli("ls", "-s", "comment", "-q").lines


def test_show_says_each_reason_once_and_in_one_line(cli: Any, make: Any, api: Any) -> None:
    done = make("done")
    api.tasks.completed(done, reason="completed", message="", force=True)
    assert cli("show", done).lines[1].split() == ["state", "completed"]
    broken = make("broken", status="running")
    api.tasks.failed(broken, reason="exit code 1: ValueError: x", message="Traceback\n  File y\nValueError: x")
    assert cli("show", broken).lines[1].split(maxsplit=2)[1:] == ["failed", "exit code 1: ValueError: x"]


def test_show_takes_other_names_for_a_section_and_suggests_the_nearest(cli: Any, make: Any) -> None:
    task = make("one", lr="1")
    for word in ("params", "parameters", "par", "Params"):
        assert cli("show", task, word).lines[0] == "Parameters · Args"
    with pytest.raises(InvalidInput) as caught:
        cli("show", task, "metrcs")
    assert "metrics" in caught.value.hint


def test_a_single_value_has_no_step(cli: Any, make: Any, api: Any) -> None:
    task = make("one", status="running")
    event = {"type": "training_stats_scalar", "task": task, "metric": "Summary", "variant": "best"}
    api.call("events.add", {**event, "iter": -(2**31), "value": 0.5})
    for words in (("show", task, "metrics"), ("metrics", task), ("metrics", task, "--at", "3")):
        assert "2147483648" not in "".join(cli(*words, "-o", "table").lines)


def test_times_are_those_of_the_run_and_not_those_of_its_record(cli: Any, make: Any, api: Any) -> None:
    task = make("sent late")
    began, ended = "2026-01-01T10:00:00.000000+00:00", "2026-01-01T11:30:00.000000+00:00"
    api.tasks.edit_runtime(task, {"mlops_started_at": began, "mlops_ended_at": ended})
    assert cli("ls", "-c", "started,completed,duration", "-o", "csv").lines[1] == f"{began},{ended},5400.0"
    assert cli("ls", "duration>1h", "-q").lines == [task]
    assert any(line.split() == ["took", "1h30m"] for line in cli("show", task).lines)


def test_two_names_of_one_experiment_are_the_same(cli: Any, make: Any) -> None:
    task = make("one")
    assert cli("diff", task, "@latest", "--exit-code").lines[-1] == "no differences"
    with pytest.raises(InvalidInput, match="two experiments"):
        cli("diff", task)


def test_diff_and_show_say_what_the_code_lacks(cli: Any, make: Any, api: Any) -> None:
    first, second = make("first"), make("second")
    note = "weights.bin: holds a secret (aws) that a patch cannot hide"
    api.tasks.edit_runtime(second, {"mlops_notes": f"x: y\n{note}"})
    api.tasks.edit(second, {"script": {"entry_point": "t.py"}})
    assert f"   code lacks {note}" in cli("diff", first, second).lines
    assert any("left out" in line and note in line for line in cli("show", second, "code").lines)
