from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.client.api import Api
from mlops_cli.client.bundle.export import export_tasks
from mlops_cli.client.bundle.layout import Limits
from mlops_cli.client.bundle.restore import import_tasks
from mlops_cli.errors import Conflict, InvalidInput, MlopsError, NotFound

from .conftest import Make, open_home

POINTS = [0.1, float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1.7976931348623157e308]


@pytest.fixture
def other(tmp_path: Path) -> Api:
    return open_home(tmp_path / "other")


@pytest.fixture
def rich(api: Api, make: Make, tmp_path: Path) -> str:
    """One experiment with everything in it."""
    weights = tmp_path / "best model ü.pt"
    weights.write_bytes(bytes(range(256)) * 4000)
    stored = api.files.put(weights, weights.name)
    task = make("rich", project="team/digits", tags=["base"], status="in_progress", lr="0.1",
                runtime={"mlops_run": "ab" * 16},
                metrics={("val", "acc"): POINTS, ("loss", "loss"): [float(n) for n in range(12_000)]},
                script={"diff": "--- ü\r\n", "entry_point": "train.py"}, comment="ünï")  # fmt: skip
    image = api.files.put(weights, "picture.png")
    events = [
        {"type": "plot", "task": task, "iter": 3, "metric": "h", "plot_str": '{"data": [1]}', "timestamp": 5},
        {"type": "training_debug_image", "task": task, "iter": 1, "metric": "i", "url": image.uri, "timestamp": 6},
    ]  # fmt: skip
    console = [
        {"timestamp": 7, "level": "info", "raw": b"a\rb\xff\n"},
        {"timestamp": 8, "level": "info", "raw": b"end"},
    ]
    body = {"task": task, "run": "ab" * 16, "stream": "t", "offset": 0, "next": 9, "events": events, "console": console}
    api.events.add_columns(body)
    api.tasks.add_artifacts(
        task,
        [
            {
                "key": "weights",
                "type": "file",
                "uri": stored.uri,
                "hash": stored.sha256,
                "content_size": stored.size_bytes,
            },
            {"key": "elsewhere", "type": "file", "uri": "file:///somewhere/else.bin"},
        ],
    )
    model = api.models.create({"name": "best", "uri": stored.uri, "task": task, "framework": "PyTorch"})
    api.tasks.add_model(task, "best", model)
    api.tasks.completed(task, reason="done")
    return task


def _everything(api: Api, task: str) -> dict[str, Any]:
    """All that can be seen of a task, with ids and places that may differ taken out."""
    document = api.tasks.document(task)
    for key in ("project", "last_change", "last_changed_by", "company"):
        document.pop(key, None)
    for artifact in document["execution"]["artifacts"]:
        if artifact["key"] == "weights":
            artifact["uri"] = api.files.locate(artifact["uri"]).read_bytes()
    models = []
    for item in document.pop("models")["output"]:
        model = api.models.document(item["model"])
        models.append((item["name"], model["name"], model["framework"], api.files.locate(model["uri"]).read_bytes()))
    chunks = api.events.console(task)["chunks"]
    return {
        "document": document,
        "models": models,
        "scalars": [(e["metric"], e["variant"], e["iter"], struct.pack("d", e["value"]), e["timestamp"])
                    for e in api.events.each(task, "training_stats_scalar")],
        "plots": [(e["plot_str"], e["iter"], e["timestamp"]) for e in api.events.each(task, "plot")],
        "images": [(api.files.locate(e["url"]).read_bytes(), e["metric"])
                   for e in api.events.each(task, "training_debug_image")],
        "console": [(chunk["raw"], chunk["timestamp"], chunk["level"]) for chunk in chunks],
    }  # fmt: skip


def test_an_experiment_comes_back_whole_under_its_own_id(api: Api, other: Api, rich: str, tmp_path: Path) -> None:
    exported = export_tasks(api, [rich], tmp_path / "one.mlops")
    assert (exported.points, exported.files) == (12_007, 1)
    assert exported.left_out == ("artifact elsewhere: only a link, file:///somewhere/else.bin",)
    [imported] = import_tasks(other, exported.path)
    assert imported.id == rich
    assert _everything(other, rich) == _everything(api, rich)
    assert other.tasks.find_run("ab" * 16) == rich
    project = other.tasks.document(rich)["project"]
    assert other.projects.get(project)["name"] == "team/digits"


