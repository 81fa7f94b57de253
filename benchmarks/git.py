"""What capturing code costs beside a bare `git status`, and how fast console text passes the secret filter.

python benchmarks/git.py [FILES]     base: `git status --porcelain=v2 --branch` of the same repository (10,000 files)
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlops_cli.code.capture import capture
from mlops_cli.code.status import start
from mlops_cli.secrets import ConsoleScrubber

ROUNDS = 15
STATUS = ["git", "status", "--porcelain=v2", "--branch"]
ENV = {
    **os.environ,
    "GIT_AUTHOR_NAME": "b",
    "GIT_AUTHOR_EMAIL": "b@b",
    "GIT_COMMITTER_NAME": "b",
    "GIT_COMMITTER_EMAIL": "b@b",
}


def main(files: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = make(Path(folder), files)
        print(f"{files:,} files; ms, median of {ROUNDS}; CPU is user + system of this process and its children\n")
        print(f"{'':44}{'CPU':>8}{'ratio':>8}{'wall':>8}{'ratio':>8}")
        base = measure(lambda: subprocess.run(STATUS, cwd=repo, check=True, capture_output=True))
        show("bare git status", base, base)
        show("captured: clean and pushed", measure(lambda: take(repo, Path(folder))), base)
        (repo / "d3/f3.py").write_text("changed = 1\n")
        show("captured: one file changed", measure(lambda: take(repo, Path(folder))), base)
        (repo / "latin.py").write_bytes(b"# caf\xe9\n")
        show("captured: and one that needs a bundle", measure(lambda: take(repo, Path(folder))), base)
        whole = [sys.executable, "-c", WHOLE.format(repo=str(repo), staging=folder)]
        show("the same in a new interpreter", measure(lambda: subprocess.run(whole, check=True)), base)
        peer(repo, base)
    scrubbing()


WHOLE = """
from pathlib import Path
from mlops_cli.code.capture import capture
from mlops_cli.code.status import start
repo = Path({repo!r})
capture(start(repo).wait(), cwd=repo, script=Path("d0/f0.py"), staging=Path({staging!r}))
"""
PEER = "import git; r = git.Repo({repo!r}); r.is_dirty(untracked_files=True); r.head.commit.hexsha; r.git.diff()"


def peer(repo: Path, base: tuple[float, float]) -> None:
    command = [sys.executable, "-c", PEER.format(repo=str(repo))]
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        show(
            "GitPython: dirty, commit, diff (new interpreter)",
            measure(lambda: subprocess.run(command, check=True)),
            base,
        )


def make(folder: Path, files: int) -> Path:
    repo, remote = folder / "repo", folder / "remote.git"
    repo.mkdir()
    for i in range(files // 100):
        (repo / f"d{i}").mkdir()
        for j in range(100):
            (repo / f"d{i}/f{j}.py").write_text(f"x = {i * 100 + j}\n" * 20)
    for command in (
        ["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"], ["init", "-q", "--bare", str(remote)],
        ["remote", "add", "origin", str(remote)], ["push", "-qu", "origin", "main"],
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=repo, env=ENV, check=True, capture_output=True)
    time.sleep(1.1)  # an index as young as its files makes git read them all again
    subprocess.run(["git", "status"], cwd=repo, check=True, capture_output=True)
    return repo


def take(repo: Path, folder: Path) -> None:
    code = capture(start(repo).wait(), cwd=repo, script=Path("d0/f0.py"), staging=folder)
    assert code.commit and not code.left_out, code.left_out


def measure(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = [], []
    for _ in range(ROUNDS):
        before, begun = used(), time.perf_counter()
        work()
        wall.append((time.perf_counter() - begun) * 1e3)
        cpu.append((used() - before) * 1e3)
    return statistics.median(cpu), statistics.median(wall)


def used() -> float:
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def show(label: str, ours: tuple[float, float], base: tuple[float, float]) -> None:
    cpu, wall = ours
    print(f"{label:44}{cpu:8.1f}{cpu / base[0]:7.2f}x{wall:8.1f}{wall / base[1]:7.2f}x", flush=True)


def scrubbing() -> None:
    line = "epoch {e} step {i} loss=0.{i:06d} acc=0.93 lr=1.0e-04 time 0.123s/it [00:12<12:33]\n"
    plain = "".join(line.format(e=i % 90, i=i) for i in range(200_000)).encode()
    print(f"\n{'secret filter, chunks of 64 KiB':44}{'MB/s':>8}")
    for label, data in (
        ("ordinary log", plain),
        ("a word like `tokens/s` in each line", plain.replace(b"s/it", b"tokens/s")),
        ("a long file name in each line", plain.replace(b"time", b"/data/train/n01440764_some_file_name.JPEG")),
    ):
        scrubber = ConsoleScrubber()
        begun = time.process_time()
        for at in range(0, len(data), 65536):
            scrubber.feed(data[at : at + 65536])
        scrubber.close()
        print(f"{label:44}{len(data) / (time.process_time() - begun) / 1e6:8.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
