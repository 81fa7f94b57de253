"""The story of one run, from the words typed to the exit code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..code import status as git
from ..config.paths import Paths
from ..errors import RunFailed
from ..spool.folder import Lock, RunFolder
from . import evidence, launch, phases, report, waiter, wiring
from .recorder import Recorder
from .spec import RunSpec
from .verdict import Verdict, judge
from .watch import Ending, Watch

if TYPE_CHECKING:
    from ..client.api import Api
    from .recording import Recording

__all__ = ["RunSpec", "run"]


def run(spec: RunSpec, *, paths: Paths, connect: Callable[[], Api]) -> int:
    """Run the command of `spec`, captured, and return the exit code that it deserves.

    Raises RunFailed (125 we broke, 126 not executable, 127 not found) before anything was started, and Refused when
    secrets are to be refused and the command or the code holds one.
    """
    command = launch.resolve(spec.argv)
    folder, lock = _make_folder(spec, paths)
    with lock:
        try:
            progress = phases.Progress(folder)
            looking = git.start(Path(spec.cwd))
            status = looking.wait()
            progress.reach(phases.STATUS)
            if spec.secrets == "refuse":
                _take_snapshot(folder, spec, status, patience_s=0)
            oom_before = evidence.oom_kills()
            wires = _plan(folder)
            env = launch.environment(spec, run_id=folder.run_id, folder=folder.path)
            started = waiter.start(command, env=env, stdio=wires.stdio, folder=folder, terminal=wires.controlling)
            wires.close_child_ends()
            if started.start_error:
                _refuse(spec, started.start_error)
        except BaseException:
            _discard(folder)
            raise
        progress.reach(phases.STARTED)
        recorder = Recorder(
            lambda: _make_recording(folder, spec, connect), prepare=lambda: _take_snapshot(folder, spec, status)
        )
        recorder.start()
        for tail in wires.tails:
            tail.reserve.stored = partial(recorder.stored, tail.path.name)

        ending = Watch(started, wires, folder.read_json).run()
        verdict = judge(evidence.of_ending(folder, spec, ending, oom_before=oom_before))
        verdict = _mind_stop(folder, verdict)
        _note_end(folder, verdict)
        with contextlib.suppress(KeyboardInterrupt):  # the person does not want to wait for the store: `sync` sends it
            recorder.finish(verdict, spec.drain_s, say=None if spec.quiet else report.say)
        _tell(folder, spec, recorder, ending, verdict)
        return report.exit_code(ending)


def _make_folder(spec: RunSpec, paths: Paths) -> tuple[RunFolder, Lock]:
    try:
        folder = RunFolder.create(paths.runs, spec=spec.to_json())
        lock = folder.lock()
    except OSError as exc:
        where = exc.filename or paths.runs
        raise RunFailed(
            f"cannot make a folder for this run: {where}: {exc.strerror}",
            hint="set MLOPS_HOME to a folder that you can write to, or free some space",
        ) from exc
    if lock is None:
        raise RunFailed("another process took this run's folder", hint="try again")
    return folder, lock


def _plan(folder: RunFolder) -> wiring.Wiring:
    try:
        return wiring.plan(folder.console)
    except OSError as exc:
        raise RunFailed(
            f"cannot keep the output of this run: {exc.filename or folder.console}: {exc.strerror}",
            hint="free some space, or set MLOPS_HOME to a folder on another disk",
        ) from exc


def _make_recording(folder: RunFolder, spec: RunSpec, connect: Callable[[], Api]) -> Recording:
    from .recording import Recording  # noqa: PLC0415 - beside the child, which must not wait for it

    return Recording(folder, spec, connect, is_fresh=True)


def _take_snapshot(
    folder: RunFolder, spec: RunSpec, status: git.Status | None, patience_s: float | None = None
) -> None:
    from .snapshots import take  # noqa: PLC0415 - as above

    take(folder, spec, status, environ=os.environ, patience_s=patience_s)


def _refuse(spec: RunSpec, error: int) -> NoReturn:
    waiter.unblock()
    why, code = launch.why(error)
    raise RunFailed(f"{spec.argv[0]}: {why}", hint="check the file and its first line", exit_code=code)


def _discard(folder: RunFolder) -> None:
    """Nothing was started: no trace is better than an empty one."""
    import shutil  # noqa: PLC0415 - only on this way out

    folder.finish()
    shutil.rmtree(folder.path, ignore_errors=True)


def _mind_stop(folder: RunFolder, verdict: Verdict) -> Verdict:
    from . import stopping  # noqa: PLC0415 - the recorder, beside the child, has loaded it long since

    return stopping.verdict(phases.Progress(folder), verdict)


def _note_end(folder: RunFolder, verdict: Verdict) -> None:
    """So that whoever sends the rest knows it; on a full disk it is judged anew from what lies there."""
    with contextlib.suppress(OSError):
        folder.write_json("end.json", {"status": verdict.status, "reason": verdict.reason, "message": verdict.message})


def _tell(folder: RunFolder, spec: RunSpec, recorder: Recorder, ending: Ending, verdict: Verdict) -> None:
    if not spec.quiet:
        for notice in recorder.notices:
            report.say(f"mlops: {notice}")
        if recorder.is_sent and recorder.task:
            report.say(report.last_line(recorder.task, verdict, ending.ended_at - spec.started_at, recorder.metrics))
        elif not recorder.is_sent:
            report.say(report.unsent_line(folder.run_id, verdict, recorder.trouble))
    if spec.json_file:
        report.write_record(spec.json_file, report.record(folder.run_id, spec, verdict, ending, recorder))
