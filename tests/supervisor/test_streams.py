"""Without a terminal: output, exit codes and descriptors are as they would be without us."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Bare, python, wait_until


@pytest.mark.parametrize("code", [0, 1, 3, 42, 255])
def test_the_exit_code_is_the_childs(bare: Bare, code: int) -> None:
    assert bare("sh", "-c", f"exit {code}").returncode == code


def test_a_signal_is_told_as_128_plus_its_number(bare: Bare) -> None:
    assert bare("sh", "-c", "kill -9 $$").returncode == 137
    assert bare.ending["signal"] == 9
    assert bare.json("exit.json")["signal"] == 9


def test_a_command_that_does_not_exist_is_127_and_a_folder_126(bare: Bare, tmp_path: Path) -> None:
    assert bare("no-such-program-at-all").returncode == 127
    assert bare("./nothing-here", cwd=tmp_path).returncode == 127
    assert bare("./runs", cwd=tmp_path).returncode == 126
    (tmp_path / "plain").write_text("echo x\n")
    assert bare("./plain", cwd=tmp_path).returncode == 126


def test_a_script_without_its_first_line_runs_as_every_shell_runs_it(bare: Bare, tmp_path: Path) -> None:
    script = tmp_path / "plain"
    script.write_text('echo "got $1"; exit 4\n')
    script.chmod(0o755)
    done = bare("./plain", "a b", cwd=tmp_path)
    assert (done.stdout, done.returncode) == (b"got a b\n", 4)


def test_a_broken_interpreter_line_is_told_as_not_found(bare: Bare, tmp_path: Path) -> None:
    script = tmp_path / "odd"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert bare("./odd", cwd=tmp_path).returncode == 127


def test_a_python_file_runs_under_the_python_of_path(bare: Bare, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys; print(sys.argv, sys.executable)\n")
    folder = str(Path(sys.executable).parent)
    done = bare("train.py", "--lr", "0.1", cwd=tmp_path, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
    assert done.stdout.decode() == f"['train.py', '--lr', '0.1'] {folder}/python\n"
    assert bare("missing.py", cwd=tmp_path).returncode == 127


def test_the_child_sees_its_name_as_it_was_typed(bare: Bare) -> None:
    assert bare("sh", "-c", "echo $0").stdout == b"sh\n"


def test_stdout_and_stderr_arrive_whole_and_apart(bare: Bare) -> None:
    done = bare(*python("import sys; print('out' * 5); print('err' * 5, file=sys.stderr); sys.stdout.write('no end')"))
    assert (done.stdout, done.stderr) == (b"out" * 5 + b"\nno end", b"err" * 5 + b"\n")
    assert (bare.folder() / "console" / "out").read_bytes() == done.stdout
    assert (bare.folder() / "console" / "err").read_bytes() == done.stderr


def test_one_pipe_for_both_keeps_their_order(bare: Bare) -> None:
    code = "import os\nfor i in range(500): os.write(1 + i % 2, b'%d\\n' % i)"
    done = bare(*python(code), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, capture_output=False)
    assert done.stdout == b"".join(b"%d\n" % i for i in range(500))


def test_stderr_to_a_file_beside_stdout_to_a_pipe(bare: Bare, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        done = bare("sh", "-c", "echo a; echo b >&2", stdout=subprocess.PIPE, stderr=log, capture_output=False)
    assert (done.stdout, (tmp_path / "log").read_bytes()) == (b"a\n", b"b\n")


def test_stdin_is_the_childs_own(bare: Bare) -> None:
    assert bare("cat", input=b"through\n").stdout == b"through\n"


def test_closed_descriptors_are_not_taken_by_our_files(bare: Bare) -> None:
    done = subprocess.run(f"{bare.line} sh -c 'echo gone; echo err >&2' >&- 2>&- <&-", shell=True, check=False)
    assert done.returncode == 0
    assert (bare.folder() / "console" / "out").read_bytes() == b"gone\nerr\n"


def test_no_descriptor_of_ours_reaches_the_child(bare: Bare) -> None:
    done = bare(*python("import os; print(sorted(os.listdir('/proc/self/fd')))"))
    assert done.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing itself


def test_isatty_answers_as_without_us_when_nothing_is_a_terminal(bare: Bare) -> None:
    done = bare(*python("import os; print([os.isatty(fd) for fd in (0, 1, 2)])"), stdin=subprocess.DEVNULL)
    assert done.stdout == b"[False, False, False]\n"


def test_the_working_directory_and_the_group_are_ours(bare: Bare, tmp_path: Path) -> None:
    done = bare(*python("import os; print(os.getcwd(), os.getpgrp())"), cwd=tmp_path, process_group=0)
    where, group = done.stdout.decode().split()
    assert where == str(tmp_path)
    assert int(group) > 0


def test_signals_that_python_ignores_are_as_the_shell_leaves_them(bare: Bare) -> None:
    done = bare("grep", "-E", "SigIgn|SigBlk", "/proc/self/status")
    assert done.stdout.split() == [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]


def test_output_comes_while_it_is_written(bare: Bare) -> None:
    code = "import time\nfor i in range(3): print(i, flush=True); time.sleep(0.3)"
    with bare.start(*python(code), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        came = []
        for line in process.stdout:
            came.append((line, time.monotonic()))
    assert [line for line, _ in came] == [b"0\n", b"1\n", b"2\n"]
    assert came[1][1] - came[0][1] > 0.2 and came[2][1] - came[1][1] > 0.2


def test_a_hundred_megabytes_pass_with_little_memory(bare: Bare) -> None:
    measure = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    line = f"{sys.executable} -c '{measure}' {bare.line} head -c 100000000 /dev/zero | wc -c"
    done = subprocess.run(line, shell=True, capture_output=True, check=False, timeout=60)
    assert int(done.stdout) == 100_000_000
    assert int(done.stderr) < 60_000, "KiB"


def test_a_closed_reader_ends_the_child_quickly(bare: Bare) -> None:
    began = time.monotonic()
    done = subprocess.run(f"{bare.line} yes | head -1", shell=True, capture_output=True, check=False, timeout=20)
    assert (done.stdout, done.stderr) == (b"y\n", b"")
    assert time.monotonic() - began < 5
    assert bare.ending["signal"] == 13
    assert bare.ending["is_output_closed"] is True


def test_a_closed_reader_ends_the_grandchild_that_writes(bare: Bare) -> None:
    line = f"{bare.line} sh -c 'yes; true' | head -1"
    subprocess.run(line, shell=True, capture_output=True, check=False, timeout=20)
    out = bare.folder() / "console" / "out"
    size = out.stat().st_size
    time.sleep(0.1)
    assert out.stat().st_size == size, "somebody still writes"


def test_a_program_that_ignores_the_broken_pipe_is_asked_to_end(bare: Bare) -> None:
    script = bare.runs / "loop.py"
    script.write_text("import time\nwhile True: print('x' * 100, flush=True); time.sleep(0.005)")
    line = f"{bare.line} {sys.executable} {script} | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, check=False, timeout=20)
    assert done.stdout == b"x" * 100 + b"\n"
    assert bare.ending["signal"] == 15


def test_a_child_that_writes_no_more_outlives_its_reader(bare: Bare, tmp_path: Path) -> None:
    line = f"{bare.line} sh -c 'echo a; sleep 0.5; touch {tmp_path}/done; exit 3' | head -1"
    subprocess.run(line, shell=True, capture_output=True, check=False, timeout=20)
    assert (tmp_path / "done").exists()
    assert bare.ending["code"] == 3


def test_a_slow_reader_gets_everything(bare: Bare) -> None:
    line = f"{bare.line} head -c 1000001 /dev/zero | (sleep 0.7; wc -c)"
    done = subprocess.run(line, shell=True, capture_output=True, check=False, timeout=20)
    assert int(done.stdout) == 1_000_001


def test_what_a_grandchild_prints_right_after_the_end_is_taken(bare: Bare) -> None:
    done = bare("sh", "-c", "(sleep 0.1; echo late) & echo early")
    assert done.stdout == b"early\nlate\n"


def test_a_daemon_left_behind_does_not_hold_us_up(bare: Bare) -> None:
    began = time.monotonic()
    done = bare("sh", "-c", "sleep 3 & echo early")
    assert done.stdout == b"early\n"
    assert time.monotonic() - began < 2


def test_the_waiter_and_the_child_leave_no_zombie(bare: Bare) -> None:
    process = bare.start("true")
    wait_until((bare.runs / "ending").exists, "the end")
    note = bare.json("child.json")
    # Not yet waited for, so that a zombie of the supervisor's would still be there.
    assert not Path(f"/proc/{note['pid']}").exists()
    assert not Path(f"/proc/{note['waiter']['pid']}").exists()
    assert process.wait(10) == 0


def test_the_child_is_noted_before_it_runs(bare: Bare) -> None:
    with bare.start("cat", stdin=subprocess.PIPE) as process:
        wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's note")
        child = bare.json("child.json")
        assert Path(f"/proc/{child['pid']}/comm").read_text() in ("cat\n", "python\n")
        assert process.stdin is not None
        process.stdin.close()
    assert bare.json("exit.json")["code"] == 0


def test_the_childs_life_does_not_hang_on_the_supervisor(bare: Bare) -> None:
    code = "import time\nfor i in range(20): print(i, flush=True); time.sleep(0.05)"
    process = bare.start(*python(code), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    left = wait_until(lambda: list(bare.runs.glob("*/exit.json")), "the child's exit note")
    assert left
    assert bare.json("exit.json")["code"] == 0
    lines = (bare.folder() / "console" / "out").read_text().split()
    assert lines == [str(i) for i in range(20)]


def test_a_killed_waiter_is_noticed_and_the_child_watched_to_its_end(bare: Bare) -> None:
    process = bare.start("sh", "-c", "sleep 0.6; echo end", stdout=subprocess.PIPE)
    wait_until(lambda: list(bare.runs.glob("*/child.json")), "the child's note")
    note = bare.json("child.json")
    wait_until(lambda: Path(f"/proc/{note['pid']}/comm").read_text() == "sh\n", "exec")
    time.sleep(0.1)
    os.kill(note["waiter"]["pid"], 9)
    out, _ = process.communicate(timeout=10)
    assert out == b"end\n"
    assert (bare.ending["code"], bare.ending["signal"]) == (None, None)
