"""Names that break naive servers: in projects, tasks, artifacts, parameters, metrics, tags, models."""

import os
from pathlib import Path

from answer import answer
from clearml import OutputModel, Task
from clearml.storage import StorageManager

ODD = "ä b#1 50%25 ?x=1&y+z [..] 'q' \"d\" 日本 😀"
task = Task.init(f"odd/{ODD}", f"task {ODD}", output_uri=True, tags=[ODD, "$dollar", "a.b"])
task.connect({ODD: ODD, "a.b.c": "1", "$set": "2", "_x": "3", "with/slash": {"deep.er": "4"}}, name="Sec.tion $1")
task.set_user_properties(**{"plain": ODD})
task.set_configuration_object(ODD, config_text=ODD)
logger = task.get_logger()
logger.report_scalar(ODD, ODD, 0.5, 0)
logger.report_scalar("", "", 1.5, 0)
logger.report_scalar("a.b", "c$d", 2.5, -3)
logger.report_text(ODD)
logger.report_plotly(ODD, "", {"data": [], "layout": {"title": ODD}}, 0)
logger.report_image(ODD.replace("/", "_"), "im", 0, image=__import__("numpy").zeros((4, 4, 3), "uint8"))
name = "ü %41 #.txt"
Path(name).write_text(ODD)
task.upload_artifact(ODD, name)
task.upload_artifact("compressed", "x.csv.gz") if Path("x.csv.gz").exists() else None
Path("w.bin").write_bytes(b"weights")
model = OutputModel(task, name=ODD, tags=[ODD])
model.update_weights("w.bin", target_filename="w ä#.bin")
model.set_metadata(ODD, ODD)
task.flush(wait_for_uploads=True)
task.close()

seen = Task.get_task(project_name=f"odd/{ODD}", task_name=f"task {ODD}")
answer(
    task=seen.id,
    odd=ODD,
    same=seen.id == task.id,
    tagged=[found.id for found in Task.get_tasks(tags=[ODD])] == [task.id],
    tags=seen.get_tags(),
    parameters=seen.get_parameters(),
    properties=seen.get_user_properties(value_only=True),
    configuration=seen.get_configuration_object(ODD),
    scalars=seen.get_reported_scalars(),
    plots=[[plot["metric"], plot["variant"]] for plot in seen.get_reported_plots()],
    console="".join(seen.get_reported_console_output(100)),
    artifact=Path(seen.artifacts[ODD].get_local_copy()).read_text(),
    weights=Path(seen.models["output"][0].get_weights()).read_bytes().decode(),
    model=[seen.models["output"][0].tags, seen.models["output"][0].get_all_metadata()],
    image=len(
        Path(StorageManager.get_local_copy(seen.get_debug_samples(ODD.replace("/", "_"), "im")[0]["url"])).read_bytes()
    ),
    pid=os.getpid(),
)
