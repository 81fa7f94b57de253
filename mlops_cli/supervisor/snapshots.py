"""Takes the snapshot of a run beside its child, and lays it into the run folder for whoever records the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import secrets
from ..capture import args, snapshot
from ..code.capture import capture
from ..code.model import Code, Limits
from ..code.status import Status
from ..errors import Refused
from ..spool.folder import RunFolder
from . import footprints
from .spec import RunSpec
from .texts import in_text

_HOOK_PATIENCE_S = 3.0
"""How long the hook's note is waited for: an interpreter that starts slowly from a network disk needs a second."""
_NAMED_OUTPUTS = 20


def take(
    folder: RunFolder,
    spec: RunSpec,
    status: Status | None,
    *,
    environ: Mapping[str, str],
    patience_s: float | None = None,
) -> None:
    """Capture code, packages, parameters and host, and write `snapshot.json`.

    Raises Refused when secrets are to be refused and one was found.
    """
    found, outputs = _code(folder, spec, status, environ)
    if spec.secrets == "refuse" and found.altered:
        places = ", ".join(f"{item.path}:{item.line}" for item in found.altered[:5])
        raise Refused(
            f"the code holds {len(found.altered)} secret(s): {places}",
            hint="take them out, or `--secrets redact` stores the code without them",
        )
    taken = snapshot.take(
        snapshot.Request(
            argv=spec.argv,
            cwd=Path(spec.cwd),
            environ=environ,
            interpreter=_interpreter(folder, spec, _HOOK_PATIENCE_S if patience_s is None else patience_s),
            code=_state(found),
            is_python=is_python(spec),
            policy=spec.secrets,
            variables=spec.environment,
        )
    )
    files = [_file(file.key, file.path, file.type, file.meta) for file in taken.files]
    files += [_file(file.key, file.path, file.type, file.meta) for file in found.artifacts]
    notes = [_note(note.what, note.why) for note in taken.notes] + _notes(found) + _output_notes(outputs)
    folder.write_json("snapshot.json", {"task": in_text(taken.task), "files": files, "notes": in_text(notes)})


def is_python(spec: RunSpec) -> bool:
    """Whether the command itself is a Python program, so that a missing note of the hook means something."""
    return bool(spec.argv) and (spec.argv[0].endswith(".py") or args.is_python(spec.argv[0]))


def _interpreter(folder: RunFolder, spec: RunSpec, patience_s: float) -> dict[str, Any] | None:
    until = time.monotonic() + (patience_s if spec.hook and is_python(spec) else 0)
    while True:
        found = folder.read_json("interpreter.json")
        if found is not None or time.monotonic() > until or folder.read_json("exit.json") is not None:
            return found
        time.sleep(0.005)


def _code(
    folder: RunFolder, spec: RunSpec, status: Status | None, environ: Mapping[str, str]
) -> tuple[Code, tuple[str, ...]]:
    """The code, and which files are none of it since an earlier run wrote them."""
    script = args.script_of(spec.argv)
    data = folder.runs.parent
    exclude = frozenset({data})
    outputs: tuple[str, ...] = ()
    if status is None or status.problem:
        exclude |= footprints.beside(Path(spec.cwd), data, started_at=spec.started_at)
    else:
        status, outputs = footprints.without(status, data)
    staging = folder.files / "code"
    staging.mkdir(mode=0o700, exist_ok=True)
    cwd = Path(spec.cwd)
    found = capture(
        status,
        cwd=cwd,
        script=cwd / script if script else None,
        staging=staging,
        limits=Limits(file_bytes=spec.max_file_bytes, total_bytes=spec.max_total_bytes),
        exclude=exclude,
        policy=spec.secrets,
        known=secrets.known_values(environ) if spec.secrets != "keep" else (),
        started_ns=int(spec.started_at * 1e9),
    )
    return found, outputs


def _state(found: Code) -> snapshot.CodeState:
    runtime: dict[str, str | int | None] = {
        "mlops_code_ref": found.ref or None,
        "mlops_code_head": found.head or None,
        "mlops_code_branch": found.local_branch or None,
        "mlops_code": "diff" if found.can_rebuild_from_diff else "artifact" if found.artifacts else "incomplete",
    }
    return snapshot.CodeState(
        repository=found.repository,
        branch=found.branch,
        commit=found.commit,
        working_dir=found.working_dir,
        entry_point=found.entry_point,
        diff=found.diff,
        top=found.top,
        runtime={key: value for key, value in runtime.items() if value is not None},
    )


def _notes(found: Code) -> list[dict[str, str]]:
    """What the code cannot give back as it was; a patch names the lines, so that `checkout` can say so."""
    notes = [_note(item.path, item.why) for item in found.left_out]
    notes += [_note(f"{item.path}:{item.line}", f"a secret ({item.kind}) was hidden") for item in found.altered]
    return notes + [_note("code", text) for text in found.notes]


def _output_notes(outputs: tuple[str, ...]) -> list[dict[str, str]]:
    why = "not code: an earlier run wrote it"
    notes = [_note(path, why) for path in outputs[:_NAMED_OUTPUTS]]
    more = len(outputs) - _NAMED_OUTPUTS
    return notes + ([_note(f"{more} more files", "not code: earlier runs wrote them")] if more > 0 else [])


def _note(what: str, why: str) -> dict[str, str]:
    return {"what": what, "why": why}


def _file(key: str, path: Path, kind: str, meta: Mapping[str, str]) -> dict[str, Any]:
    return {"key": key, "path": str(path), "type": kind, "meta": dict(meta)}