def test_many_keep_their_parents_and_share_their_files(api: Api, other: Api, rich: str, tmp_path: Path) -> None:
    child = api.tasks.clone(rich, name="child")
    exported = export_tasks(api, [child, rich], tmp_path / "two.mlops")
    assert {item.source for item in import_tasks(other, exported.path)} == {child, rich}
    assert other.tasks.document(child)["parent"] == rich
    assert other.tasks.document(child)["status"] == "created"
    again = import_tasks(other, exported.path, new_ids=True)
    new = {item.source: item.id for item in again}
    assert other.tasks.document(new[child])["parent"] == new[rich]
    assert other.tasks.find_run("ab" * 16) == rich
    assert len(list((other.files.locate(_weights(other, rich))).parent.parent.parent.glob("*/*"))) == 1


def _weights(api: Api, task: str) -> str:
    artifacts = api.tasks.document(task)["execution"]["artifacts"]
    return str(next(item["uri"] for item in artifacts if item["key"] == "weights"))


def test_importing_twice_says_so_and_changes_nothing(api: Api, rich: str, tmp_path: Path) -> None:
    path = export_tasks(api, [rich], tmp_path / "one.mlops").path
    before = _everything(api, rich)
    with pytest.raises(Conflict, match="already here") as caught:
        import_tasks(api, path)
    assert caught.value.data["ids"] == [rich] and "--new-ids" in caught.value.hint
    assert _everything(api, rich) == before


def test_what_ran_when_it_was_exported_does_not_run_for_ever_here(
    api: Api, other: Api, make: Make, tmp_path: Path
) -> None:
    task = make("running", status="in_progress")
    import_tasks(other, export_tasks(api, [task], tmp_path / "one.mlops").path)
    document = other.tasks.document(task)
    assert (document["status"], document["status_message"]) == ("stopped", "was in_progress when it was exported")


def test_an_export_appears_whole_or_not_at_all(api: Api, rich: str, tmp_path: Path) -> None:
    path = tmp_path / "out" / "one.mlops"
    path.parent.mkdir()
    with pytest.raises(MlopsError):
        export_tasks(api, [rich, "0" * 32], path)
    assert list(path.parent.iterdir()) == []
    path.write_text("mine")
    with pytest.raises(Conflict):
        export_tasks(api, [rich], path)
    assert path.read_text() == "mine"
    export_tasks(api, [rich], path, overwrite=True)
    assert [entry.name for entry in path.parent.iterdir()] == ["one.mlops"]


Members = dict[str, bytes]
HUGE = b'{"iter": [1], "value": [1' + b"0" * 400 + b'], "timestamp": [1], "raw": 7, "task": 3, "type": []}\n'


