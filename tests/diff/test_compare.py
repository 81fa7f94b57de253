from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from mlops_cli.diff.compare import SECTIONS, Options, compare
from mlops_cli.diff.comparison import Comparison, MetricRow, Row, TextRow
from mlops_cli.diff.packages import read_requirements
from mlops_cli.diff.values import is_equal
from mlops_cli.schemas.metrics import direction, series_key
from mlops_cli.schemas.tasks import Task


def _task(**fields: Any) -> Task:
    return msgspec.convert({"id": "a" * 32, "name": "run", "status": "completed", **fields}, Task, strict=False)


def _params(**values: Any) -> dict[str, Any]:
    def item(name: str, value: Any) -> dict[str, Any]:
        text, kind = value if isinstance(value, tuple) else (value, None)
        return {"section": "Args", "name": name, "value": text, "type": kind}

    return {"Args": {name: item(name, value) for name, value in values.items()}}


def _metrics(**values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        metric, _, variant = name.partition("__")
        one, two = series_key(metric, variant)
        summary = value if isinstance(value, dict) else {"value": value, "min_value": value, "max_value": value}
        found.setdefault(one, {})[two] = {"metric": metric, "variant": variant, **summary}
    return found


def _rows(comparison: Comparison, name: str) -> list[tuple[Any, ...]]:
    section = comparison.section(name)
    assert section is not None
    return [(row.name, *row.values, row.change) for row in section.rows if isinstance(row, (Row, MetricRow))]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("0.1", "1e-1", True),
        ("1", "1.0", True),
        ("True", "true", True),
        ("True", "1", False),
        ("", "None", True),
        ("[1, 2]", "[1,2]", True),
        ("[1, 2]", "(1, 2)", True),
        ("['a']", '["a"]', True),
        ('{"a": null}', "{'a': None}", True),
        ("nan", "NaN", True),
        ("inf", "1e999", True),
        ("adam", "Adam", False),
        ("0.1", "0.10000001", False),
        ("1_0", "10", True),
        ("[" * 3000, "[" * 3001, False),
        ("9" * 500, "9" * 500 + "0", False),
        (None, "", False),
    ],
)
def test_values_are_the_same_by_meaning(one: str | None, two: str | None, same: bool) -> None:
    assert is_equal(one, two) is same


def test_two_texts_are_compared_as_texts() -> None:
    assert not is_equal("1", "1.0", types=("str", "str"))
    assert is_equal("1", "1.0", types=("str", "float"))


def test_only_what_differs_is_shown_and_the_rest_is_counted() -> None:
    one = _task(hyperparams=_params(lr="0.1", bs="32", old="1"))
    two = _task(hyperparams=_params(lr="0.5", bs="32.0", new="2"))
    comparison = compare([one, two])
    assert _rows(comparison, "parameters") == [
        ("Args/lr", "0.1", "0.5", "changed"),
        ("Args/new", None, "2", "added"),
        ("Args/old", "1", None, "removed"),
    ]
    section = comparison.section("parameters")
    assert section is not None and section.same == 1
    assert not comparison.is_same
    whole = compare([one, two], Options(everything=True, sections=("parameters",)))
    assert ("Args/bs", "32", "32.0", "same") in _rows(whole, "parameters")
    assert [found.name for found in whole.sections] == ["parameters"]
    with pytest.raises(ValueError, match="unknown sections: nope"):
        compare([one], Options(sections=("nope",)))


def test_the_same_thing_run_twice_is_the_same_though_it_took_longer() -> None:
    one = _task(id="a" * 32, started="2026-01-01T00:00:00Z", completed="2026-01-01T00:00:05Z")
    two = _task(id="b" * 32, started="2026-01-02T00:00:00+00:00", completed="2026-01-02T00:00:09Z")
    comparison = compare([one, two])
    assert comparison.is_same
    assert _rows(comparison, "time")[0] == ("duration_s", "5.000", "9.000", "changed")
    assert not compare([one, _task(status="failed")]).is_same


def test_three_are_compared_with_the_first() -> None:
    tasks = [_task(hyperparams=_params(lr=value)) for value in ("1", "1.0", "2")]
    assert _rows(compare(tasks), "parameters") == [("Args/lr", "1", "1.0", "2", "changed")]


