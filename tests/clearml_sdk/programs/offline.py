"""`offline.py record` runs without a server and names the session's file; `offline.py import FILE` brings it in."""

import sys
from pathlib import Path

from answer import answer
from clearml import Task

if sys.argv[1] == "record":
    Task.set_offline(offline_mode=True)
    task = Task.init("offline", "recorded offline", tags=["off"])
    task.connect({"lr": 0.5})
    for step in range(20):
        task.get_logger().report_scalar("loss", "train", 20.0 - step, step)
    print("said offline")
    Path("kept.txt").write_text("kept")
    task.upload_artifact("kept", "kept.txt")
    folder = task.get_offline_mode_folder()
    task.close()
    answer(session=f"{folder}.zip")
else:
    task_id = Task.import_offline_session(sys.argv[2])
    task = Task.get_task(task_id)
    answer(
        task=task_id,
        status=task.get_status(),
        name=task.name,
        tags=task.get_tags(),
        parameters=task.get_parameters(),
        scalars=task.get_reported_scalars(),
        artifact=Path(task.artifacts["kept"].get_local_copy()).read_text(),
        console="".join(task.get_reported_console_output(100)),
    )
