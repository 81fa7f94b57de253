"""Queues: as documents, their order, and what entering and leaving them does to tasks."""

from __future__ import annotations

import threading

import pytest

from mlops_cli.errors import MlopsError
from mlops_cli.server.dispatch import dispatch
from mlops_cli.server.store.store import open_store
from mlops_cli.testing.store import make_running_task, make_task

UNKNOWN = "0" * 32


def refusal(call, endpoint, **body):
    with pytest.raises(MlopsError) as caught:
        call(endpoint, **body)
    return caught.value.http_status, caught.value.subcode


def task_of(call, task_id):
    return call("tasks.get_by_id", task=task_id)["task"]


def status_of(call, task_id):
    return task_of(call, task_id)["status"]


def waiting(call, queue):
    return [entry["task"] for entry in call("queues.get_by_id", queue=queue)["queue"]["entries"]]


@pytest.fixture
def queue(call):
    return call("queues.create", name="gpus")["id"]


@pytest.fixture
def three(call, store, queue):
    """Three tasks that wait in the queue."""
    tasks = [make_task(store, name) for name in ("first", "second", "third")]
    for task in tasks:
        call("tasks.enqueue", task=task, queue=queue)
    return tasks


def test_a_new_store_has_the_default_queue_and_says_so_when_it_is_gone(call):
    default = call("queues.get_default")
    assert default["name"] == "default"
    assert call("queues.get_all")["queues"][0]["system_tags"] == ["default"]
    call("queues.delete", queue=default["id"])
    assert refusal(call, "queues.get_default") == (400, 707)
    task = call("tasks.create", name="nowhere", type="training")["id"]
    assert refusal(call, "tasks.enqueue", task=task) == (400, 707)


def test_a_queue_is_made_named_and_described_once(call, queue):
    assert refusal(call, "queues.create", name="gpus") == (400, 801)
    assert refusal(call, "queues.create", name=" ab ") == (400, 800)
    other = call("queues.create", name="others", tags=["b", "a"], metadata=[{"key": "k", "value": "v"}])["id"]
    assert refusal(call, "queues.update", queue=other, name="gpus") == (400, 801)
    answer = call("queues.update", queue=other, name="more", display_name="More", metadata={"n": {"value": "1"}})
    assert answer["updated"] == 1 and answer["fields"]["name"] == "more"
    found = call("queues.get_by_id", queue=other)["queue"]
    assert (found["name"], found["display_name"], found["tags"]) == ("more", "More", ["a", "b"])
    assert found["metadata"] == {"n": {"key": "n", "type": None, "value": "1"}} and found["entries"] == []
    assert call("queues.update", queue=other, name="more")["updated"] == 1, "its own name is no double"


def test_a_name_is_no_id_so_that_clients_go_on_to_look_for_the_name(call, queue):
    assert refusal(call, "queues.get_by_id", queue="gpus") == (400, 701)
    assert call("queues.get_all", name="^gpus$", only_fields=["id"])["queues"] == [{"id": queue}]
    for endpoint in ("get_next_task", "peek_task", "get_num_entries", "clear_queue", "delete", "update"):
        assert refusal(call, f"queues.{endpoint}", queue=UNKNOWN) == (400, 701)


def test_lists_hold_what_is_asked_for(call, queue, three):
    assert call("queues.get_all", id=[queue], only_fields=["id", "tags"])["queues"] == [{"id": queue, "tags": []}]
    assert call("queues.get_all", id=[queue], only_fields=["name", "entries"])["queues"][0]["entries"][0].keys() == {
        "task",
        "added",
    }
    assert "entries" not in call("queues.get_all", id=[queue], only_fields=["-entries"])["queues"][0]
    few = call("queues.get_all", id=[queue], max_task_entries=2)["queues"][0]["entries"]
    assert [entry["task"] for entry in few] == three[:2]
    assert refusal(call, "queues.get_all", max_task_entries="x") == (400, 12)
    whole = call("queues.get_all_ex", id=[queue], only_fields=["entries.task.name"])["queues"][0]
    assert whole["entries"][0]["task"] == {"id": three[0], "name": "first"} and "workers" not in whole