def test_metrics_say_whether_it_got_better() -> None:
    one = _task(last_metrics=_metrics(val__acc=0.8, val__loss=0.5, q__q=1.0, gone__x=1.0))
    two = _task(last_metrics=_metrics(val__acc=0.9, val__loss=0.6, q__q=2.0))
    rows = {row.name: row for row in compare([one, two]).section("metrics").rows}  # type: ignore[union-attr]
    acc, loss, unknown = rows["val/acc"], rows["val/loss"], rows["q"]
    assert isinstance(acc, MetricRow) and isinstance(loss, MetricRow) and isinstance(unknown, MetricRow)
    assert (acc.direction, acc.verdicts[1], round(acc.relative[1] or 0, 6)) == ("max", "better", 0.125)
    assert (loss.direction, loss.verdicts[1], round(loss.deltas[1] or 0, 6)) == ("min", "worse", 0.1)
    assert (unknown.direction, unknown.verdicts[1], unknown.change) == (None, None, "changed")
    assert rows["gone/x"].change == "removed"
    told = compare([one, two], Options(directions={"q": "min", "acc": "min"}))
    verdicts = {row.name: row.verdicts[1] for row in told.section("metrics").rows if isinstance(row, MetricRow)}  # type: ignore[union-attr]
    assert (verdicts["q"], verdicts["val/acc"]) == ("worse", "worse")


def test_the_best_value_follows_the_direction() -> None:
    one = _task(last_metrics=_metrics(val__loss={"value": 0.9, "min_value": 0.1, "max_value": 2.0}))
    two = _task(last_metrics=_metrics(val__loss={"value": 0.2, "min_value": 0.2, "max_value": 9.0}))
    [last] = compare([one, two]).section("metrics").rows  # type: ignore[union-attr]
    [best] = compare([one, two], Options(statistic="best")).section("metrics").rows  # type: ignore[union-attr]
    assert isinstance(last, MetricRow) and isinstance(best, MetricRow)
    assert (last.values, last.verdicts[1]) == ((0.9, 0.2), "better")
    assert (best.values, best.verdicts[1]) == ((0.1, 0.2), "worse")


def test_values_that_are_not_finite_neither_crash_nor_win() -> None:
    one = _task(last_metrics=_metrics(a__loss=1.0, b__loss="NaN", c__loss="Infinity", d__loss=0.0, e__acc="NaN"))
    two = _task(last_metrics=_metrics(a__loss="NaN", b__loss="NaN", c__loss=1.0, d__loss=1.0, e__acc=0.5))
    rows = {row.name: row for row in compare([one, two], Options(everything=True)).section("metrics").rows}  # type: ignore[union-attr]
    found = {name: (row.verdicts[1], row.relative[1]) for name, row in rows.items() if isinstance(row, MetricRow)}
    assert found == {
        "a/loss": ("worse", None),
        "b/loss": ("same", None),
        "c/loss": ("better", None),
        "d/loss": ("worse", None),
        "e/acc": ("better", None),
    }
    assert math.isnan(rows["a/loss"].values[1])  # type: ignore[arg-type, union-attr]


def test_small_differences_are_none_within_a_tolerance() -> None:
    one, two = (_task(last_metrics=_metrics(val__acc=value)) for value in (0.9, 0.9009))
    assert not compare([one, two]).is_same
    assert compare([one, two], Options(rtol=0.01)).is_same
    assert compare([one, two], Options(atol=0.001)).is_same


@pytest.mark.parametrize(
    ("metric", "variant", "goal"),
    [
        ("val", "loss", "min"), ("loss", "val", "min"), ("val", "accuracy", "max"), ("mAP50", "mAP50", "max"),
        ("error_rate", "", "min"), ("f1_loss", "", "min"), ("eval", "wer", "min"), ("train", "epoch", None),
        ("valAcc", "valAcc", "max"), ("top5_acc", "", "max"), ("perplexity", "", "min"), ("lr", "lr", None),
        ("iou", "person", "max"), ("test_rmse", "", "min"), ("bleu4", "", "max"), ("mapping", "", None),
    ],
)  # fmt: skip
def test_the_direction_follows_from_the_name(metric: str, variant: str, goal: str | None) -> None:
    assert direction(metric, variant) == goal


