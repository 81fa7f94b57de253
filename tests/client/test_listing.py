from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.client import fields
from mlops_cli.client.api import Api
from mlops_cli.client.columns import known_names, resolve_sort
from mlops_cli.client.filters import parse
from mlops_cli.client.listing import Request, list_tasks
from mlops_cli.errors import InvalidInput, NotFound

from .conftest import Make, make_task, open_home

HERE = Path(__file__).parent


def _names(api: Api, text: str = "", **wanted: object) -> list[str]:
    request = Request(filter=parse(text), **wanted)  # type: ignore[arg-type]
    return [task["name"] for task in list_tasks(api, request).tasks]


def test_the_newest_come_first_and_archived_ones_only_when_asked(api: Api, make: Make) -> None:
    make("one")
    gone = make("two")
    make("three")
    api.tasks.archive([gone])
    assert _names(api) == ["three", "one"]
    assert _names(api, with_archived=True) == ["three", "two", "one"]


def test_a_limit_says_that_there_is_more(api: Api, make: Make) -> None:
    for number in range(5):
        make(f"run {number}", lr=str(number))
    listing = list_tasks(api, Request(limit=3))
    assert ([task["name"] for task in listing.tasks], listing.has_more) == (["run 4", "run 3", "run 2"], True)
    assert not list_tasks(api, Request(limit=5)).has_more
    filtered = list_tasks(api, Request(filter=parse("lr<3"), limit=2))
    assert ([task["name"] for task in filtered.tasks], filtered.has_more) == (["run 2", "run 1"], True)


def test_lists_go_past_the_page_size_of_the_api(tmp_path: Path) -> None:
    with open_home(tmp_path) as api:
        for number in range(1203):
            api.tasks.create({"name": f"run {number}", "type": "training"})
        assert len(_names(api)) == len(set(_names(api))) == 1203
        assert _names(api, "name:'run 7'") == ["run 7"]
        assert len(api.tasks.find({}, limit=501)) == 501


def test_sorting_by_a_metric_or_a_parameter_is_by_number_with_missing_last(api: Api, make: Make) -> None:
    make("mid", lr="0.5", metrics={("val", "acc"): [0.5]})
    make("none")
    make("top", lr="1e-4", metrics={("val", "acc"): [0.9]})
    make("low", lr="10", metrics={("val", "acc"): [0.1]})
    make("odd", metrics={("val", "acc"): [float("nan")]})
    by_metric = _names(api, sort=resolve_sort(["-val/acc"]))
    assert by_metric[:3] == ["top", "mid", "low"] and set(by_metric[3:]) == {"none", "odd"}
    assert _names(api, sort=resolve_sort(["lr"]))[:3] == ["top", "mid", "low"]
    assert _names(api, sort=resolve_sort(["-val/acc"]), limit=1) == ["top"]
    assert _names(api, sort=resolve_sort(["name"])) == ["low", "mid", "none", "odd", "top"]


def test_a_project_includes_what_lies_below_it(api: Api, make: Make) -> None:
    make("one", project="team")
    make("two", project="team/digits")
    make("three", project="teamwork")
    assert _names(api, project="team") == ["two", "one"]
    assert _names(api, "project:team/digits") == ["two"]
    assert _names(api, "project:nowhere") == []
    with pytest.raises(NotFound) as caught:
        _names(api, project="taem")
    assert "`team`" in caught.value.hint


def test_only_what_is_shown_is_fetched(api: Api, make: Make) -> None:
    series = {("val", "acc"): [0.5], ("a", "b"): [1.0]}
    make("one", script={"diff": "x" * 100, "entry_point": "a.py"}, lr="1", metrics=series)
    columns = [fields.find_field(name) for name in ("name", "lr", "val/acc")]
    task = list_tasks(api, Request(columns=columns)).tasks[0]
    assert "script" not in task and "runtime" not in task
    assert [len(variants) for variants in task["last_metrics"].values()] == [1]
    view = fields.View(now=None)  # type: ignore[arg-type]
    assert [column.read(task, view) for column in columns] == ["one", "1", 0.5]


