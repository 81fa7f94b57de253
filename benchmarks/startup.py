"""What a command costs before it does anything: version, names for TAB, help, and the command tree itself.

python benchmarks/startup.py     base: `python -c pass` of the same interpreter
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 25

Cost = tuple[float, float]


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        env = environment(home)
        mlops = [sys.executable, "-m", "mlops_cli"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "mlops --version": [*mlops, "--version"],
            "mlops __names task (TAB on an id)": [*mlops, "__names", "task"],
            "mlops --help": [*mlops, "--help"],
            "mlops ls --help": [*mlops, "ls", "--help"],
            "import typer": [sys.executable, "-c", "import typer"],
            "mlops version (through the tree)": [*mlops, "version"],
        }
        show(measure(commands, env))
        tab(env)


def environment(home: str) -> dict[str, str]:
    """No variable that changes the interpreter's start; bytecode is written, as after an installation."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLOPS_", "CLEARML_", "PYTHON"))}
    return {**kept, "MLOPS_HOME": home}


def measure(commands: dict[str, list[str]], env: dict[str, str], rounds: int = ROUNDS) -> dict[str, Cost]:
    """Median (CPU, wall) in ms; the commands take turns, so that a busy moment hits all of them alike."""
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            cost = once(command, env)
            if turn:  # the first round writes bytecode and warms the page cache
                found[name].append(cost)
    return {
        name: (statistics.median(c for c, _ in costs), statistics.median(w for _, w in costs))
        for name, costs in found.items()
    }


def once(command: list[str], env: dict[str, str]) -> Cost:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3, wall * 1e3


def show(costs: dict[str, Cost]) -> None:
    base = next(iter(costs.values()))
    print(f"{'ms, median':44}{'CPU':>8}{'ratio':>8}{'wall':>8}{'ratio':>8}")
    for name, (cpu, wall) in costs.items():
        print(f"{name:44}{cpu:8.1f}{cpu / base[0]:8.2f}{wall:8.1f}{wall / base[1]:8.2f}")


def tab(env: dict[str, str]) -> None:
    """TAB on a word: what bash needs for the script and one completion, beside a bare bash."""
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "completions", "mlops.bash")
    line = f'source {script}; COMP_LINE="mlops l" COMP_POINT=7; _mlops 2>/dev/null'
    bare, full = ["bash", "--norc", "-c", ":"], ["bash", "--norc", "-c", line]
    print()
    show(measure({"bash -c :": bare, "bash: source the script, TAB on `mlops l`": full}, env))


if __name__ == "__main__":
    main()
