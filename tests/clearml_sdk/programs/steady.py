"""A run that reports a point every now and then, long enough for the server to be replaced meanwhile."""

import time
from pathlib import Path

from answer import answer
from clearml import Task

task = Task.init("steady", "survives")
answer(task=task.id)
step = 0
while not Path("enough").exists():
    task.get_logger().report_scalar("loss", "train", float(step), step)
    step += 1
    time.sleep(0.02)
task.upload_artifact("after", {"steps": step})
task.flush(wait_for_uploads=True)
task.close()
answer(task=task.id, steps=step)
