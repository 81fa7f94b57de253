"""The console on its way to the store: every byte once, whole lines, secrets out, whatever is answered in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.errors import Busy, InvalidInput
from mlops_cli.spool.folder import RunFolder
from mlops_cli.supervisor import console_log
from mlops_cli.supervisor.console_log import ConsoleLog
from mlops_cli.supervisor.phases import Progress


class Store:
    """Takes batches exactly once by offset, as the real one does, and may refuse or forget its answer."""

    def __init__(self) -> None:
        self.text: dict[str, bytes] = {}
        self.at: dict[str, int] = {}
        self.fail_before = self.fail_after = False

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.fail_before:
            self.fail_before = False
            raise Busy("held")
        stream, expected = body["stream"], self.at.get(body["stream"], 0)
        if body["offset"] != expected:
            raise InvalidInput("another offset", data={"expected": expected})
        self.at[stream] = body["next"]
        self.text[stream] = self.text.get(stream, b"") + b"".join(entry["raw"] for entry in body["console"])
        if self.fail_after:
            self.fail_after = False
            raise Busy("the answer is lost")
        return {"next": body["next"]}


def _log(folder: RunFolder, store: Store, **options: Any) -> ConsoleLog:
    return ConsoleLog(folder, store.send, Progress(folder), **{"scrub": False, "known": (), **options})


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=40).map(lambda data: data.replace(b"\0", b"\n")),
            st.sampled_from(["", "before", "after", "restart"]),
        ),
        max_size=12,
    )
)
def test_every_byte_arrives_once_through_failures_and_restarts(pieces: list[tuple[bytes, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder, store = RunFolder.create(Path(name)), Store()
        log = _log(folder, store)
        for data, trouble in pieces:
            with (folder.console / "out").open("ab") as file:
                file.write(data)
            store.fail_before, store.fail_after = trouble == "before", trouble == "after"
            if trouble == "restart":
                log = _log(folder, store)
            try:
                log.drain(is_last=False, deadline=None)
            except Busy:
                pass
        store.fail_before = store.fail_after = False
        assert _log(folder, store).drain(is_last=True, deadline=None)
        written = b"".join(data for data, _ in pieces)
        assert store.text.get("console/out", b"") == written


def test_a_key_over_several_pieces_stays_hidden_after_a_restart(tmp_path: Path) -> None:
    folder, store = RunFolder.create(tmp_path), Store()
    lines = [
        b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"MIIEowIBAAKCAQEA1234\n",
        b"-----END RSA PRIVATE KEY-----\n",
        b"after\n",
    ]
    for line in lines:
        with (folder.console / "out").open("ab") as file:
            file.write(line)
        _log(folder, store, scrub=True).drain(is_last=False, deadline=None)
    text = store.text["console/out"]
    assert b"MIIEow" not in text
    assert text.endswith(b"after\n")


def test_an_unfinished_line_waits_for_its_end(tmp_path: Path) -> None:
    folder, store = RunFolder.create(tmp_path), Store()
    log = _log(folder, store)
    (folder.console / "out").write_bytes(b"whole\nhal")
    assert log.drain(is_last=False, deadline=None)
    assert store.text["console/out"] == b"whole\n"
    log.drain(is_last=True, deadline=None)
    assert store.text["console/out"] == b"whole\nhal"


def test_of_too_much_the_beginning_and_the_end_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_log, "MAX_BYTES", 1000)
    monkeypatch.setattr(console_log, "_STEP_BYTES", 500)
    monkeypatch.setattr(console_log, "_END_BYTES", 100)
    folder, store = RunFolder.create(tmp_path), Store()
    (folder.console / "out").write_bytes(b"x" * 9 + b"\n" + b"y" * 4980 + b"the end\n" + b"z\n")
    assert _log(folder, store).drain(is_last=True, deadline=None)
    text = store.text["console/out"]
    assert text.startswith(b"x" * 9) and text.endswith(b"the end\nz\n")
    assert b"bytes of output are left out here" in text
    assert len(text) < 1700
