"""One run's record in the store: made once, filled while the run lives, ended last. Every step may be repeated.

The same steps serve the living supervisor, one that adopts, and `sync`: each looks at what was done and goes on there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import secrets
from ..errors import Conflict, InvalidInput
from ..hook.records import Writer
from ..schemas import times
from ..spool.folder import RunFolder
from ..spool.shipper import Shipper
from . import collect, leftovers, phases, pieces, reopening, stopping
from .console_log import LEVELS, ConsoleLog
from .following import Following
from .reserve import trim
from .spec import RunSpec
from .texts import as_text, in_text
from .verdict import Verdict

if TYPE_CHECKING:
    from ..client.api import Api

NOTES = "notes.jsonl"
FALLBACK_PROJECT = "experiments"
PING_S = 60.0
MAX_NOTES_CHARS = 8000
MAX_NAMED = 5


class Recording:
    """The steps: `open`, `describe`, `drain` again and again, `hand_over`, `end`. They raise when the store refuses."""

    def __init__(self, folder: RunFolder, spec: RunSpec, connect: Callable[[], Api], *, is_fresh: bool = False) -> None:
        self.folder = folder
        self.spec = spec
        self.progress = phases.Progress(folder)
        self.is_gone = False
        self._connect = connect
        self._api: Api | None = None
        # A run that nobody has recorded yet needs no search for its task.
        self._may_have_twin = not is_fresh
        self._collected = collect.fold_all(_read_notes(folder.path / NOTES))
        self._collected.marks.update(self.progress.get("marks") or {})
        self._sent_args = bool(self.progress.get("args_told"))
        self._known = secrets.known_values(os.environ)
        self._shipper = Shipper(folder, self._send, self._on_note, upload=self._upload, clean=self._clean)
        self._console = ConsoleLog(folder, self._send, self.progress, scrub=spec.secrets != "keep", known=self._known)
        self._stop = stopping.Stop(folder, self.progress)
        self._following: Following | None = None
        self._ping_at = time.monotonic() + PING_S

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = self._connect()
        return self._api

    @property
    def task(self) -> str:
        return self.progress.task

    @property
    def collected(self) -> collect.Collected:
        return self._collected

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    # The steps.

    def open(self) -> None:
        """Find or make the task, and say that it runs."""
        if not self.task:
            found = self.api.tasks.find_run(self.folder.run_id) if self._may_have_twin else None
            self._may_have_twin = True
            self.progress.note(task=found or self.api.tasks.create(self._first_fields()))
        if not self.progress.get("opened"):
            try:
                self.api.tasks.started(self.task)
            except Conflict:
                # A person stopped it before we came to this; what became of the run is told at its end.
                pass
            self.progress.reach(phases.CREATED, opened=True)

    def describe(self) -> None:
        """Put the snapshot, once it lies in the folder, into the task, its files included."""
        if self.progress.get("described"):
            return
        snapshot = self.folder.read_json("snapshot.json")
        if snapshot is None:
            return
        fields: dict[str, Any] = dict(snapshot.get("task") or {})
        fields["runtime"] = {**self._runtime(), **(fields.get("runtime") or {})}
        pieces.send(self._edit, list(fields.items()), lambda item: item[0], self._collected.left_out)
        if snapshot.get("files"):
            from .outputs import store_files  # noqa: PLC0415 - hashing loads OpenSSL, and most runs have no such file

            store_files(self.api, self.task, snapshot["files"], self._collected.left_out)
        self._fold_left_out(snapshot.get("notes") or [])
        # What the program told meanwhile holds over what was guessed from its argv.
        self._collected.changed.update(self._collected.params)
        self.progress.reach(phases.SNAPSHOT, described=True)

    def follow(self, *, is_last: bool = False) -> None:
        """Read what the run writes for others (TensorBoard, printed metrics) into the spool. Needs no store."""
        if self._following is None:
            self._following = Following(
                self.folder, self.spec, Writer(self.folder.path, stream="follow"), self._collected
            )
        self._following.tick(is_last=is_last)

    def reopen(self) -> None:
        """At the end: a finished task refuses what we still have to send."""
        reopening.reopen(self.api, self.progress)

    def drain(self, *, is_last: bool = False, deadline: float | None = None) -> bool:
        """Send what the spool and the console hold; whether nothing is left."""
        marks = dict(self._collected.marks)
        try:
            drained = self._shipper.drain(deadline, final=is_last)
        finally:
            if self._collected.marks != marks:
                self.progress.note(marks=dict(self._collected.marks))
        is_sent = self._console.drain(is_last=is_last, deadline=deadline)
        self._send_changes()
        self._keep_alive()
        return bool(drained.is_complete) and is_sent

    def mind_stop(self) -> None:
        """While the child lives: end it when somebody asked for that in the store. A notebook's kernel is spared."""
        if self.spec.argv:
            self._stop.tick(self.api)

    def stored(self, console: str) -> float:
        """How far a console file was sent and read for its metrics; also asked by another thread."""
        read = self._following.read(console) if self._following is not None else 0
        return min(self._console.stored(console), read)

    def hand_over(self) -> None:
        """At the end: artifacts, models and inputs, from the files that they are in now."""
        if not self.progress.get("handed_over"):
            from .outputs import hand_over  # noqa: PLC0415 - at the end, when nobody waits for the start

            written = hand_over(self.api, self.task, self.spec, self._collected)
            self._leave_footprints(written)
            for finding in self._console.findings:
                self._collected.left_out[finding.place] = f"a secret ({finding.kind}) was hidden"
            for why, count in (self.progress.get("refused") or {}).items():
                self._collected.left_out[f"{count} events"] = why
            for name, count in self._console.lost.items():
                self._collected.left_out[f"console {name}"] = f"{count} bytes were given up: the disk was full"
            self.api.tasks.edit_runtime(self.task, {times.ENDED: _iso(self._ended_at()), **self._left_out()})
            self.progress.reach(phases.FILES, handed_over=True)

    def _leave_footprints(self, written: list[str]) -> None:
        """So that the next run here does not take these files for code."""
        from . import footprints  # noqa: PLC0415 - as above

        try:
            footprints.remember(self.folder.runs.parent, Path(self.spec.cwd), written, ended_at=self._ended_at())
        except (OSError, ValueError) as exc:  # the record is whole without it; a name may hold a zero byte
            self._collected.left_out["the index of written files"] = str(exc)

    def _ended_at(self) -> float:
        """When the run ended; where nobody was left to note it, when it last wrote something."""
        said = (self.folder.read_json("exit.json") or {}).get("ended_at")
        if isinstance(said, int | float):
            return float(said)
        wrote = [path.stat().st_mtime for part in ("spool", "console") for path in (self.folder.path / part).iterdir()]
        return max(wrote, default=time.time())

    @property
    def warnings(self) -> list[str]:
        """What the person should hear at the end: what was hidden, and which files the code lacks for it."""
        notes = self._collected.left_out
        hidden = [what for what, why in notes.items() if why.startswith("a secret (")]
        lacking = [f"{what} is not in the record: it {why}" for what, why in notes.items() if "holds a secret" in why]
        if hidden:
            more = f" and {len(hidden) - MAX_NAMED} more" if len(hidden) > MAX_NAMED else ""
            lacking.append(f"secrets were hidden: {', '.join(hidden[:MAX_NAMED])}{more}")
        return lacking

    def end(self, verdict: Verdict) -> None:
        """The terminal status, last: a finished task refuses more."""
        verdict = stopping.verdict(self.progress, verdict)
        clean = verdict._replace(message=self._clean(verdict.message))
        reopening.end(self.api, self.progress, clean)
        self.progress.reach(phases.TERMINAL, ended=True)
        for name in LEVELS:
            trim(self.folder.console / name)
        self.folder.finish()
        leftovers.clear(self.folder, self.spec)

    def abandon(self) -> None:
        """The task was removed from the store while it ran: nothing more is wanted of it."""
        self.is_gone = True
        self.progress.reach(phases.TERMINAL, abandoned=True)
        self.folder.finish()

    # Below: how.

    def _edit(self, fields: list[tuple[str, Any]]) -> None:
        self.api.tasks.edit(self.task, dict(fields))

    def _first_fields(self) -> dict[str, Any]:
        spec = self.spec
        try:
            project = self.api.projects.ensure(self._clean(spec.task_project))
        except InvalidInput as exc:
            # A record in another project is better than none.
            self._collected.left_out[f"project {spec.task_project}"] = exc.message
            project = self.api.projects.ensure(FALLBACK_PROJECT)
        return {
            "name": self._clean(spec.task_name),
            "type": spec.type,
            "project": project,
            "comment": self._clean(spec.comment),
            "tags": [self._clean(tag) for tag in spec.tags],
            "system_tags": ["development"],
            "runtime": self._runtime(),
        }

    def _runtime(self) -> dict[str, Any]:
        return {
            "mlops_run": self.folder.run_id,
            "mlops_kind": self.spec.kind,
            times.STARTED: _iso(self.spec.started_at),
        }

    def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        body = {
            "worker": os.uname().nodename,
            **body,
            "task": self.task,
            "run": self.folder.run_id,
            "allow_locked": True,
        }
        # Names are a child's own words; the columns beside them are arrays, and long.
        named = [
            {**column, "metric": as_text(str(column["metric"])), "variant": as_text(str(column["variant"]))}
            for column in body["scalars"]
        ]
        answer = self.api.events.add_columns({**body, "scalars": named, "events": in_text(body["events"])})
        self._count_refused(answer.get("errors_info") or {})
        return answer

    def _count_refused(self, errors: Mapping[str, int]) -> None:
        """What a server could not hold is told in the end, by reason; counts outlive us."""
        if not errors:
            return
        refused: dict[str, int] = dict(self.progress.get("refused") or {})
        for why, count in errors.items():
            refused[why] = refused.get(why, 0) + int(count)
        self.progress.note(refused=refused)

    def _upload(self, path: Path) -> str:
        return self.api.files.put(path, path.name, under=self.task).uri

    def _on_note(self, note: Mapping[str, Any]) -> None:
        """Kept before the shipper acknowledges it, so that whoever takes over folds the same picture."""
        if str(note.get("k")) not in collect.KINDS:
            return
        if note["k"] == "mark":
            # One a second for days: only the last of each file counts, and a lost one costs a second look.
            self._collected.fold(note)
            return
        line = json.dumps(note, separators=(",", ":")).encode() + b"\n"
        fd = os.open(self.folder.path / NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)
        self._collected.fold(note)

    def _send_changes(self) -> None:
        """Parameters and configurations that were told since the last time; merged, never wiping."""
        if not self.progress.get("described"):
            return
        while self._collected.changed:
            name = next(iter(self._collected.changed))
            if name == "configuration":
                self._send_configuration()
            else:
                self._send_section(name)
            self._collected.changed.discard(name)

    def _send_section(self, section: str) -> None:
        items = collect.parameter_items(section, self._collected.params.get(section, {}), self._scrub)
        is_first_told = section == collect.GUESSED and not self._sent_args
        how = {"task": self.task, "replace_hyperparams": "section" if is_first_told else "none", "force": True}

        def edit(items: list[dict[str, Any]]) -> None:
            self.api.call("tasks.edit_hyper_params", {**how, "hyperparams": in_text(items)})
            how["replace_hyperparams"] = "none"

        pieces.send(edit, items, lambda item: f"parameter {section}/{item['name']}", self._collected.left_out)
        if is_first_told:
            self._sent_args = True
            self.progress.note(args_told=True)

    def _send_configuration(self) -> None:
        items = [
            {"name": name, "value": self._clean(item["value"]), "type": item["type"]}
            for name, item in self._collected.configuration.items()
        ]

        def edit(items: list[dict[str, Any]]) -> None:
            self.api.call(
                "tasks.edit_configuration", {"task": self.task, "configuration": in_text(items), "force": True}
            )

        pieces.send(edit, items, lambda item: f"configuration {item['name']}", self._collected.left_out)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now >= self._ping_at:
            self._ping_at = now + PING_S
            self.folder.beat()
            self.api.tasks.ping(self.task)

    def _fold_left_out(self, notes: list[Mapping[str, Any]]) -> None:
        for note in notes:
            self._collected.left_out.setdefault(str(note.get("what")), str(note.get("why")))
        self._tell_left_out()

    def _tell_left_out(self) -> None:
        if self._collected.left_out:
            self.api.tasks.edit_runtime(self.task, self._left_out())

    def _left_out(self) -> dict[str, str]:
        text = "\n".join(f"{what}: {why}" for what, why in self._collected.left_out.items())
        return {"mlops_notes": self._clean(as_text(text))[:MAX_NOTES_CHARS]} if text else {}

    def _scrub(self, name: str, value: str) -> str:
        if self.spec.secrets == "keep":
            return value
        return secrets.scrub_value(name, value, known=self._known, place=name).value

    def _clean(self, text: str) -> str:
        if self.spec.secrets == "keep":
            return text
        return secrets.scrub_text(text, known=self._known, place="run").value


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="microseconds")


def _read_notes(path: Path) -> list[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    notes = []
    for line in data.split(b"\n"):
        try:
            notes.append(json.loads(line))
        except ValueError:  # the last line may be torn; the record itself is still in the spool
            continue
    return [note for note in notes if isinstance(note, dict)]
