"""One short run: `run.py HOW [PROJECT [NAME]]`."""

import sys
import time

from answer import answer
from clearml import Task

how, project, name = [*sys.argv[1:], "runs", "a run"][:3] if len(sys.argv) > 3 else (sys.argv[1], "runs", sys.argv[1])
options = {"continue": {"continue_last_task": True}, "fresh": {"reuse_last_task_id": False}}.get(how, {})
task = Task.init(project, name, **options)
logger = task.get_logger()
parameters = task.connect({"lr": 0.1, "depth": 3})

if how == "remote":
    answer(task=task.id)
    task.execute_remotely(queue_name="default")
    print("running remotely", parameters)
    logger.report_scalar("loss", "train", float(parameters["lr"]), 0)
    answer(task=task.id, parameters=dict(parameters), args=task.get_parameters())
elif how == "fails":
    answer(task=task.id)
    print("about to fail")
    raise RuntimeError("on purpose")
elif how == "exits":
    answer(task=task.id)
    sys.exit(3)
elif how == "waits":
    logger.report_scalar("loss", "train", 1.0, 0)
    print("waiting to be stopped", flush=True)
    task.flush(wait_for_uploads=True)
    answer(task=task.id)
    time.sleep(60)
else:
    start = task.get_initial_iteration()
    for step in range(3):
        logger.report_scalar("loss", "train", 1.0 / (step + 1), step)
    task.flush(wait_for_uploads=True)
    answer(task=task.id, start=start)
    task.close()
