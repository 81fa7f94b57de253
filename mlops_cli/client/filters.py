"""A filter over experiments: what the API's query language can do goes to the server, the rest is a predicate here.

`parse` checks every condition at once, so that a mistake is shown with its column before anything is asked. The
language itself is in `language`, what its fields mean in `fields`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..schemas.status import STATUS_WORDS, STATUSES
from . import fields
from .api import Json
from .durations import parse_moment, parse_span
from .fields import DATE, LIST, SPAN, Field, View
from .language import And, Node, Not, Or, Term, problem, read, terms
from .suggest import suggest

Predicate = Callable[[Json, View], bool]

ONLY_HERE = ("since", "before", "has")
"""Words that are conditions but no fields."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A checked filter. `test(task, view)` decides; `body(view)` narrows the query to a superset of what it accepts."""

    text: str
    node: Node
    test: Predicate = field(repr=False)

    @property
    def fields(self) -> list[Field]:
        """The fields whose values `test` looks at."""
        found = []
        for term in terms(self.node):
            name = term.values[0] if term.field == "has" else term.field
            found.append(fields.find_field("created" if term.field in ("since", "before") else name))
        return found

    @property
    def is_empty(self) -> bool:
        return self.node == And(())

    def body(self, view: View) -> Json:
        """The part that `tasks.get_all` can do; `view` gives the ids behind names of projects and users."""
        from .pushdown import compile_body  # noqa: PLC0415 - an empty filter asks for nothing

        return {} if self.is_empty else compile_body(self.node, view)

    def open_terms(self) -> list[Term]:
        """Conditions on names that only the data can know: parameters and metrics."""
        return [term for term in terms(self.node) if term.field not in ONLY_HERE and not fields.is_built_in(term.field)]


def parse(text: str) -> Filter:
    """Read and check a filter. Raises InvalidInput with a caret under the column of the mistake."""
    node = read(text)
    return Filter(text, node, _compile(node, text))


def explain_unknown(term: Term, text: str, known: Iterable[str]) -> Exception | None:
    """The error for a field that no experiment has, when a known name is near; else None: it may come one day."""
    base = fields.split_statistic(term.field)[0]
    names = {*known, *fields.BUILT_IN, *fields.ALIASES, *ONLY_HERE}
    hint = suggest(base, sorted(names), count=1, cutoff=0.7)
    return problem(text, term.column, f"no experiment here has `{base}`", hint) if hint else None


def _compile(node: Node, text: str) -> Predicate:
    if isinstance(node, Term):
        return _compile_term(node, text)
    if isinstance(node, Not):
        inner = _compile(node.node, text)
        return lambda task, view: not inner(task, view)
    tests = [_compile(child, text) for child in node.nodes]
    if isinstance(node, Or):
        return lambda task, view: any(test(task, view) for test in tests)
    return lambda task, view: all(test(task, view) for test in tests)


def _compile_term(term: Term, text: str) -> Predicate:
    if term.operator in ("!=", "!~"):
        positive = Term(term.field, term.operator[1], term.values, term.column)
        inner = _compile_term(positive, text)
        return lambda task, view: not inner(task, view)
    if term.field in ("since", "before"):
        return _compile_since(term, text)
    if term.field == "has":
        wanted = [fields.find_field(value) for value in term.values]
        return lambda task, view: any(item.read(task, view) not in (None, "", []) for item in wanted)
    item = fields.find_field(term.field)
    if term.operator in ("~", "~word"):
        return _compile_search(term, item, text)
    tests = [_comparison(term, item, value, text) for value in term.values]

    def test(task: Json, view: View) -> bool:
        found = item.read(task, view)
        values = found or [None] if item.kind == LIST else [found]
        return any(one(value, view) for value in values for one in tests)

    return test


def _compile_since(term: Term, text: str) -> Predicate:
    if term.operator not in (":", "="):
        raise problem(text, term.column, f"`{term.field}` takes a colon", f"{term.field}:2d")
    operator = ">=" if term.field == "since" else "<"
    return _compile_term(Term("created", operator, term.values, term.column), text)


