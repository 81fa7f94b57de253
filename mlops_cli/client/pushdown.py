"""The part of a filter that the API's query language can do, as fields of a `tasks.get_all` body. Pure.

It may let more through than the filter (the predicate looks again), never less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from . import fields
from .api import Json
from .durations import parse_moment, to_iso
from .fields import View
from .language import And, Node, Not, Term

NOBODY = "0" * 32
"""An id that nothing has: the query for a project that does not exist."""

_HEX = re.compile(r"[0-9a-f]{32}\Z")


def compile_body(node: Node, view: View) -> Json:
    """The conditions that must all hold and that a server understands."""
    body: Json = {}
    tags: list[str] = []
    for child in node.nodes if isinstance(node, And) else (node,):
        term, is_not = (child.node, True) if isinstance(child, Not) else (child, False)
        if not isinstance(term, Term):
            continue
        if term.operator == "!=":
            term, is_not = Term(term.field, "=", term.values, term.column), not is_not
        name = fields.ALIASES.get(term.field, term.field)
        if name == "tags":
            tags += _tag_words(term, is_not)
        elif term.operator in (":", "=") and name in ("status", "type"):
            _put_list(body, name, [fields.status_of(value) for value in term.values], is_not)
        elif is_not:
            continue
        elif name in ("since", "before", "created", "started"):
            _put_range(body, name, term, view.now)
        elif name in ("project", "user") and term.operator in (":", "="):
            _put_ids(body, name, term, view)
        else:
            _put_text(body, name, term)
    if tags:
        body["tags"] = tags
    return body


def _tag_words(term: Term, is_not: bool) -> list[str]:
    if term.operator not in (":", "="):
        return []
    # A leading dash or `__$` would be read as an operator of the query language.
    if any(not value or value.startswith(("-", "__$")) for value in term.values):
        return []
    if is_not:
        return [word for value in term.values for word in ("__$not", value)]
    # Any of several tags would weaken the other conditions on tags; the predicate does it.
    return ["__$all", term.values[0]] if len(term.values) == 1 else []


def _put_list(body: Json, name: str, values: list[str], is_not: bool) -> None:
    if name not in body and all(values):
        body[name] = [f"-{value}" for value in values] if is_not else values


def _put_range(body: Json, name: str, term: Term, now: datetime) -> None:
    operator = {"since": ">=", "before": "<"}.get(name, term.operator)
    key = "started" if name == "started" else "created"
    if len(term.values) != 1 or operator not in ("<", "<=", ">", ">="):
        return
    interval = parse_moment(term.values[0], now)
    if interval is None:
        return
    low, high = body.get(key, [None, None])
    if operator[0] == ">":
        bound = to_iso(interval[0])
        low = bound if low is None else max(low, bound)
    else:
        # A missing lower bound also matches missing values, which the predicate then refuses.
        bound = to_iso(interval[1])
        high = bound if high is None else min(high, bound)
    body[key] = [low, high]


def _put_ids(body: Json, name: str, term: Term, view: View) -> None:
    names: Mapping[str, str] = view.projects if name == "project" else view.users
    if not names or name in body or not all(term.values):
        return
    if name == "project":
        below = tuple(value.rstrip("/") + "/" for value in term.values)
        found = [key for key, full in names.items() if (full + "/").startswith(below)]
    else:
        found = [key for key, full in names.items() if full in term.values]
    body[name] = [*found, *(value for value in term.values if _HEX.match(value))] or [NOBODY]


def _put_text(body: Json, name: str, term: Term) -> None:
    if len(term.values) != 1 or "_any_" in body:
        return
    value = term.values[0]
    if name == "id" and term.operator == ":" and re.fullmatch("[0-9a-fA-F]+", value):
        body["_any_"] = {"fields": ["id"], "pattern": f"^{value.lower()}"}
    elif name == "name" and term.operator in ("~", "~word"):
        body["_any_"] = {"fields": ["name"], "pattern": value if term.operator == "~" else re.escape(value)}
    elif name == "name" and term.operator in (":", "=") and value:
        body["_any_"] = {"fields": ["name"], "pattern": f"^{re.escape(value)}$"}