def test_a_mistyped_parameter_is_pointed_at_and_an_unknown_one_is_noted(api: Api, make: Make) -> None:
    make("one", batch_size="32")
    with pytest.raises(InvalidInput) as caught:
        _names(api, "tag:x batchsize<4")
    assert caught.value.data["column"] == 7 and "`batch_size`" in caught.value.hint
    assert list_tasks(api, Request(filter=parse("zzz<4"))).notes == ("none of the newest experiments has `zzz`",)
    assert list_tasks(api, Request(filter=parse("batch_size<4"))).notes == ()


TEXTS = (
    "status:failed", "status:completed,failed", "not status:failed", "status!=completed", "tag:red",
    "not tag:red", "tag:red,blue", "tag:-odd", "tag:red tag:blue", "name~RUN", "name:run1", "run", "id:0",
    "since:1d", "before:1d", "started>1h", "created>=today", "lr<0.5", "not lr<0.5", "val/acc>0.5",
    "type:training", "project:aaa", "not tag:blue", "tag!=red,blue", "project:aaa/bbb", "user:nobody",
    "not project:aaa", "tag!=red", "lr:0.1", "parent:00", 'comment:""', "tag:''",
)  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Api:
    api = open_home(tmp_path_factory.mktemp("mixed"))
    for number in range(24):
        make_task(
            api,
            f"{'run' if number % 2 else 'Run'}{number}",
            status=("completed", "failed", "created", "in_progress")[number % 4],
            tags=[tag for bit, tag in enumerate(("red", "blue", "-odd")) if number >> bit & 1],
            project=("aaa", "aaa/bbb", "ccc", None)[number // 4 % 4],
            **({"lr": str(number / 20)} if number % 3 else {}),
            metrics={("val", "acc"): [number / 24]} if number % 5 and number % 4 != 2 else {},
        )
    return api


def _check(api: Api, text: str) -> int:
    """The answer of the server and the predicate together is that of the predicate over everything."""
    sections = (
        "hyperparams",
        "last_metrics",
        "tags",
        "created",
        "started",
        "type",
        "project",
        "user",
        "parent",
        "comment",
    )
    everything = list_tasks(api, Request(fields=sections))
    view = fields.View(everything.view.now, api.projects.names(), api.users.names())
    expected = [task["id"] for task in everything.tasks if parse(text).test(task, view)]
    assert [task["id"] for task in list_tasks(api, Request(filter=parse(text)), now=view.now).tasks] == expected
    return len(expected)


def test_what_goes_to_the_server_never_changes_the_answer(mixed: Api) -> None:
    counts = {text: _check(mixed, text) for text in TEXTS}
    # A condition that everything or nothing fulfils would prove little.
    assert sum(0 < count < 24 for count in counts.values()) > len(TEXTS) / 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.sampled_from(TEXTS), min_size=2, max_size=3), join=st.sampled_from([" ", " or ", " not "]))
def test_nor_does_any_combination(mixed: Api, chosen: list[str], join: str) -> None:
    _check(mixed, join.join(chosen))


def test_the_names_of_a_list_are_its_parameters_and_metrics(api: Api, make: Make) -> None:
    for lr in ("0.1", "0.2"):
        make("run", lr=lr, epochs="3", metrics={("val", "acc"): [0.5], (":monitor:machine", "cpu"): [1.0]})
    tasks = list_tasks(api, Request(fields=("hyperparams", "last_metrics"))).tasks
    assert {"lr", "Args/lr", "val/acc"} <= known_names(tasks)


def test_listing_loads_neither_msgspec_nor_what_else_it_does_not_need(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from mlops_cli.config.settings import load_settings\n"
        "from mlops_cli.client.connect import connect\n"
        "from mlops_cli.client.listing import Request, list_tasks\n"
        "from mlops_cli.client.filters import parse\n"
        "with connect(load_settings()) as api:\n"
        "    list_tasks(api, Request(filter=parse('status:failed since:1d'), limit=20))\n"
        "    api.tasks.find({'only_fields': ['id', 'name', 'tags']}, limit=5)\n"
        "heavy = {'msgspec', 'rich', 'requests', 'platformdirs', 'subprocess', 'tempfile', 'difflib', 'tomli'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    with open_home(tmp_path) as api:
        make_task(api, "one", status="failed")
    env = {"MLOPS_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
