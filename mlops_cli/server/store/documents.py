"""Reading and writing documents of any collection: rows to JSON objects and back. The nouns decide what they mean."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput, NotFound
from ..db.sqlite import Connection
from ..query import order as ordering
from ..query.fields import BOOLEAN, LIST, METRIC_FIELDS, OBJECT, TEXT, Collection, Scope
from ..query.projection import Projection, Tree, project
from ..query.where import conditions

if TYPE_CHECKING:
    from .store import Store

Document = dict[str, Any]

MAX_DEPTH = 100
"""SQLite refuses to look into JSON deeper than 1000; one such row would fail every query over its table."""

_METRIC_SQL = ", ".join(METRIC_FIELDS.values())
_METRIC_VALUES = tuple(name for name in METRIC_FIELDS if name.endswith("value"))


def find(store: Store, collection: Collection, body: Document, extra: Sequence[str] = ()) -> tuple[list[Document], str]:
    """The documents that a query asks for, and the id to scroll on with ("" when the query does not scroll).

    `extra` are further conditions in SQL, without values.
    """
    scope = Scope(collection)
    where = [*conditions(scope, body), *extra]
    order_by = ordering.order(scope, body.get("order_by"))
    page = ordering.page(body)
    projection = project(collection, body.get("only_fields") or body.get("projection"))
    with store.db.read() as connection:
        until = page.until
        if page.is_scroll:
            if until is None:
                until = connection.execute(f"SELECT coalesce(max(seq), 0) FROM {collection.table}").fetchone()[0]  # noqa: S608
            where.append(f"t.seq <= {scope.bind(until)}")
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        tail = f"{clause} {order_by} LIMIT {page.size} OFFSET {page.offset}"
        # First which rows, then what is in them: the sort carries no wide columns, and only the page is read whole.
        rows = connection.execute(f"SELECT t.seq FROM {scope.source()} {tail}", scope.values)  # noqa: S608
        documents = _read(store, connection, collection, projection, [row[0] for row in rows])
    return documents, page.next_id(until or 0, len(documents)) if page.is_scroll else ""


def get(store: Store, collection: Collection, document_id: object, only_fields: Any = None) -> Document:
    """One document. Raises NotFound with the API's subcode for this noun."""
    projection = project(collection, only_fields)
    with store.db.read() as connection:
        row = connection.execute(
            f"SELECT seq FROM {collection.table} WHERE id = ?",  # noqa: S608
            (checked_id(collection, document_id),),
        ).fetchone()
        if row is None:
            raise unknown(collection, document_id)
        return _read(store, connection, collection, projection, [row[0]])[0]


def stored(connection: Connection, collection: Collection, document_id: object, *names: str) -> Document:
    """The named fields as stored (URIs relative, internal fields too), for a change within a transaction."""
    scope = Scope(collection)
    scope.names.update(names)
    columns = ", ".join(["t.seq", *(collection.column(name) for name in names)])
    row = connection.execute(
        f"SELECT {columns} FROM {scope.source()} WHERE t.id = ?",  # noqa: S608
        (checked_id(collection, document_id),),
    ).fetchone()
    if row is None:
        raise unknown(collection, document_id)
    found: Document = {"seq": row[0]}
    for position, name in enumerate(names, 1):
        value, field = row[position], collection.fields[name]
        found[name] = _decoded(field.kind, value if value is not None else field.empty)
    return found


def insert(connection: Connection, collection: Collection, document: Document) -> int:
    """A new row; returns its place in the order of insertion."""
    plain = {name: value for name, value in document.items() if not collection.fields[name].apart}
    seq = _insert(connection, collection, collection.table, plain)
    if collection.apart:
        apart = {name: value for name, value in document.items() if collection.fields[name].apart}
        _insert(connection, collection, collection.apart, {"seq": seq, **apart})
    return seq


def change(connection: Connection, collection: Collection, seq: int, fields: Document) -> None:
    """Sets these fields of one row; None clears a field."""
    for is_apart, table in ((False, collection.table), (True, collection.apart)):
        part = {name: value for name, value in fields.items() if collection.fields[name].apart is is_apart}
        if part:
            assignments = ", ".join(f"{name} = :{name}" for name in part)
            values = {name: encoded(collection, name, value) for name, value in part.items()}
            connection.execute(f"UPDATE {table} SET {assignments} WHERE seq = :seq", {**values, "seq": seq})  # noqa: S608


def unknown(collection: Collection, document_id: object) -> NotFound:
    return NotFound(
        f"Invalid {collection.noun} id: id={document_id}", subcode=collection.unknown_id, data={"id": str(document_id)}
    )


def checked_id(collection: Collection, value: object) -> str:
    """An id as text. Raises InvalidInput when it is missing or no text."""
    if value is None or value == "":
        raise InvalidInput(f"Required field missing: {collection.noun} id", subcode=11)
    if not isinstance(value, str):
        raise InvalidInput(f"Validation error: an id must be text, not {value!r}")
    return value


def encoded(collection: Collection, name: str, value: Any) -> Any:
    """A field's value as its column holds it. Raises InvalidInput for what JSON or SQLite cannot hold."""
    kind = collection.fields[name].kind if name in collection.fields else TEXT
    if value is None:
        return None
    if kind in (OBJECT, LIST):
        return to_json(value, name)
    if kind == BOOLEAN:
        return int(bool(value))
    if isinstance(value, (dict, list)):
        raise InvalidInput(f"Validation error: {name} must be a plain value")
    return value


