"""Lists longer than a page."""

import sys

from answer import answer
from clearml import Task

count = int(sys.argv[1])
found = Task.query_tasks(project_name="many/tasks", additional_return_fields=["name"])
task = Task.get_task(task_id=sys.argv[2])
answer(
    tasks=[len(found), len({row["id"] for row in found})],
    points={name: len(curve["x"]) for name, curve in task.get_reported_scalars(max_samples=6000)["loss"].items()},
    thinned=len(task.get_reported_scalars(max_samples=100)["loss"]["train"]["x"]),
    times=task.get_reported_scalars(x_axis="timestamp")["loss"]["train"]["x"][0] > 1_000_000_000_000,
    dates=str(task.get_reported_scalars(x_axis="iso_time")["loss"]["train"]["x"][0])[:2],
    console=len(task.get_reported_console_output(5)),
    images=len(task.get_debug_samples("pictures", "p")),
    some_images=len(task.get_debug_samples("pictures", "p", n_last_iterations=3)),
    plots=len(task.get_reported_plots(max_iterations=1)),
    more_plots=len(task.get_reported_plots(max_iterations=10)),
)
