"""What ends a run is on the disk when it is answered: its spool is let go of then."""

from __future__ import annotations

import pytest

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import Store
from mlops_cli.testing.store import make_running_task


@pytest.mark.parametrize(("endpoint", "is_durable"), [("completed", True), ("failed", True), ("started", False)])
def test_only_an_end_waits_for_the_disk(store: Store, endpoint: str, is_durable: bool) -> None:
    task = make_running_task(store)
    said: list[str] = []
    store.db.connection.set_trace_callback(said.append)
    dispatch(store, f"tasks.{endpoint}", {"task": task, "force": True})
    store.db.connection.set_trace_callback(None)
    begun = next(index for index, text in enumerate(said) if text.startswith("BEGIN IMMEDIATE"))
    assert ("PRAGMA synchronous=FULL" in said[:begun]) is is_durable
    assert store.db.connection.execute("PRAGMA synchronous").fetchone()[0] == 1


def test_a_durable_write_that_fails_leaves_the_connection_as_it_was(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.db.write(durable=True) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        raise ZeroDivisionError
    assert store.db.connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert not store.db.connection.in_transaction