def to_json(value: Any, name: str = "value") -> str:
    if _depth_exceeds(value, MAX_DEPTH):
        raise InvalidInput(f"Validation error: {name} is nested deeper than {MAX_DEPTH}")
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError) as exc:
        raise InvalidInput(f"Validation error: {name} cannot be stored as JSON: {exc}") from exc


def metric_value(value: float | None) -> float | str:
    """A number of `series` as an answer shows it: JSON knows neither NaN (stored as NULL) nor the infinities."""
    if value is None:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def metrics_of(connection: Connection, ids: Sequence[str], wanted: Tree | None = None) -> dict[str, Document]:
    """`last_metrics` of each of these tasks or models; `wanted` names metrics (and variants) by their hashes."""
    found: dict[str, Document] = {document_id: {} for document_id in ids}
    values: dict[str, Any] = {"ids": json.dumps(list(ids))}
    clause = "task IN (SELECT value FROM json_each(:ids))"
    if wanted:
        clause += " AND metric_hash IN (SELECT value FROM json_each(:metrics))"
        values["metrics"] = json.dumps(list(wanted))
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        f"SELECT task, metric_hash, variant_hash, {_METRIC_SQL} FROM series WHERE {clause} ORDER BY id",  # noqa: S608
        values,
    )
    for task, metric_hash, variant_hash, *row in rows:
        variants = (wanted or {}).get(metric_hash)
        if not variants or variant_hash in variants:
            found[task].setdefault(metric_hash, {})[variant_hash] = _entry(row)
    return found


def _entry(row: Sequence[Any]) -> Document:
    entry: Document = dict(zip(METRIC_FIELDS, row, strict=True))
    for name in _METRIC_VALUES:
        value = entry[name]
        if value is None or value - value != 0.0:  # an infinity
            entry[name] = metric_value(value)
    if None in row:
        return {name: value for name, value in entry.items() if value is not None}
    return entry


def _read(
    store: Store, connection: Connection, collection: Collection, projection: Projection, page: list[int]
) -> list[Document]:
    """These rows, in this order."""
    names = [name for name in projection.names if name in collection.fields]
    columns = ", ".join(["t.seq", *(collection.column(name) for name in names)])
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(
        f"SELECT {columns} FROM {collection.source(set(names))}"  # noqa: S608
        " WHERE t.seq IN (SELECT value FROM json_each(?))",
        (json.dumps(page),),
    )
    fields = [collection.fields[name] for name in names]
    by_seq: dict[int, Document] = {}
    for seq, *row in rows:
        document: Document = by_seq.setdefault(seq, {})
        for field, value in zip(fields, row, strict=True):
            if value is None:
                if field.empty is None:
                    continue
                value = field.empty
            document[field.name] = value if field.kind == TEXT else _decoded(field.kind, value)
    documents = [by_seq[seq] for seq in page]
    if "last_metrics" in projection.names:
        _add_metrics(connection, documents, projection)
    for document in documents:
        absolute(store, document)
        projection.cut(document)
    return documents


def _add_metrics(connection: Connection, documents: list[Document], projection: Projection) -> None:
    wanted = projection.kept.get("last_metrics")
    found = metrics_of(connection, [document["id"] for document in documents], wanted)
    for document in documents:
        document["last_metrics"] = found[document["id"]]


def absolute(store: Store, document: Document) -> Document:
    """Turns our relative URIs into absolute ones, in place: the API's edge."""
    if "uri" in document:
        document["uri"] = store.files.absolute(document["uri"])
    execution = document.get("execution")
    if execution:
        for artifact in _artifacts(execution):
            artifact["uri"] = store.files.absolute(artifact["uri"])
    return document


def relative(store: Store, fields: Document) -> Document:
    """The opposite, for what is about to be stored; returns a changed copy."""
    changed = dict(fields)
    if isinstance(fields.get("uri"), str):
        changed["uri"] = store.files.relative(fields["uri"])
    execution = fields.get("execution")
    if isinstance(execution, dict) and execution.get("artifacts"):
        items = [dict(item) if isinstance(item, dict) else item for item in execution["artifacts"]]
        changed["execution"] = {**execution, "artifacts": items}
        for artifact in _artifacts(changed["execution"]):
            artifact["uri"] = store.files.relative(artifact["uri"])
    return changed


def _artifacts(execution: Document) -> Iterable[Document]:
    items = execution.get("artifacts")
    return (
        item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and isinstance(item.get("uri"), str)
    )


def _decoded(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind in (OBJECT, LIST):
        return json.loads(value)
    return bool(value) if kind == BOOLEAN else value


def _insert(connection: Connection, collection: Collection, table: str, document: Document) -> int:
    columns = ", ".join(document)
    values = {name: encoded(collection, name, value) for name, value in document.items()}
    cursor = connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join(':' + name for name in document)})",  # noqa: S608
        values,
    )
    return int(cursor.lastrowid or 0)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list, tuple))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list, tuple))
        ]
        if not level:
            return False
    return True
