"""Which opened files are noted, which are not, and that open() itself never notices."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from .conftest import Hooked, environment, harvest


def test_each_file_is_noted_once_by_mode_whatever_opens_it(hooked: Hooked, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "in.csv").write_text("abc")
    script = """
import io, os, pathlib, gzip
for _ in range(3):
    open("in.csv").close()
os.close(os.open(b"in.csv", os.O_RDONLY))
pathlib.Path("in.csv").read_text()
open("./in.csv").close()
with open("w.bin", "wb") as file: file.write(b"x")
with open("w.bin", "ab") as file: file.write(b"x")
open("w.bin", "rb").close()
with gzip.open("z.gz", "wb") as file: file.write(b"x")
io.FileIO("plus.bin", "w+").close()
open("missing.csv") if os.path.exists("missing.csv") else None
try: open("missing.csv")
except FileNotFoundError: pass
os.open(".", os.O_RDONLY)
os.fdopen(os.open("/dev/null", os.O_RDONLY)).close()
"""
    child = hooked(script)
    assert child.code == 0, child.err
    assert child.opened("r") == [str(work / "in.csv")]
    assert child.opened("w") == [str(work / name) for name in ("w.bin", "z.gz", "plus.bin")]


def test_the_interpreters_and_systems_own_files_are_no_data(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import os, sys, tempfile, json
open(json.__file__).close()
open("/etc/hostname").close() if os.path.exists("/etc/hostname") else None
open("/proc/self/status").close()
open(os.path.join(sys.prefix, "pyvenv.cfg")).close() if os.path.exists(os.path.join(sys.prefix, "pyvenv.cfg")) else None
os.makedirs("site-packages/pkg"); os.makedirs("cache/pip"); os.makedirs(".git")
for name in ("cache/data.csv", "site-packages/pkg/data.csv", "cache/pip/x", ".git/index", "mod.py", "font.ttf"):
    open(name, "w").close()
with tempfile.NamedTemporaryFile() as file: file.write(b"x")
open(os.path.join(os.environ["MLOPS_RUN_DIR"], "files", "x"), "w").close()
"""
    child = hooked(script, env={"XDG_CACHE_HOME": str(tmp_path / "work" / "cache")})
    assert child.code == 0, child.err
    # What is downloaded to a cache is an input of the run; what tools keep there for themselves is not.
    assert child.opened("w") == [str(tmp_path / "work" / "cache" / "data.csv")]
    assert child.opened("r") == []


def test_a_file_that_is_moved_into_place_is_noted_under_its_final_name(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import os, tempfile
handle, name = tempfile.mkstemp(dir=".")
os.write(handle, b"x"); os.close(handle)
os.replace(name, "model.pkl")
os.mkdir("d"); os.rename("d", "e")
"""
    assert hooked(script).opened("w") == [str(tmp_path / "work" / "model.pkl")]


def test_after_a_change_of_folder_the_same_name_is_another_file(hooked: Hooked, tmp_path: Path) -> None:
    script = "import os\nfor d in 'ab':\n    os.mkdir(d)\n    open(d + '/x.csv', 'w').close()\n"
    script += "for d in 'ab':\n    os.chdir(d)\n    open('x.csv', 'a').close()\n"
    script += "    open('y.csv', 'w').close()\n    os.chdir('..')\n"
    work = tmp_path / "work"
    assert hooked(script).opened("w") == [str(work / name) for name in ("a/x.csv", "b/x.csv", "a/y.csv", "b/y.csv")]


def test_event_files_are_told_at_once_as_tensorboards(hooked: Hooked, tmp_path: Path) -> None:
    script = "open('events.out.tfevents.1.host', 'wb').close()\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    child = hooked(script)
    assert child.code == -signal.SIGKILL
    assert child.notes == [{"k": "tensorboard", "path": str(tmp_path / "work" / "events.out.tfevents.1.host")}]


def test_names_that_are_no_utf8_or_hold_newlines_are_spelled_out(hooked: Hooked, tmp_path: Path) -> None:
    script = "open(b'a\\xff\\n.csv', 'w').close(); open('\\u00fc\\U0001f600.csv', 'w').close()"
    child = hooked(script, env={"PYTHONUTF8": "1"})
    assert child.code == 0, child.err
    assert [Path(path).name for path in child.opened("w")] == ["a\\udcff\n.csv", "ü😀.csv"]


def test_beyond_the_limit_files_are_counted(hooked: Hooked) -> None:
    child = hooked("for i in range(3000):\n    open('f%d.dat' % i, 'w').close()\n")
    assert len(child.opened("w")) == 1000
    counts = [note["count"] for note in child.of("left_out")]
    assert counts == [2**power for power in range(11)]
    assert {note["what"] for note in child.of("left_out")} == {"opened files"}


def test_an_error_of_open_looks_as_without_us(hooked: Hooked) -> None:
    script = "open('no/such/file')"
    child, plain = hooked(script), hooked(script, env={"MLOPS_HOOK": "off"})
    assert (child.code, child.err) == (plain.code, plain.err) and "FileNotFoundError" in child.err
    script = "import os\nopen(3.5)"
    child, plain = hooked(script), hooked(script, env={"MLOPS_HOOK": "off"})
    assert (child.code, child.err) == (plain.code, plain.err) and "TypeError" in child.err


def test_what_was_noted_survives_the_kill_of_a_busy_program(hooked: Hooked, tmp_path: Path) -> None:
    folder = hooked("pass").folder
    code = "import itertools\nfor i in itertools.count():\n    open('k%d.dat' % i, 'w').close(); print(i, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment(folder, {}), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    reached = -1
    for line in process.stdout:
        reached = int(line)
        if reached == 200:
            process.kill()
            break
    process.wait()
    child = harvest(folder, subprocess.CompletedProcess([], 0, "", ""))
    assert {str(tmp_path / f"k{i}.dat") for i in range(reached + 1)} <= set(child.opened("w"))


def test_many_threads_share_one_stream_and_lose_nothing(hooked: Hooked) -> None:
    script = """
import threading
def work(n):
    for i in range(20):
        open("t%d-%d.dat" % (n, i), "w").close()
threads = [threading.Thread(target=work, args=(n,)) for n in range(40)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    child = hooked(script)
    assert child.code == 0, child.err
    assert len(child.streams) == 1
    assert len(child.opened("w")) == len(set(child.opened("w"))) == 800


def test_bytecode_kept_elsewhere_is_no_output(hooked: Hooked, tmp_path: Path) -> None:
    (tmp_path / "work" / "module_of_mine.py").write_text("value = 1\n")
    child = hooked("import module_of_mine", env={"PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")})
    assert list((tmp_path / "bytecode").rglob("module_of_mine*.pyc"))
    assert child.opened("w") == []


def test_the_homes_own_settings_are_no_data_but_their_neighbours_are(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import os
home = os.path.expanduser("~")
for name in (".config/x/y.json", ".netrc", ".localdata/a.csv", ".netrc.csv"):
    os.makedirs(os.path.dirname(os.path.join(home, name)), exist_ok=True)
    open(os.path.join(home, name), "w").close()
"""
    home = tmp_path / "home"
    child = hooked(script, env={"HOME": str(home)})
    assert child.opened("w") == [str(home / ".localdata" / "a.csv"), str(home / ".netrc.csv")]
