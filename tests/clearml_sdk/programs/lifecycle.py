"""What a program does with tasks that it does not run: draft, clone, edit, queue, move, publish, archive, delete."""

from answer import answer
from clearml import Task

found = {}
base = Task.create(project_name="life/cycle", task_name="base task", task_type=Task.TaskTypes.testing)
base.set_parameters({"Args/lr": 0.1, "Args/layers": [1, 2], "General/odd.key$": "v", "Args/gone": "x"})
base.set_tags(["red", "common"])
base.set_script(repository="https://example.invalid/repo.git", branch="main", entry_point="train.py", diff="d" * 100)
base.set_packages(["numpy==1.26", "scipy"])
base.set_base_docker("python:3.11", docker_arguments="-e A=1", docker_setup_bash_script="echo hi")
base.set_configuration_object("cfg", config_text="a = 1\n", config_type="text")
base.delete_parameter("Args/gone")

clone = Task.clone(base, name="a clone", comment="of base")
clone.set_parameter("Args/lr", 0.01)
clone.add_tags(["blue"])
clone.remove_tags(["red"])
clone.set_comment("edited")
clone = Task.get_task(clone.id)
found["clone"] = {
    "id": clone.id,
    "parent": clone.parent == base.id,
    "name": clone.name,
    "status": clone.status,
    "parameters": clone.get_parameters(),
    "tags": clone.get_tags(),
    "script": clone.data.script.to_dict(),
    "docker": clone.get_base_docker(),
    "requirements": clone.get_requirements().get("pip"),
    "configuration": clone.get_configuration_object("cfg"),
    "type": clone.task_type.value,
}

Task.enqueue(clone, queue_name="default")
found["queued"] = Task.get_task(clone.id).status
found["waiting"] = Task.get_num_enqueued_tasks(queue_name="default")
found["queue"] = Task.get_task(clone.id).get_executed_queue(return_name=True)
try:
    Task.enqueue(base, queue_name="no such queue")
except ValueError as exc:
    found["unknown_queue"] = str(exc)
Task.dequeue(clone)
found["dequeued"] = Task.get_task(clone.id).status
found["left"] = Task.get_num_enqueued_tasks(queue_name="default")

other = Task.create(project_name="life/other", task_name="other (task) 1.5")
other.set_tags(["common", "green"])
other.mark_started()
other.get_logger().report_scalar("m", "s", 0.25, 3)
other.upload_artifact("kept", {"a": 1}, wait_on_upload=True)
other.flush(wait_for_uploads=True)
other.mark_completed()
other.wait_for_status(status=("completed",))


def names(tasks):
    return sorted(task.name for task in tasks)


found["by"] = {
    "project": names(Task.get_tasks(project_name="life/cycle")),
    "name": names(Task.get_tasks(task_name="task")),
    "exact name": Task.get_task(project_name="life/other", task_name="other (task) 1.5").id == other.id,
    "any tag": names(Task.get_tasks(tags=["blue", "green"])),
    "all tags": names(Task.get_tasks(tags=["__$all", "common", "red"])),
    "without": names(Task.get_tasks(tags=["common", "-red"])),
    "status": names(Task.get_tasks(task_filter={"status": ["completed"]})),
    "type": names(Task.get_tasks(task_filter={"type": ["testing"]})),
    "none": names(Task.get_tasks(project_name="life/cycle", task_name="nobody")),
    "fields": Task.query_tasks(
        project_name="life/cycle", additional_return_fields=["name", "tags"], task_filter={"order_by": ["name"]}
    ),
    "parent": names(Task.get_tasks(task_filter={"parent": base.id})),
}
found["projects"] = sorted(project.name for project in Task.get_projects())
found["project id"] = Task.get_project_id("life/other") == other.project

other.publish()
found["published"] = Task.get_task(other.id).status
try:
    other.reset()
except Exception as exc:
    found["reset published"] = type(exc).__name__
found["still"] = Task.get_task(other.id).status

clone.mark_started(force=True)
clone.mark_stopped(status_message="enough")
found["stopped"] = [Task.get_task(clone.id).status, Task.get_task(clone.id).data.status_message]
clone.mark_failed(status_reason="bad", status_message="very", force=True)
found["failed"] = [Task.get_task(clone.id).status, Task.get_task(clone.id).data.status_reason]
clone.reset(force=True)
found["reset"] = Task.get_task(clone.id).status
clone.rename("a renamed clone")
clone.move_to_project(new_project_name="life/new home")
clone.set_archived(True)
moved = Task.get_task(clone.id)
found["moved"] = [moved.name, moved.get_project_name(), moved.get_archived()]
found["hidden"] = names(Task.get_tasks(project_name="life/new home", task_filter={"system_tags": ["-archived"]}))

exported = base.export_task()
exported["name"] = "brought back"
back = Task.import_task(exported)
found["imported"] = [back.name, back.get_parameters(), back.id != base.id]

doomed = Task.create(project_name="life/cycle", task_name="doomed")
doomed.mark_started()
doomed.upload_artifact("gone soon", {"a": 1}, wait_on_upload=True)
doomed.get_logger().report_text("some words")
doomed.flush(wait_for_uploads=True)
doomed.mark_stopped()
found["doomed"] = {"id": doomed.id, "uri": Task.get_task(doomed.id).artifacts["gone soon"].url}
found["deleted"] = bool(doomed.delete(raise_on_error=True))
try:
    Task.get_task(task_id=doomed.id)
except ValueError as exc:
    found["after"] = str(exc)

answer(base=base.id, other=other.id, **found)