def _rebuild(path: Path, change: Callable[[Members], None], *, keep_manifest: bool = False) -> Path:
    """The bundle with changed members, and a manifest that agrees with them."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    manifest = json.loads(members.pop("manifest.json"))
    if not keep_manifest:
        manifest["members"] = {
            name: {"size": len(content), "sha256": sha256(content).hexdigest()} for name, content in members.items()
        }
    target = path.with_suffix(".changed")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {**members, "manifest.json": json.dumps(manifest).encode()}.items():
            archive.writestr(name, content)
    return target


def _is_untouched(api: Api, folder: Path) -> bool:
    outside = [entry for entry in folder.rglob("*evil*") if "changed" not in entry.name]
    return (
        api.tasks.find({"search_hidden": True}) == [] and api.models.find({"search_hidden": True}) == [] and not outside
    )


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "tasks/../../evil", "files/" + "a" * 64 + "/evil", "C:\\evil", "files/evil", "evil",
     "tasks/x/task.json"],
)  # fmt: skip
def test_a_member_with_a_name_of_its_own_is_refused(api: Api, other: Api, rich: str, tmp_path: Path, name: str) -> None:
    path = _rebuild(export_tasks(api, [rich], tmp_path / "b.mlops").path, lambda members: members.update({name: b"x"}))
    with pytest.raises(InvalidInput, match="refused"):
        import_tasks(other, path)
    assert _is_untouched(other, tmp_path)


def _altered(**changes: Any) -> Callable[[zipfile.ZipInfo], None]:
    def alter(info: zipfile.ZipInfo) -> None:
        for key, value in changes.items():
            setattr(info, key, value)

    return alter


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (_altered(external_attr=0o120777 << 16), "plain file"),
        (_altered(external_attr=0o020666 << 16), "plain file"),
        (_altered(external_attr=0o010666 << 16), "plain file"),
        (_altered(compress_type=zipfile.ZIP_BZIP2), "compressed in a way"),
    ],
)
def test_links_devices_and_odd_members_are_refused(
    api: Api, other: Api, rich: str, tmp_path: Path, alter: Callable[[zipfile.ZipInfo], None], says: str
) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    target = tmp_path / "changed"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            if name.startswith("files/"):
                alter(info)
            archive.writestr(info, content, info.compress_type)
    with pytest.raises(InvalidInput, match=says):
        import_tasks(other, target)
    assert _is_untouched(other, tmp_path)


def test_a_name_that_is_there_twice_is_refused(api: Api, other: Api, rich: str, tmp_path: Path) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"tasks/{rich}/task.json", b"{}")
    with pytest.raises(InvalidInput, match="twice"):
        import_tasks(other, path)
    assert _is_untouched(other, tmp_path)


def test_a_bomb_is_refused_by_its_header_and_by_its_bytes(api: Api, other: Api, rich: str, tmp_path: Path) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    target = tmp_path / "bomb"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr(f"tasks/{rich}/console.jsonl", bytes(90 << 20))
    with pytest.raises(InvalidInput, match="would grow to"):
        import_tasks(other, target, limits=replace(Limits(), free_bytes=64 << 20))
    small = Limits(total_bytes=1000)
    with pytest.raises(InvalidInput, match="more than 1000 bytes"):
        import_tasks(other, path, limits=small)
    with pytest.raises(InvalidInput, match="too large"):
        import_tasks(other, path, limits=replace(Limits(), file_bytes=1000))
    with pytest.raises(InvalidInput, match="line of more than"):
        import_tasks(other, path, limits=replace(Limits(), line_bytes=100))
    # A header that says less than the bytes that follow.
    raw = bytearray(target.read_bytes())
    for where in _positions(raw, b"PK\x01\x02"):
        if raw[where + 46 :].startswith(b"tasks/"):
            raw[where + 24 : where + 28] = struct.pack("<I", 10)
    lying = tmp_path / "lying"
    lying.write_bytes(raw)
    with pytest.raises(InvalidInput):
        import_tasks(other, lying)
    assert _is_untouched(other, tmp_path)


def _positions(raw: bytearray, mark: bytes) -> list[int]:
    found, at = [], raw.find(mark)
    while at >= 0:
        found.append(at)
        at = raw.find(mark, at + 1)
    return found


def test_a_truncated_or_damaged_bundle_is_refused_wherever_it_is_cut(
    api: Api, other: Api, rich: str, tmp_path: Path
) -> None:
    raw = export_tasks(api, [rich], tmp_path / "b.mlops").path.read_bytes()
    target = tmp_path / "cut"
    for cut in range(0, len(raw), len(raw) // 40):
        target.write_bytes(raw[:cut])
        with pytest.raises(InvalidInput):
            import_tasks(other, target)
    for at in range(40, len(raw), len(raw) // 40):
        damaged = bytearray(raw)
        damaged[at] ^= 0xFF
        target.write_bytes(damaged)
        try:
            import_tasks(other, target, new_ids=True)
        except InvalidInput:
            continue
        # A bit that no member and no check covers, such as a date in a header: then nothing of the content changed.
        [left] = other.tasks.find({"search_hidden": True, "only_fields": ["id"]})
        other.tasks.delete(left["id"], force=True)
    assert other.tasks.find({"search_hidden": True}) == []
    with pytest.raises(NotFound):
        import_tasks(other, tmp_path / "missing")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.pop("manifest.json"), "manifest"),
        (lambda m: m.update({"manifest.json": b"[]"}), "objects"),
        (lambda m: m.update({"manifest.json": b'{"format": "x"}'}), "not one of ours"),
        (lambda m: m.update({"manifest.json": b'{"format": "mlops-bundle", "version": 99}'}), "version 99"),
        (lambda m: m.update({"manifest.json": m["manifest.json"].replace(b'"size":', b'"sizes":')}), "damaged"),
    ],
)
def test_a_wrong_manifest_is_refused(
    api: Api, other: Api, rich: str, tmp_path: Path, change: Callable[[Members], None], says: str
) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    target = tmp_path / "changed"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InvalidInput, match=says):
        import_tasks(other, target)
    assert _is_untouched(other, tmp_path)


def _edit_task(task: str, **changes: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        name = f"tasks/{task}/task.json"
        members[name] = json.dumps({**json.loads(members[name]), **changes}).encode()

    return change


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "flying"}, {"id": "f" * 32}, {"name": 7}, {"tags": "x"}, {"created": "soon"}, {"last_iteration": -5},
        {"hyperparams": {"a": {"b": 3}}}, {"execution": {"artifacts": [{"key": "k", "uri": "bundle:" + "e" * 64}]}},
        {"runtime": {"deep": json.loads("[" * 200 + "]" * 200)}},
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_leaves_nothing_behind(
    api: Api, other: Api, rich: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = _rebuild(export_tasks(api, [rich], tmp_path / "b.mlops").path, _edit_task(rich, **changes))
    with pytest.raises(InvalidInput):
        import_tasks(other, path)
    assert _is_untouched(other, tmp_path)


@pytest.mark.parametrize("member", ["scalars.jsonl", "events.jsonl", "console.jsonl", "models.json"])
@pytest.mark.parametrize(
    "content", [b"[1]\n", b"{", b'{"iter": [1], "value": [], "timestamp": []}\n', b'{"raw": "?"}\n', HUGE]
)
def test_events_that_cannot_be_leave_nothing_behind(
    api: Api, other: Api, rich: str, tmp_path: Path, member: str, content: bytes
) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    name = f"tasks/{rich}/{member}"
    target = _rebuild(path, lambda members: members.update({name: content}))
    try:
        import_tasks(other, target)
    except InvalidInput:
        assert _is_untouched(other, tmp_path)
    else:
        assert _everything(other, rich)["document"]["status"] == "completed"


def test_a_bundle_cannot_lay_hands_on_files_of_the_store(api: Api, other: Api, rich: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("private")
    stored = other.files.put(secret)
    artifacts = [{"key": "steal", "uri": uri} for uri in (stored.uri, other.files.locate(stored.uri).as_uri())]
    artifacts[1]["key"] = "absolute"
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    import_tasks(other, _rebuild(path, _edit_task(rich, execution={"artifacts": artifacts})))
    assert [item.get("uri") for item in other.tasks.document(rich)["execution"]["artifacts"]] == [None, None]


def test_an_import_that_is_killed_leaves_nothing_to_see_and_can_be_repeated(
    api: Api, rich: str, tmp_path: Path
) -> None:
    path = export_tasks(api, [rich], tmp_path / "b.mlops").path
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from mlops_cli.client.bundle.restore import import_tasks\n"
        "from mlops_cli.client.connect import connect\n"
        "from mlops_cli.config.settings import load_settings\n"
        "api = connect(load_settings())\n"
        "call, left = api._call, int(sys.argv[2])\n"
        "def counted(endpoint, body):\n"
        "    global left\n"
        "    left -= endpoint.startswith(('tasks.restore', 'models.create', 'events.add'))\n"
        "    answer = call(endpoint, body)\n"
        "    if left == 0: os.kill(os.getpid(), 9)\n"
        "    return answer\n"
        "api._call = counted\n"
        "import_tasks(api, Path(sys.argv[1]))\n"
    )
    home = tmp_path / "killed"
    killed = 0
    for calls in range(1, 9):
        env = {"MLOPS_HOME": str(home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), str(calls)], env=env, cwd=tmp_path, capture_output=True
        )
        with open_home(home) as there:
            if done.returncode == 0:
                break
            killed += 1
            assert done.returncode == -9, done.stderr.decode()
            seen = there.tasks.find({})
            if seen:
                # Killed after the last step: then it is whole.
                assert _everything(there, rich) == _everything(api, rich)
                break
    assert killed >= 3
    with open_home(home) as there:
        assert _everything(there, rich) == _everything(api, rich)
        assert len(there.models.find()) == 1
        assert len(there.tasks.find({"search_hidden": True})) == 1
