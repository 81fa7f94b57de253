"""Two lines in real programs: a real supervisor beside them, the real store, every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.spool.folder import RunFolder

Json = dict[str, Any]


class Desk:
    """Runs scripts in a folder of their own, and looks into the store afterwards."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.home = home
        self.cwd = cwd
        cwd.mkdir()

    def write(self, code: str, name: str = "train.py") -> Path:
        path = self.cwd / name
        path.write_text("import mlops_cli\n" + textwrap.dedent(code))
        return path

    def run(self, code: str, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        script = self.write(code)
        return subprocess.run(
            [sys.executable, script, *args],
            cwd=self.cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def tasks(self, *, wait_s: float = 0.0) -> list[Json]:
        """The store's tasks, oldest first; waits for the last to end."""
        until = time.monotonic() + wait_s
        while True:
            store = open_store(self.home / "store.db", self.home / "files")
            try:
                found: list[Json] = dispatch(store, "tasks.get_all", {"order_by": ["created"]})["tasks"]
            finally:
                store.close()
            if time.monotonic() > until or (found and all(task["status"] != "in_progress" for task in found)):
                return found
            time.sleep(0.05)

    def ask(self, endpoint: str, **body: Any) -> Json:
        store = open_store(self.home / "store.db", self.home / "files")
        try:
            return dispatch(store, endpoint, body)
        finally:
            store.close()

    def values(self, task: str, metric: str, variant: str) -> list[float]:
        answer = self.ask("events.scalar_metrics_iter_histogram", task=task)
        return list(answer.get(metric, {}).get(variant, {}).get("y", []))

    def console(self, task: str) -> str:
        events = self.ask("events.get_task_log", task=task, navigate_earlier=False)["events"]
        return "".join(event["msg"] for event in events)


@pytest.fixture
def desk(home: Path, tmp_path: Path) -> Desk:
    return Desk(home, tmp_path / "work")


def test_two_lines_record_a_run(desk: Desk) -> None:
    done = desk.run(
        """
        run = mlops_cli.init(project="demo", name="first", params={"lr": 0.1, "opt": {"name": "adam"}}, tags=["t"])
        for step in range(100):
            run.log({"loss": 1 / (step + 1), "val/acc": step}, step=step)
        run.params["Model/layers"] = [1, 2]
        run.summary["best"] = 0.5
        print("hello", "wörld")
        open("given.txt", "w").write("as it was")
        run.artifact("given.txt", "given")
        open("given.txt", "w").write("changed later")
        open("m.pt", "wb").write(b"weights")
        run.model("m.pt", name="tiny net", framework="pytorch")
        run.text("says", "hi", step=1)
        run.image("pixels", [[0, 255], [128, 3]], step=2)
        run.histogram("spread", [1, 2, 3, 3.5, float("nan")])
        run.table("rows", [[1, "a"], [2, "b"]], ["n", "s"])
        print(run.id)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    run_id = done.stdout.split()[-1]
    [task] = desk.tasks()
    assert (task["status"], task["name"], task["tags"]) == ("completed", "first", ["t"])
    assert task["runtime"]["mlops_run"] == run_id
    assert desk.values(task["id"], "loss", "loss") == [1 / (step + 1) for step in range(100)]
    assert desk.values(task["id"], "val", "acc") == list(range(100))
    params = {
        (section, name): (item["value"], item.get("type"))
        for section, items in task["hyperparams"].items()
        for name, item in items.items()
    }
    assert params["General", "lr"] == ("0.1", "float")
    assert params["opt", "name"] == ("adam", "str")
    assert params["Model", "layers"] == ("[1, 2]", "list")
    assert desk.console(task["id"]) == f"hello wörld\n{run_id}\n"
    artifacts = {item["key"]: item for item in task["execution"]["artifacts"]}
    stored = Path(artifacts["given"]["uri"].removeprefix("file://"))
    assert stored.read_text() == "as it was"
    assert [model["name"] for model in task["models"]["output"]] == ["tiny net"]
    [single] = desk.ask("events.get_task_single_value_metrics", tasks=[task["id"]])["tasks"]
    assert [(value["variant"], value["value"]) for value in single["values"]] == [("best", 0.5)]
    plots = {
        plot["metric"]: json.loads(plot["plot_str"])
        for plot in desk.ask("events.get_task_plots", task=task["id"])["plots"]
    }
    assert plots["rows"]["data"][0]["cells"]["values"] == [[1, 2], ["a", "b"]]
    assert sum(plots["spread"]["data"][0]["y"]) == 4
    images = desk.ask("events.get_task_events", task=task["id"], event_type="training_debug_image")["events"]
    kinds = {
        image["metric"]: desk.home.joinpath(image["url"].removeprefix("file://")).read_bytes()[:4] for image in images
    }
    assert kinds == {"says": b"hi", "pixels": b"\x89PNG"}
    assert RunFolder.live(desk.home / "runs") == []


@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("", 0, "completed"),
        ("import sys; sys.exit(0)", 0, "completed"),
        ("import sys; sys.exit(3)", 3, "failed"),
        ("import sys; sys.exit('no data')", 1, "failed"),
        ("raise ValueError('bad batch')", 1, "failed"),
        ("import sys\ntry:\n    sys.exit(6)\nfinally:\n    print('cleaned')", 6, "failed"),
        ("import sys, io\nwith io.StringIO():\n    sys.exit(6)", 6, "failed"),
        ("try:\n    import sys; sys.exit(4)\nexcept SystemExit: pass\nmain = 1", 0, "completed"),
        ("run.finish(); raise ValueError('later')", 1, "completed"),
        ("run.finish('it diverged')", 0, "failed"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "stopped"),
        ("import os; os._exit(0)", 0, "failed"),
        ("import os; os.kill(os.getpid(), 9)", -9, "failed"),
    ],
)
def test_a_run_ends_as_its_program_does(desk: Desk, ending: str, code: int, status: str) -> None:
    done = desk.run(
        "def main(run):\n    "
        + ending.replace("\n", "\n    ")
        + "\n    pass\nrun = mlops_cli.init()\nrun.log({'a': 1}, 1)\nmain(run)\n"
    )
    assert done.returncode == code
    [task] = desk.tasks(wait_s=15)
    assert task["status"] == status, (task.get("status_reason"), task.get("status_message"))
    assert desk.values(task["id"], "a", "a") == [1.0]
    if "bad batch" in ending:
        assert "ValueError: bad batch" in desk.console(task["id"])


def test_a_with_block_ends_as_its_body_does(desk: Desk) -> None:
    desk.run(
        """
        with mlops_cli.init(name="good"):
            pass
        try:
            with mlops_cli.init(name="bad"):
                raise RuntimeError("inside")
        except RuntimeError:
            print("caught")
        """
    )
    assert [(task["name"], task["status"]) for task in desk.tasks()] == [("good", "completed"), ("bad", "failed")]


def test_a_second_init_finishes_the_first_run(desk: Desk) -> None:
    done = desk.run(
        """
        first = mlops_cli.init(name="first")
        first.log({"a": 1}, 1)
        second = mlops_cli.init(name="second")
        assert first.id != second.id
        second.log({"a": 2}, 1)
        print("said in the second")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = desk.tasks()
    assert [(task["name"], task["status"]) for task in (first, second)] == [
        ("first", "completed"),
        ("second", "completed"),
    ]
    assert desk.values(first["id"], "a", "a") == [1.0]
    assert desk.values(second["id"], "a", "a") == [2.0]
    assert desk.console(second["id"]) == "said in the second\n"


def test_workers_of_every_kind_write_into_the_same_run(desk: Desk) -> None:
    done = desk.run(
        """
        import multiprocessing, os, sys, threading
        def work(name):
            mlops_cli.init().log({name: 1}, 1)
        if __name__ == "__main__":
            run = mlops_cli.init()
            thread = threading.Thread(target=work, args=("thread",))
            def inside():
                run.log({"thread": 1}, 1)
            thread = threading.Thread(target=inside); thread.start(); thread.join()
            for method in ("fork", "spawn"):
                process = multiprocessing.get_context(method).Process(target=work, args=(method,))
                process.start(); process.join()
                assert process.exitcode == 0
            pid = os.fork()
            if not pid:
                run.log({"child": 1}, 1)
                sys.exit(5)  # runs atexit functions, too
            os.waitpid(pid, 0)
            run.log({"after": 1}, 1)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    [task] = desk.tasks()
    assert task["status"] == "completed"
    for name in ("thread", "fork", "spawn", "child", "after"):
        assert desk.values(task["id"], name, name) == [1.0], name


def test_inside_a_run_that_exists_nothing_new_is_begun(desk: Desk) -> None:
    folder = RunFolder.create(desk.home / "runs")
    done = desk.run(
        """
        run = mlops_cli.init(project="passed over")
        assert run.is_attached
        run.log({"a": 1}, 1)
        print(run.id)
        """,
        MLOPS_RUN_DIR=str(folder.path),
        MLOPS_RUN_ID=folder.run_id,
    )
    assert (done.stdout.strip(), done.stderr) == (folder.run_id, "")
    assert [entry.name for entry in (desk.home / "runs").iterdir()].count(folder.run_id) == 1
    assert len(list((desk.home / "runs").iterdir())) == 2
    assert folder.is_live
    assert not (folder.path / "exit.json").exists()
    assert not list(folder.console.iterdir())


def test_a_run_that_is_over_is_not_joined(desk: Desk) -> None:
    folder = RunFolder.create(desk.home / "runs")
    folder.finish()
    done = desk.run(
        """
        run = mlops_cli.init()
        assert not run.is_attached
        run.log({"a": 1}, 1)
        """,
        MLOPS_RUN_DIR=str(folder.path),
        MLOPS_RUN_ID=folder.run_id,
    )
    assert (done.returncode, done.stderr) == (0, "")
    [task] = desk.tasks()
    assert desk.values(task["id"], "a", "a") == [1.0]


def test_nothing_is_raised_after_init(desk: Desk) -> None:
    done = desk.run(
        """
        import shutil
        run = mlops_cli.init()
        run.artifact("nowhere.bin")
        run.model("nowhere.pt")
        run.image("im", object())
        run.image("im", [])
        run.histogram("h", ["x"])
        run.table("t", 5)
        run.plot("p", 5)
        run.log({"a": object()}, 1)
        run.log({"a": 1}, "x")
        run.log(None)
        run.params.update(5)
        run.params = None
        run.text("t", "fine", step="x")
        run.finish()
        run.log({"late": 1}, 1)
        run.finish()
        """
    )
    assert done.returncode == 0
    assert done.stderr.count("mlops: ") == 1


def test_a_data_folder_that_cannot_be_written_is_an_error_of_init(desk: Desk) -> None:
    desk.home.parent.mkdir(exist_ok=True)
    desk.home.write_text("a file where the folder should be")
    done = desk.run("mlops_cli.init()")
    assert "NotADirectoryError" in done.stderr or "FileExistsError" in done.stderr
    assert done.returncode == 1


def test_what_is_printed_goes_on_as_before(desk: Desk) -> None:
    done = desk.run(
        """
        import logging, sys
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        inside, outside = sys.stdout, sys.stderr
        run = mlops_cli.init()
        assert sys.stdout is inside and sys.stderr is outside
        assert sys.stdout.fileno() == 1
        print("a", end="")
        sys.stdout.write("b\\n")
        sys.stdout.writelines(["c\\n"])
        logging.warning("through logging")
        run.finish()
        print("after")
        assert "write" not in sys.stdout.__dict__
        """
    )
    assert (done.stdout, done.stderr) == ("ab\nc\nafter\n", "through logging\n")
    [task] = desk.tasks()
    console = desk.console(task["id"])
    assert "ab\nc\n" in console
    assert "through logging\n" in console
    assert "after" not in console


def test_a_notebook_is_heard_in_every_cell(desk: Desk) -> None:
    pytest.importorskip("IPython")
    done = desk.run(
        """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in (
            "run = mlops_cli.init(); print('first')", "print('second')", "1/0", "print('third')", "run.finish()",
        ):
            shell.run_cell("import mlops_cli; " + cell)
        shell.run_cell("print('after')")
        """
    )
    assert done.stdout.splitlines()[0] == "first"
    [task] = desk.tasks()
    console = desk.console(task["id"])
    assert [word for word in ("first", "second", "third", "after") if word in console] == ["first", "second", "third"]
    assert console.count("second") == 1
    assert task["status"] == "completed"


def test_finishing_is_quick_when_all_is_well_and_bounded_when_the_store_is_locked(desk: Desk) -> None:
    code = """
        import sqlite3, sys, time
        run = mlops_cli.init()
        time.sleep(1.2)
        run.log({"a": 1}, 1)
        if len(sys.argv) > 1:
            held = sqlite3.connect(sys.argv[1], isolation_level=None)
            held.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        run.finish()
        print(time.monotonic() - began)
        """
    healthy = min(float(desk.run(code).stdout) for _ in range(2))
    assert healthy < 2.0
    locked = float(desk.run(code, str(desk.home / "store.db")).stdout)
    assert 5.0 < locked < 11.0
    tasks = desk.tasks(wait_s=20)
    assert [task["status"] for task in tasks] == ["completed"] * 3
    assert desk.values(tasks[-1]["id"], "a", "a") == [1.0]


def test_a_dead_supervisor_is_not_waited_for(desk: Desk) -> None:
    done = desk.run(
        """
        import json, os, time
        run = mlops_cli.init()
        lock = run._folder.path / "lock"
        while not (holder := run._folder.holder().get("pid")): time.sleep(0.01)
        os.kill(holder, 9)
        began = time.monotonic()
        run.log({"a": 1}, 1)
        run.finish()
        assert time.monotonic() - began < 2
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(RunFolder.live(desk.home / "runs")) == 1


def test_init_loads_no_framework_and_nothing_heavy(desk: Desk) -> None:
    done = desk.run(
        """
        import sys
        before = set(sys.modules)
        run = mlops_cli.init()
        run.log({"a": 1}, 1)
        print(*sorted(set(sys.modules) - before))
        """
    )
    loaded = set(done.stdout.split())
    heavy = [
        "msgspec",
        "requests",
        "rich",
        "sqlite3",
        "numpy",
        "torch",
        "subprocess",
        "tempfile",
        "socket",
        "typer",
        "platformdirs",
    ]
    some_milliseconds = [
        "pathlib",
        "dataclasses",
        "inspect",
        "typing",
        "json",
        "re",
        "shutil",
        "collections",
        "contextlib",
        "enum",
        "threading",
    ]
    assert loaded & {*heavy, *some_milliseconds} == set()
    assert "mlops_cli.sdk.run" in loaded


def test_the_process_tells_the_supervisor_who_it_is_as_the_supervisor_would() -> None:
    from mlops_cli.supervisor import processes
    from mlops_cli.supervisor.beside import own_identity

    assert own_identity() == processes.to_json(processes.identify(os.getpid()))


@pytest.mark.parametrize(
    "env",
    [
        {"MLOPS_HOME": "/a/b"},
        {"MLOPS_HOME": "rel/../there"},
        {"MLOPS_HOME": "~/mine"},
        {"HOME": "/home/me"},
        {"HOME": "/home/me", "XDG_DATA_HOME": "/data"},
        {"HOME": "/home/me", "XDG_DATA_HOME": "relative"},
    ],
)
def test_the_sdk_and_the_commands_look_into_the_same_folder(env: dict[str, str]) -> None:
    from mlops_cli.config.home import data_folder
    from mlops_cli.config.paths import locate

    assert Path(data_folder(env)) == locate(env).data


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import mlops_cli; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mlops_cli"]


def test_the_handle_stays_small() -> None:
    from mlops_cli.sdk.run import Run

    public = [name for name in vars(Run) if not name.startswith("_")]
    assert len(public) + 2 <= 15, public  # and `params`, `summary`