def _compile_search(term: Term, item: Field, text: str) -> Predicate:
    patterns = []
    for value in term.values:
        try:
            patterns.append(re.compile(re.escape(value) if term.operator == "~word" else value, re.IGNORECASE))
        except (re.error, OverflowError) as exc:
            raise problem(text, term.column, f"`{value}` is not a regular expression: {exc}") from exc

    def test(task: Json, view: View) -> bool:
        found = item.read(task, view)
        values = found or [] if item.kind == LIST else [] if found is None else [found]
        return any(pattern.search(str(value)) for value in values for pattern in patterns)

    return test


Comparison = Callable[[object, View], bool]


def _comparison(term: Term, item: Field, wanted: str, text: str) -> Comparison:
    operator = "=" if term.operator == ":" else term.operator
    if item.kind == DATE:
        return _date_comparison(term, operator, wanted, text)
    if item.kind == SPAN:
        seconds = parse_span(wanted)
        seconds = fields.to_number(wanted) if seconds is None else seconds
        if seconds is None:
            raise problem(text, term.column, f"`{wanted}` is not a span", "spans are 90s, 3h30m, 2d")
        return lambda value, view: _order(operator, value, seconds)
    if operator == "=":
        return _equality(term, item, wanted, text)
    number = fields.to_number(wanted)
    if number is None:
        hint = f"numbers only; for text use `{term.field}:{wanted}` or `{term.field}~{wanted}`"
        raise problem(text, term.column, f"`{wanted}` is not a number", hint)
    return lambda value, view: _order(operator, value, number)


def _equality(term: Term, item: Field, wanted: str, text: str) -> Comparison:
    if item.name == "status":
        status = fields.status_of(wanted)
        if status not in STATUSES:
            raise problem(text, term.column, f"`{wanted}` is not a status", _status_hint(wanted))
        return lambda value, view: value == status
    if not wanted:
        return lambda value, view: value in (None, "", [])
    if item.name in ("id", "parent", "run", "commit") and term.operator == ":":
        return lambda value, view: isinstance(value, str) and value.startswith(wanted.lower())
    if item.name == "project" and term.operator == ":":
        below = wanted.rstrip("/") + "/"
        return lambda value, view: isinstance(value, str) and (value + "/").startswith(below)
    if item.is_loose and term.operator == ":":
        part = wanted.casefold()
        return lambda value, view: isinstance(value, str) and part in value.casefold()
    number = fields.to_number(wanted)
    word = {"true": "true", "false": "false"}.get(wanted.lower())

    def test(value: object, view: View) -> bool:
        if value == wanted:
            return True
        if isinstance(value, bool) or (word and isinstance(value, str)):
            return str(value).lower() == word
        return number is not None and fields.to_number(value) == number

    return test


def _date_comparison(term: Term, operator: str, wanted: str, text: str) -> Comparison:
    # Checked now, evaluated later: `2d` counts from the moment of the question.
    if parse_moment(wanted, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise problem(text, term.column, f"`{wanted}` is neither a date nor a span", "2026-11-21, today, 3h, 2d")

    def test(value: object, view: View) -> bool:
        found, interval = fields.parse_date(value), parse_moment(wanted, view.now)
        if found is None or interval is None:
            return False
        start, end = interval
        if operator == "=":
            return start <= found < end or found == start
        if operator == "<":
            return found < start
        if operator == ">":
            return found >= end if end > start else found > start
        return found >= start if operator == ">=" else found < end or found == start

    return test


def _order(operator: str, value: object, wanted: float) -> bool:
    number = fields.to_number(value)
    if number is None:
        return False
    if operator == "=":
        return number == wanted
    if operator == "<":
        return number < wanted
    if operator == "<=":
        return number <= wanted
    return number > wanted if operator == ">" else number >= wanted


def _status_hint(wanted: str) -> str:
    words = [*STATUSES, *STATUS_WORDS]
    return suggest(wanted, words, count=1) or "statuses: " + ", ".join(words)