def test_queues_of_the_kubernetes_glue_are_shown_to_those_who_name_them(call):
    glue = call("queues.create", name="glued", system_tags=["k8s-glue"])["id"]
    assert glue not in [queue["id"] for queue in call("queues.get_all")["queues"]]
    assert call("queues.get_all", id=[glue])["queues"] and call("queues.get_all_ex", name="^glued$")["queues"]


def test_tasks_are_taken_in_order_and_once(call, store, queue, three):
    assert call("queues.peek_task", queue=queue) == {"task": three[0]}
    assert call("queues.get_num_entries", queue=queue) == {"num": 3}
    answer = call("queues.get_next_task", queue=queue, get_task_info=True)
    assert (answer["entry"]["task"], answer["entry"]["attempt"]) == (three[0], 1) and answer["entry"]["added"]
    assert answer["task_info"] == {"user": store.owner.user, "company": store.owner.company}
    assert status_of(call, three[0]) == "queued", "the worker says what becomes of it"
    assert call("queues.get_next_task", queue=queue, task=three[2]) == {}, "it is not its turn"
    assert call("queues.get_next_task", queue=queue, task=three[1])["entry"]["task"] == three[1]
    assert call("queues.get_next_task", queue=queue)["entry"]["task"] == three[2]
    assert call("queues.get_next_task", queue=queue) == {}
    assert call("queues.peek_task", queue=queue) == {"task": None}


def test_each_taking_of_a_task_has_a_number_of_its_own(call, store, queue):
    task = make_task(store)
    numbers = []
    for _ in range(3):
        call("tasks.enqueue", task=task, queue=queue)
        numbers.append(call("queues.get_next_task", queue=queue)["entry"]["attempt"])
        call("tasks.started", task=task)
        call("tasks.reset", task=task)
    assert numbers == [1, 2, 3]


def test_a_stopped_task_that_is_taken_waits_again(call, store, queue):
    task = make_running_task(store)
    call("tasks.stopped", task=task)
    assert call("queues.add_task", queue=queue, task=task) == {"added": 1}
    assert status_of(call, task) == "stopped"
    call("queues.get_next_task", queue=queue)
    assert status_of(call, task) == "queued"


def test_entries_move_and_stay_within_the_queue(call, queue, three):
    first, second, third = three
    assert call("queues.move_task_to_front", queue=queue, task=third) == {"position": 0}
    assert waiting(call, queue) == [third, first, second]
    assert call("queues.move_task_to_back", queue=queue, task=third) == {"position": 2}
    assert call("queues.move_task_forward", queue=queue, task=third) == {"position": 1}
    assert waiting(call, queue) == [first, third, second]
    assert call("queues.move_task_forward", queue=queue, task=second, count=99) == {"position": 0}
    assert call("queues.move_task_backward", queue=queue, task=second, count=2) == {"position": 2}
    assert waiting(call, queue) == [first, third, second]
    assert refusal(call, "queues.move_task_to_front", queue=queue, task=UNKNOWN) == (400, 703)
    call("queues.get_next_task", queue=queue)
    assert waiting(call, queue) == [third, second], "the order holds when something was taken"


def test_enqueue_makes_the_task_wait_in_one_queue_and_remembers_what_it_was(call, store, queue):
    task = make_task(store, system_tags=["development", "x"])
    answer = call("tasks.enqueue", task=task, queue=queue, status_message="go")
    assert (answer["queued"], answer["updated"], answer["fields"]["status"]) == (1, 1, "queued")
    assert answer["fields"]["execution.queue"] == queue and "queue_watched" not in answer
    found = task_of(call, task)
    assert (found["status"], found["status_message"], found["system_tags"]) == ("queued", "go", ["x"])
    assert found["execution"]["queue"] == queue and "enqueue_status" not in found
    assert refusal(call, "tasks.enqueue", task=task, queue=queue) == (400, 706)
    call("tasks.enqueue", task=task, queue_name="brand new")
    other = call("queues.get_all", name="^brand new$")["queues"][0]["id"]
    assert (waiting(call, queue), waiting(call, other)) == ([], [task])
    assert refusal(call, "tasks.enqueue", task=task, queue="brand new") == (400, 701)
    call("tasks.enqueue", task=task)
    assert waiting(call, call("queues.get_default")["id"]) == [task]
    assert call("tasks.get_all_ex", id=[task], only_fields=["execution.queue.name"])["tasks"][0]["execution"] == {
        "queue": {"id": call("queues.get_default")["id"], "name": "default"}
    }


