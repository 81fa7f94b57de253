"""List conditions compared, on random tags and random lists, with a reading of the API's rules in plain Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.testing.store import make_task

TAGS = ["a", "b", "c", "-a", "a,b", '"', "ü"]
WORDS = [*TAGS, "-b", "-c", "__$not", "__$all", "__$and", "__$any", "__$or", "__$nop", None]


def expected(tags: set[str], wanted: list[str | None]) -> bool:
    """The rules, read aloud: groups of any, all and none, joined by AND, or by OR when the first operator is any."""
    groups: dict[str, list[str | None]] = {"any": [], "all": [], "none": []}
    current, old_minus, negate, operators = "any", True, False, []
    for word in wanted:
        if word is not None and word.startswith("__$"):
            operators.append(word)
            old_minus = word == "__$nop"
            negate = word == "__$not" or (negate and word != "__$nop")
            current = {"__$all": "all", "__$and": "all", "__$not": current}.get(word, "any")
        elif negate:
            groups["none"].append(word)
            negate = False
        elif old_minus and word and word.startswith("-"):
            groups["none"].append(word[1:])
        else:
            groups[current].append(word)

    def has(word: str | None) -> bool:
        return not tags if word is None else word in tags

    verdicts = []
    if groups["any"]:
        verdicts.append(any(has(word) for word in groups["any"]))
    if groups["all"]:
        verdicts.append(all(has(word) for word in groups["all"]))
    if groups["none"]:
        verdicts.append(not any(has(word) for word in groups["none"]))
    if not verdicts:
        return True
    return any(verdicts) if operators and operators[0] in ("__$any", "__$or") else all(verdicts)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    store = open_store(folder / "store.db", folder / "files")
    made = {}
    with store.db.write():
        for number in range(2 ** len(TAGS)):
            tags = {tag for place, tag in enumerate(TAGS) if number >> place & 1}
            made[make_task(store, tags=sorted(tags))] = tags
    yield store, made
    store.close()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(wanted=st.lists(st.sampled_from(WORDS), min_size=1, max_size=7))
def test_list_conditions_mean_what_the_rules_say(tagged, wanted):
    store, made = tagged
    query = {"tags": wanted, "only_fields": ["id"], "page_size": 500}
    found = {task["id"] for task in dispatch(store, "tasks.get_all", query)["tasks"]}
    assert found == {task_id for task_id, tags in made.items() if expected(tags, wanted)}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(st.sampled_from(TAGS), max_size=3)
            for name in ("any include", "any exclude", "all include", "all exclude")
        },
    ),
    operator=st.sampled_from(["and", "or"]),
)
def test_the_newer_form_means_what_the_rules_say(tagged, parts, operator):
    store, made = tagged
    spec: dict = {"op": operator}
    for name, values in parts.items():
        group, side = name.split()
        spec.setdefault(group, {})[side] = values

    def fits(tags: set[str]) -> bool:
        verdicts = []
        for name, values in parts.items():
            if values:
                some, every = any(v in tags for v in values), all(v in tags for v in values)
                meaning = {"any include": some, "any exclude": not every, "all include": every, "all exclude": not some}
                verdicts.append(meaning[name])
        return not verdicts or (any(verdicts) if operator == "or" else all(verdicts))

    query = {"filters": {"tags": spec}, "only_fields": ["id"], "page_size": 500}
    found = {task["id"] for task in dispatch(store, "tasks.get_all", query)["tasks"]}
    assert found == {task_id for task_id, tags in made.items() if fits(tags)}
