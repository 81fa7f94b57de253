from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.client.durations import parse_moment, parse_span
from mlops_cli.client.fields import View
from mlops_cli.client.filters import parse
from mlops_cli.client.language import OPERATORS, And, Not, Or, Term, read, terms
from mlops_cli.errors import InvalidInput
from mlops_cli.schemas.metrics import series_key

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
VIEW = View(NOW, projects={"p1": "team/digits", "p2": "other"}, users={"u1": "Ada"})


def _series(**values: dict[str, float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, summary in values.items():
        metric, _, variant = name.partition("__")
        one, two = series_key(metric, variant)
        found.setdefault(one, {})[two] = {"metric": metric, "variant": variant, **summary}
    return found


TASK: dict[str, Any] = {
    "id": "ab12" + "0" * 28,
    "name": "ResNet big",
    "project": "p1",
    "user": "u1",
    "status": "failed",
    "type": "training",
    "tags": ["base", "two words"],
    "created": (NOW - timedelta(days=1)).isoformat(),
    "started": (NOW - timedelta(hours=5)).isoformat(),
    "completed": (NOW - timedelta(hours=2)).isoformat(),
    "last_iteration": 10,
    "runtime": {"gpu_type": "NVIDIA A100-SXM4-80GB", "hostname": "node7", "gpu_count": 4},
    "hyperparams": {
        "Args": {"lr": {"value": "1e-4"}, "amp": {"value": "True"}, "opt": {"value": "adam"}},
        "General": {"nested/k": {"value": "3"}},
    },
    "last_metrics": _series(
        val__acc={"value": 0.8, "max_value": 0.95, "min_value": 0.1},
        loss__loss={"value": "NaN", "min_value": 0.2},
    ),
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status:failed tag:base not tag:old lr<1e-3 val/acc.max>0.9 since:2d (gpu:A100 or gpu:H100) name~resnet",
        "status:failed,running",
        "NOT status:completed AND tag:base",
        'tag:"two words"',
        "lr.lt:1e-3",
        "lr=0.0001",
        "lr:1e-04",
        "Args/lr<=1e-4",
        "General/nested/k>2",
        "nested/k:3",
        "amp:true",
        "opt:adam opt!=sgd opt!~sgd",
        "val/acc<0.9 val/acc.min:0.1",
        "loss.min<0.3",
        "not loss<5 not loss>5",
        "since:1w before:1h",
        "created:2026-11-20",
        "created<2026-11-21",
        "created>=yesterday",
        "duration>2h duration<=3h",
        "age>20h",
        "gpus>=4 host:NODE",
        "id:ab12",
        "project:team",
        "project:team/digits user:Ada",
        "has:lr not has:nothing",
        'comment:""',
        "resnet",
        "iteration:10",
        "runtime.gpu_count:4",
        "step.ge:10",
    ],
)
def test_these_hold(text: str) -> None:
    assert parse(text).test(TASK, VIEW)


@pytest.mark.parametrize(
    "text",
    [
        "status:completed",
        "tag:old",
        "lr>1e-3",
        "missing<3",
        "val/acc>0.9",
        "since:2h",
        "created:2026-11-21",
        "created>2026-11-20",
        "gpu:H100",
        "name~^big",
        "name:resnet",
        "project:tea",
        "user:Bob",
        "opt<3",
        "status:failed tag:old or name~x",
        "loss>0",
    ],
)
def test_these_do_not(text: str) -> None:
    assert not parse(text).test(TASK, VIEW)


def test_or_binds_weaker_than_and() -> None:
    tree = read("a:1 b:2 or not c:3 d:4")
    assert isinstance(tree, Or)
    assert [type(node) for node in tree.nodes] == [And, And]
    assert isinstance(tree.nodes[1].nodes[0], Not)


@pytest.mark.parametrize(
    ("text", "column", "says", "hint"),
    [
        ("status:faild", 1, "not a status", "`failed`"),
        ("tag:a created>soon", 7, "neither a date nor a span", "2d"),
        ("lr<abc", 1, "not a number", "lr:abc"),
        ("name~(", 1, "not a regular expression", ""),
        ("tag:a (b:1", 7, "never closed", ""),
        ("tag:a)", 6, "closes nothing", ""),
        ('name:"x', 6, "never closed", ""),
        ("tag:a and", 10, "ends here", ""),
        ("lr<", 4, "expected a value", ""),
        ("a:1 <3", 5, "expected a field", ""),
        ("since>2d", 1, "takes a colon", "since:2d"),
        ("duration>much", 1, "not a span", "3h30m"),
        ("(" * 5000, 101, "nested", ""),
    ],
)
def test_a_mistake_is_shown_under_its_column(text: str, column: int, says: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    error = caught.value
    assert error.data["column"] == column
    assert says in error.message and hint in error.hint
    assert error.message.splitlines()[-1] == "  " + " " * (column - 1) + "^"


_WORDS = st.text(st.characters(blacklist_categories=("Cs", "Zs", "Zl", "Zp", "Cc")), min_size=1, max_size=12)
_FIELD = _WORDS.filter(lambda word: not set(word) & set("\"'()\\,") and not any(op in word for op in OPERATORS))


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_mistake_with_a_column(text: str) -> None:
    try:
        found = parse(text)
    except InvalidInput as exc:
        assert 1 <= exc.data["column"] <= len(text) + 1
    else:
        assert found.test(TASK, VIEW) in (True, False)
        assert parse(text).node == found.node


@given(_FIELD, st.sampled_from([":", "=", "!=", "~"]), st.lists(st.text(max_size=8), min_size=1, max_size=3))
def test_a_quoted_value_comes_back_as_it_was(field: str, operator: str, values: list[str]) -> None:
    if field.rpartition(".")[2] in ("lt", "le", "gt", "ge", "eq", "ne", "like", "unlike"):
        return
    if field.endswith("!"):  # `!` and what follows would be another operator
        return
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    assert read(f"{field}{operator}{quoted}") == Term(field, operator, tuple(values), 1)


_TERM = st.sampled_from(
    ["status:failed", "tag:base", "tag:old", "lr<1", "val/acc>0.9", "name~res", "resnet", "since:2d"]
)
_TREE = st.recursive(
    _TERM,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda texts: "(" + " or ".join(texts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda texts: "(" + " and ".join(texts) + ")"),
    ),
    max_leaves=8,
)


@given(_TREE, _TREE)
def test_the_logic_is_that_of_python(left: str, right: str) -> None:
    def holds(text: str) -> bool:
        return parse(text).test(TASK, VIEW)

    assert holds(f"not ({left})") == (not holds(left))
    assert holds(f"({left}) ({right})") == (holds(left) and holds(right))
    assert holds(f"({left}) or ({right})") == (holds(left) or holds(right))
    assert len(list(terms(read(f"{left} {right}")))) == len(list(terms(read(left)))) + len(list(terms(read(right))))


def test_spans_and_moments_are_read_as_people_write_them() -> None:
    assert [parse_span(text) for text in ("90s", "3h30m", "2d", "1.5h", "1w", "2mo")] == [
        90, 12600, 172800, 5400, 604800, 5184000,
    ]  # fmt: skip
    assert [parse_span(text) for text in ("", "3", "h", "3x", "3h4", "-1h", "1e3s")] == [None] * 7
    day = datetime(2026, 11, 20, tzinfo=UTC)
    assert parse_moment("2026-11-20", NOW) == (day, day + timedelta(days=1))
    assert parse_moment("2026-11-20T10:00+02:00", NOW) == (day.replace(hour=8),) * 2
    assert parse_moment("yesterday", NOW) == parse_moment("2026-11-20", NOW)
    assert parse_moment("9999999999y", NOW) is None
    assert parse_moment("9999-12-31", NOW) is None