def test_what_is_completed_is_queued_only_by_force_and_what_failed_freely(call, store, queue):
    done, broken = make_running_task(store), make_running_task(store)
    call("tasks.completed", task=done)
    call("tasks.failed", task=broken)
    assert refusal(call, "tasks.enqueue", task=done, queue=queue) == (400, 110)
    assert waiting(call, queue) == [], "a refused task waits nowhere"
    call("tasks.enqueue", task=broken, queue=queue)
    call("tasks.enqueue", task=done, queue=queue, force=True, update_execution_queue=False)
    assert waiting(call, queue) == [broken, done] and "queue" not in task_of(call, done)["execution"]


@pytest.mark.parametrize("ending", ["created", "failed", "stopped"])
def test_dequeue_gives_back_the_status_that_the_task_had(call, store, queue, ending):
    task = make_task(store)
    call("tasks.edit", task=task, status=ending, force=True)
    call("tasks.enqueue", task=task, queue=queue)
    call("tasks.enqueue", task=task, queue_name="another")
    answer = call("tasks.dequeue", task=task, status_reason="why")
    assert (answer["dequeued"], answer["updated"], answer["fields"]["status"]) == (1, 1, ending)
    assert status_of(call, task) == ending and task_of(call, task)["status_reason"] == "why"
    assert all(queue["entries"] == [] for queue in call("queues.get_all")["queues"])
    assert call("tasks.dequeue", task=task)["updated"] == 0


def test_an_agent_dequeues_what_it_took_and_says_what_it_is_now(call, store, queue, three):
    call("queues.get_next_task", queue=queue)
    call("tasks.started", task=three[0], force=True, status_message="pulled by agent")
    started = task_of(call, three[0])["started"]
    answer = call("tasks.dequeue", task=three[0], new_status="in_progress")
    assert answer["updated"] == 1 and answer["fields"]["status"] == "in_progress"
    assert task_of(call, three[0])["started"] == started
    assert waiting(call, queue) == three[1:]
    assert refusal(call, "tasks.dequeue", task=three[0], new_status="dreaming") == (400, 12)


def test_removing_a_task_touches_its_status_only_when_asked(call, queue, three):
    assert call("queues.remove_task", queue=queue, task=three[0]) == {"removed": 1}
    assert status_of(call, three[0]) == "queued"
    assert refusal(call, "queues.remove_task", queue=queue, task=three[0]) == (400, 703)
    call("queues.remove_task", queue=queue, task=three[1], update_task_status=True)
    assert status_of(call, three[1]) == "created" and waiting(call, queue) == three[2:]


def test_a_queue_that_is_cleared_or_deleted_gives_its_tasks_back(call, store, queue, three):
    assert call("queues.clear_queue", queue=queue) == {"removed_tasks": three}
    assert {status_of(call, task) for task in three} == {"created"}
    call("tasks.enqueue_many", ids=three, queue=queue)
    assert refusal(call, "queues.delete", queue=queue) == (400, 702)
    assert call("queues.delete", queue=queue, force=True) == {"deleted": 1}
    assert {status_of(call, task) for task in three} == {"created"}
    assert store.db.connection.execute("SELECT count(*) FROM queue_entries").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("endpoint", "body", "status"),
    [
        ("tasks.stop", {}, "stopped"),
        ("tasks.stopped", {}, "stopped"),
        ("tasks.failed", {"force": True}, "failed"),
        ("tasks.completed", {"force": True}, "completed"),
        ("tasks.reset", {}, "created"),
        ("tasks.delete", {"force": True}, None),
    ],
)
def test_what_ended_or_is_gone_waits_no_more(call, store, queue, three, endpoint, body, status):
    call(endpoint, task=three[1], **body)
    assert waiting(call, queue) == [three[0], three[2]]
    assert status is None or status_of(call, three[1]) == status


