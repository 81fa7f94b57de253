"""What `mlops run` costs: CPU of a whole launch with capture, and the wall time until the child runs.

python benchmarks/launch.py [ROUNDS]     base: the same trivial script, `python train.py`, in the same git tree
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = "import time\nprint(time.monotonic_ns())\n"


def tree(folder: Path) -> Path:
    """A git tree of one script, known to a remote, so that the code is a reference and not a bundle."""
    remote, work = folder / "remote.git", folder / "work"
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", "--bare", str(remote)], check=True)
    subprocess.run([*git, "init", "-q", str(work)], check=True)
    (work / "train.py").write_text(SCRIPT)
    for words in (
        ["add", "."],
        ["commit", "-qm", "x"],
        ["remote", "add", "origin", str(remote)],
        ["push", "-qu", "origin", "main"],
    ):
        subprocess.run([*git, *words], cwd=work, check=True)
    return work


def measure(argv: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """CPU ms (with all descendants), wall ms until the script's first line, wall ms in all."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic_ns()
    out = subprocess.run(argv, cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout
    ended, after = time.monotonic_ns(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
    return cpu, (int(out.split()[0]) - began) / 1e6, (ended - began) / 1e6


def main(rounds: int) -> None:
    python = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as name:
        work = tree(Path(name))
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLOPS_", "PYTHON", "GIT_"))}
        env = {**clean, "MLOPS_HOME": f"{name}/home", "PATH": f"{python}:{os.environ['PATH']}"}
        rows = {
            "python train.py": ["python", "train.py"],
            "mlops run train.py": ["mlops", "run", "train.py"],
            "mlops run -q train.py": ["mlops", "run", "-q", "train.py"],
            "mlops run --no-hook train.py": ["mlops", "run", "--no-hook", "train.py"],
        }
        found: dict[str, list[tuple[float, float, float]]] = {row: [] for row in rows}
        for turn in range(rounds + 1):
            for row, argv in rows.items():
                took = measure(argv, work, env)
                if turn:  # the first makes the store and the bytecode
                    found[row].append(took)
        base = found["python train.py"]
        print(f"{'':30} {'CPU ms':>8} {'ratio':>6}   {'until it runs, ms':>18} {'in all, ms':>11}")
        for row, taken in found.items():
            cpu, first, whole = (statistics.median(column) for column in zip(*taken, strict=True))
            ratio = statistics.median(mine[0] / theirs[0] for mine, theirs in zip(taken, base, strict=True))
            print(f"{row:30} {cpu:8.1f} {ratio:5.1f}x   {first:18.1f} {whole:11.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