def test_configuration_and_code_differ_by_lines() -> None:
    one = _task(
        configuration={"c.yaml": {"name": "c.yaml", "value": "a: 1\nb: 2\n"}},
        script={"repository": "r", "version_num": "1", "branch": "main", "entry_point": "train.py --lr 1", "diff": ""},
    )
    two = _task(
        configuration={"c.yaml": {"name": "c.yaml", "value": "a: 1\nb: 3\n"}, "d": {"name": "d", "value": "x"}},
        script={
            "repository": "r",
            "version_num": "1",
            "branch": "dev",
            "entry_point": "train.py --lr 2",
            "diff": "+x\n",
        },
    )
    comparison = compare([one, two])
    section = comparison.section("configuration")
    assert section is not None
    changed, added = section.rows
    assert isinstance(changed, TextRow) and isinstance(added, TextRow)
    assert "-b: 2" in changed.diffs[0] and "+b: 3" in changed.diffs[0]
    assert (added.change, added.present) == ("added", (False, True))
    assert _rows(comparison, "code") == [("branch", "main", "dev", "changed"), ("uncommitted", "no", "yes", "changed")]
    with_patch = compare([one, two], Options(patches=["--- a\n+++ b\n@@ -1 +1 @@\n-1\n+2\n"]))
    patch = next(row for row in with_patch.section("code").rows if isinstance(row, TextRow))  # type: ignore[union-attr]
    assert patch.diffs == (("--- a", "+++ b", "@@ -1 +1 @@", "-1", "+2"),)


def test_line_ends_alone_are_a_difference_that_is_named() -> None:
    one, two = (_task(configuration={"c": {"name": "c", "value": value}}) for value in ("a\n", "a\r\n"))
    [row] = compare([one, two]).section("configuration").rows  # type: ignore[union-attr]
    assert isinstance(row, TextRow) and "line ends" in row.diffs[0][-1]


def test_packages_are_read_from_any_client() -> None:
    ours = {
        "pip": "numpy==2.0\ntorch == 2.1 # gpu\n-e git+https://h/x.git@abc#egg=my_pkg\npkg @ file:///w/x.whl\n\n# c\n"
    }
    agents = {"pip": ["NumPy==2.1", "torch==2.1", "new_one>=1"], "org_pip": "numpy==1", "conda": ""}
    assert read_requirements(ours) == {
        "numpy": "2.0",
        "torch": "2.1",
        "my-pkg": "-e git+https://h/x.git@abc#egg=my_pkg",
        "pkg": "file:///w/x.whl",
    }
    comparison = compare([_task(script={"requirements": ours}), _task(script={"requirements": agents})])
    assert [row[0] for row in _rows(comparison, "packages")] == ["my-pkg", "new-one", "numpy", "pkg"]


def test_data_models_and_host_are_compared_by_content() -> None:
    def made(digest: str, host: str, model: str) -> Task:
        artifacts = [{"key": "/data/x.csv", "mode": "input", "hash": digest}, {"key": "out", "hash": "same"}]
        artifacts.append({"key": "code", "hash": host})
        return _task(
            execution={"artifacts": artifacts},
            runtime={"hostname": host, "gpu_count": 1, "boot_id": host, "mlops_run": host},
            models={"input": [], "output": [{"name": "best", "model": model}]},
        )

    one, two = made("1", "h1", "m1"), made("2", "h2", "m2")
    comparison = compare([one, two])
    assert _rows(comparison, "data") == [("/data/x.csv", "sha256:1", "sha256:2", "changed")]
    assert _rows(comparison, "host") == [("hostname", "h1", "h2", "changed")]
    assert _rows(comparison, "models") == _rows(comparison, "files") == []
    told = compare([one, two], Options(digests={"m1": "x", "m2": "y"}))
    assert _rows(told, "models") == [("output/best", "sha256:x", "sha256:y", "changed")]


def test_empty_tasks_have_no_differences() -> None:
    comparison = compare([_task(), _task()])
    assert comparison.is_same
    assert [section.name for section in comparison.sections] == list(SECTIONS)
    assert all(not section.rows for section in comparison.sections)