def test_archiving_takes_a_waiting_task_back_and_stops_a_running_one(call, store, queue, three):
    running = make_running_task(store)
    call("tasks.archive_many", ids=[three[0], running])
    assert (status_of(call, three[0]), status_of(call, running)) == ("created", "stopped")
    assert waiting(call, queue) == three[1:]
    draft = make_task(store)
    call("queues.add_task", queue=queue, task=draft)
    call("tasks.archive", tasks=[draft])
    assert waiting(call, queue) == three[1:]


def test_resetting_says_that_the_task_was_taken_out_of_its_queue(call, queue, three):
    assert call("tasks.reset", task=three[0])["dequeued"] == {"removed": 1}
    assert call("tasks.reset_many", ids=three[:1])["succeeded"][0]["dequeued"] is False
    assert "queue" not in task_of(call, three[0])["execution"]


def test_many_are_queued_and_taken_back_each_on_its_own(call, store, queue):
    tasks = [make_task(store) for _ in range(2)]
    done = call("tasks.enqueue_many", ids=[*tasks, UNKNOWN], queue=queue, verify_watched_queue=True)
    assert [item["id"] for item in done["succeeded"]] == tasks and done["succeeded"][0]["queued"] is True
    assert done["failed"][0]["error"]["codes"] == [400, 101] and done["queue_watched"] is False
    back = call("tasks.dequeue_many", ids=[tasks[0], UNKNOWN])
    assert back["succeeded"][0]["dequeued"] is True and back["failed"][0]["error"]["codes"] == [400, 101]
    assert waiting(call, queue) == tasks[1:]


def test_of_many_takers_each_task_has_exactly_one(store, call, queue):
    tasks = {make_task(store) for _ in range(60)}
    for task in tasks:
        call("tasks.enqueue", task=task, queue=queue)
    taken: list[str] = []

    def take() -> None:
        other = open_store(store.db.path, store.db.path.parent / "files")
        while answer := dispatch(other, "queues.get_next_task", {"queue": queue}):
            taken.append(answer["entry"]["task"])
        other.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60 and set(taken) == tasks
    assert store.db.connection.execute("SELECT count(*), max(attempt) FROM claims").fetchone()[:] == (60, 1)


def test_an_idle_poll_does_not_wait_for_writers(store, call, queue):
    """A poll of an empty queue must be answered while somebody else holds the store for writing."""
    other = open_store(store.db.path, store.db.path.parent / "files")
    other.db._busy_s = 0.05
    with store.db.write():
        assert dispatch(other, "queues.get_next_task", {"queue": queue}) == {}
    other.close()


def test_lines_of_a_batch_count_all_or_not_at_all(call, store):
    one, two = make_task(store), make_running_task(store)
    assert call("tasks.update_batch", tasks=[{"task": one, "name": "new name"}, {"task": two, "comment": "c"}]) == {
        "updated": 2
    }
    assert (task_of(call, one)["name"], task_of(call, two)["comment"]) == ("new name", "c")
    assert refusal(call, "tasks.update_batch", tasks=[]) == (400, 17)
    assert refusal(call, "tasks.update_batch", tasks=[{"task": one, "name": "other"}, {"task": UNKNOWN}]) == (400, 101)
    assert task_of(call, one)["name"] == "new name"
    call("tasks.update_batch", tasks=[{"task": one, "hyperparams": "junk", "name": None, "method": "get"}])
    assert task_of(call, one)["hyperparams"] == {}
