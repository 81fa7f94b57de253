"""The SDK's door to the API itself: typed requests, typed answers."""

from answer import answer
from clearml.backend_api.services import events
from clearml.backend_api.session.client import APIClient
from clearml.backend_api.session.client.client import APIError

client = APIClient()
found = {}
project = client.projects.create(name="api/client", description="by hand")
ids = []
for number in range(7):
    made = client.tasks.create(name=f"task {number}", type="training", project=project.id, tags=[f"t{number % 2}"])
    ids.append(made.id)
client.tasks.started(task=ids[0])
client.events.add(
    events.MetricsScalarEvent(task=ids[0], timestamp=1_800_000_000_000, iter=1, metric="m", variant="v", value=0.5)
)
found["histogram"] = client.events.scalar_metrics_iter_histogram(task=ids[0]).response.to_dict()
client.tasks.completed(task=ids[0])
found["names"] = [task.name for task in client.tasks.get_all(project=[project.id], order_by=["name"])]
found["page"] = [
    task.name for task in client.tasks.get_all(project=[project.id], order_by=["-name"], page=1, page_size=3)
]
found["paged"] = len(list(client.tasks.get_all(project=[project.id], page_size=2, page=0)))
one = client.tasks.get_by_id(ids[0])
found["one"] = [one.name, str(one.status), str(one.created), one.project]
client.tasks.edit(
    task=ids[1], name="edited", hyperparams={"Args": {"a": {"section": "Args", "name": "a", "value": "1"}}}
)
found["edited"] = [client.tasks.get_by_id(ids[1]).name]
queue = client.queues.create(name="by hand")
client.tasks.enqueue(task=ids[2], queue=queue.id)
client.tasks.enqueue(task=ids[3], queue=queue.id)
client.queues.move_task_to_front(queue=queue.id, task=ids[3])
entries = client.queues.get_by_id(queue=queue.id).entries
found["queue"] = [entry.task == task for entry, task in zip(entries, [ids[3], ids[2]], strict=True)]
found["next"] = client.queues.get_next_task(queue=queue.id).entry.task == ids[3]
found["queues"] = sorted(item.name for item in client.queues.get_all())
client.workers.register(worker="hand:0", queues=[queue.id])
client.workers.status_report(worker="hand:0", timestamp=1_800_000_000_000, queues=[queue.id])
found["workers"] = [worker.id for worker in client.workers.get_all(last_seen=0)]
client.workers.unregister(worker="hand:0")
client.tasks.dequeue(task=ids[2])
client.tasks.delete(task=ids[4])
client.projects.update(project=project.id, description="changed")
found["project"] = client.projects.get_by_id(project=project.id).description
for what, call in {
    "unknown task": lambda: client.tasks.get_by_id("0" * 32),
    "deleted task": lambda: client.tasks.get_by_id(ids[4]),
    "unknown queue": lambda: client.queues.get_by_id(queue="default"),
    "bad status": lambda: client.tasks.publish(task=ids[5]),
    "bad pattern": lambda: client.tasks.get_all(name="(("),
    "runtime properties": lambda: client.workers.get_runtime_properties(worker="hand:0"),
}.items():
    try:
        call()
        found[what] = "no error"
    except (APIError, AttributeError) as exc:
        found[what] = [exc.code, exc.subcode] if isinstance(exc, APIError) else "no such call"
answer(project_id=project.id, **found)
