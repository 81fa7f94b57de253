"""Workers: registered, alive while they report, with what they do and measure. Each test brings its own clock."""

from __future__ import annotations

import time

import pytest

from mlops_cli.errors import MlopsError
from mlops_cli.server.store import workers
from mlops_cli.testing.store import make_project, make_running_task, make_task

UNKNOWN = "0" * 32
START = 1_795_000_000


def refusal(call, endpoint, **body):
    with pytest.raises(MlopsError) as caught:
        call(endpoint, **body)
    return caught.value.http_status, caught.value.subcode


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture
def queue(call):
    return call("queues.create", name="gpus")["id"]


def names(call, **wanted):
    return [worker["id"] for worker in call("workers.get_all", **wanted)["workers"]]


def test_a_registered_worker_is_listed_with_its_queues(call, store, queue):
    waits = make_task(store, "next one")
    call("tasks.enqueue", task=waits, queue=queue)
    assert call("workers.register", worker="host:0", queues=[queue], tags=["b", "a"], timeout=60) == {}
    (worker,) = call("workers.get_all")["workers"]
    assert worker["key"] == f"worker_{store.owner.company}_{store.owner.user}_host:0"
    assert worker["user"] == {"id": store.owner.user, "name": store.owner.user_name}
    assert worker["company"] == {"id": store.owner.company, "name": "mlops"}
    expected = {"id": queue, "name": "gpus", "num_tasks": 1, "next_task": {"id": waits, "name": "next one"}}
    assert worker["queues"] == [expected] and worker["register_timeout"] == 60
    assert "task" not in worker and "queue" not in worker
    assert refusal(call, "workers.register", worker="host:1", queues=[UNKNOWN]) == (400, 701)
    assert call("workers.register", worker="host:0", queues=[]) == {}
    assert [len(worker["queues"]) for worker in call("workers.get_all")["workers"]] == [0], "it was replaced"
    assert call("workers.unregister", worker="host:0") == {} == call("workers.unregister", worker="never seen")
    assert call("workers.get_count") == {"count": 0}


def test_a_report_says_what_the_worker_does_and_keeps_the_task_alive(call, store, queue):
    task = make_running_task(store, "long run", project=make_project(store, "proj"))
    report = {"worker": "host:0", "timestamp": now_ms(), "queues": [queue], "is_daemon": True}
    call("workers.status_report", report, task=task, queue=queue, tags=None, machine_stats=None)
    (worker,) = call("workers.get_all")["workers"]
    assert worker["task"].items() >= {"id": task, "name": "long run", "last_iteration": 0}.items()
    assert worker["project"]["name"] == "proj" and worker["queue"]["id"] == queue
    with store.db.write() as connection:
        connection.execute("UPDATE tasks SET started = '2026-01-01T00:00:00.000000+00:00'")
        connection.execute("UPDATE tasks SET last_update = '2026-01-01T00:01:05.500000+00:00'")
    assert call("workers.get_all")["workers"][0]["task"]["running_time"] == 65_000
    call("tasks.started", task=task, force=True)
    found = call("tasks.get_by_id", task=task)["task"]
    assert found["last_worker"] == "host:0" and found["last_worker_report"] and "active_duration" in found
    call("workers.status_report", worker="host:0", timestamp=now_ms())
    (worker,) = call("workers.get_all")["workers"]
    assert "task" not in worker and "queue" not in worker and [item["id"] for item in worker["queues"]] == [queue]
    for tags in (["a"], None, []):
        call("workers.status_report", worker="host:0", timestamp=now_ms(), queues=[], tags=tags)
        (worker,) = call("workers.get_all")["workers"]
        assert worker["tags"] == ([] if tags == [] else ["a"]) and len(worker["queues"]) == 1
    assert refusal(call, "workers.status_report", worker="host:0", timestamp=now_ms(), task=UNKNOWN) == (400, 101)
    assert refusal(call, "workers.status_report", worker="host:0") == (400, 11)


def test_stopping_what_a_live_worker_runs_only_asks_it(call, store, queue):
    task = make_running_task(store)
    call("workers.status_report", worker="host:0", timestamp=now_ms(), task=task)
    call("tasks.stop", task=task)
    found = call("tasks.get_by_id", task=task)["task"]
    assert (found["status"], found["status_message"]) == ("in_progress", "stopping")
    call("tasks.stopped", task=task, status_reason="task was stopped by tasks.stop", force=False)
    assert call("tasks.get_by_id", task=task)["task"]["status"] == "stopped"


def test_a_silent_worker_is_not_there_and_comes_back_as_a_new_one(store, call, queue):
    caller = store.owner
    workers.register(store, {"worker": "host:0", "queues": [queue], "timeout": 100}, caller, START)
    workers.register(store, {"worker": "host:1"}, caller, START)
    assert [worker["id"] for worker in workers.find(store, {}, START + 99)] == ["host:0", "host:1"]
    assert [worker["id"] for worker in workers.find(store, {}, START + 100)] == ["host:1"]
    assert workers.find(store, {}, START + 600) == [] and workers.count(store, {}, START + 600) == 0
    assert [worker["id"] for worker in workers.find(store, {"last_seen": 30}, START + 50)] == []
    assert [worker["id"] for worker in workers.find(store, {"last_seen": 0}, START + 50)] == ["host:0", "host:1"]
    workers.report(store, {"worker": "host:0", "timestamp": 1}, caller, START + 200)
    (back,) = [worker for worker in workers.find(store, {}, START + 201) if worker["id"] == "host:0"]
    assert back["queues"] == [] and back["register_timeout"] == 600


def test_a_report_prolongs_a_registration(store, queue):
    workers.register(store, {"worker": "host:0", "timeout": 100}, store.owner, START)
    workers.report(store, {"worker": "host:0", "timestamp": 1}, store.owner, START + 90)
    assert len(workers.find(store, {}, START + 180)) == 1 and workers.find(store, {}, START + 191) == []


def test_two_users_may_call_their_workers_alike(store, queue):
    other = store.owner._replace(user="somebody else")
    for caller in (store.owner, other):
        workers.register(store, {"worker": "host:0"}, caller, START)
    assert workers.count(store, {}, START + 1) == 2
    workers.unregister(store, "host:0", other)
    assert [worker["user"]["id"] for worker in workers.find(store, {}, START + 1)] == [store.owner.user]


def test_workers_are_found_by_tags_and_pattern(call):
    for name, tags in (("alpha:gpu0", ["big"]), ("alpha:gpu1", ["small"]), ("beta:0", [])):
        call("workers.register", worker=name, tags=tags)
    assert names(call, worker_pattern="alpha:*") == ["alpha:gpu0", "alpha:gpu1"]
    assert names(call, tags=["big"]) == ["alpha:gpu0"]
    assert names(call, tags=["-small"]) == ["alpha:gpu0", "beta:0"]
    assert names(call, worker_pattern="gpu") == []


def test_queues_know_who_listens(call, store, queue):
    task = make_task(store)
    assert call("tasks.enqueue", task=task, queue=queue, verify_watched_queue=True)["queue_watched"] is False
    call("workers.status_report", worker="host:0", timestamp=now_ms(), queues=[queue], task=task)
    call("tasks.dequeue", task=task)
    assert call("tasks.enqueue", task=task, queue=queue, verify_watched_queue=True)["queue_watched"] is True
    (listener,) = call("queues.get_all_ex", id=[queue])["queues"][0]["workers"]
    assert listener["name"] == "host:0" and listener["task"] == {"id": task, "name": "a task"}
    workers.register(store, {"worker": "host:0", "queues": [queue], "timeout": 10}, store.owner, START - 10**6)
    assert call("queues.get_all_ex", id=[queue])["queues"][0]["workers"] == []


def report(store, worker, at, **stats):
    workers.report(store, {"worker": worker, "timestamp": at * 1000, "machine_stats": stats}, store.owner, float(at))


def statistics(call, *items, **more):
    span = {"from_date": START, "to_date": START + 200, "interval": 40}
    found = call("workers.get_stats", items=list(items), **{**span, **more})["workers"]
    return {(item["worker"], metric["metric"]): metric["stats"] for item in found for metric in item["metrics"]}


def test_statistics_are_aggregated_in_whole_intervals_with_zeros_between(call, store):
    base = START // 40 * 40
    for offset, usage in ((40, [10, 30]), (50, [20, 40]), (125, [50, 70]), (199, [1, 1])):
        report(store, "host:0", base + offset, cpu_usage=usage, memory_free=offset)
    report(store, "host:1", base + 40, cpu_usage=[5])
    found = statistics(
        call, {"key": "cpu_usage"}, {"key": "memory_free", "aggregation": "max"}, from_date=base, to_date=base + 199
    )
    (usage,) = found["host:0", "cpu_usage"]
    assert usage == {
        "aggregation": "avg",
        "dates": [(base + slot) * 1000 for slot in (40, 80, 120)],
        "values": [25.0, 0, 60.0],
    }, "and what began at 160 is not over"
    assert found["host:0", "memory_free"][0]["values"] == [50.0, 0, 125.0]
    assert found["host:1", "cpu_usage"][0]["values"] == [5.0]
    (split,) = statistics(
        call, {"key": "cpu_usage", "aggregation": "min"}, split_by_resource=True, worker_ids=["host:0"], from_date=base
    )["host:0", "cpu_usage"]
    assert split["resource_series"][1] == {"name": "1", "values": [30.0, 0, 70.0, 1.0]}


def test_odd_statistics_do_not_cost_the_others(call, store):
    odd = {"cpu_usage": [None, "x", True, 5.0], "gpu_usage": {"a": 1}, "Bad Key": 1, "memory_free": float("nan")}
    report(store, "host:0", START + 1, **odd, disk_read=0.5)
    keys = call("workers.get_metric_keys", worker_ids=["host:0"])["categories"]
    assert keys == [{"name": "cpu", "metric_keys": ["cpu_usage"]}, {"name": "disk", "metric_keys": ["disk_read"]}]
    assert call("workers.get_metric_keys", worker_ids=["host:9"])["categories"] == []
    (usage,) = statistics(call, {"key": "cpu_usage"}, split_by_resource=True)["host:0", "cpu_usage"]
    assert usage["values"] == [5.0] and usage["resource_series"] == [{"name": "3", "values": [5.0]}]
    assert refusal(call, "workers.get_stats", items=[{"key": "x'"}], from_date=0, to_date=1, interval=1) == (400, 12)
    assert refusal(call, "workers.get_stats", items=[], from_date=2, to_date=1, interval=1) == (400, 12)


def test_the_activity_report_counts_workers_and_those_with_a_task(call, store):
    task = make_running_task(store)
    base = START // 60 * 60
    for worker, at, busy in (("a:0", 0, True), ("a:0", 10, False), ("b:0", 0, False), ("b:0", 120, True)):
        body = {"worker": worker, "timestamp": (base + at) * 1000, **({"task": task} if busy else {})}
        workers.report(store, body, store.owner, float(base + at))
    found = call("workers.get_activity_report", from_date=base, to_date=base + 180, interval=60)
    assert found["total"] == {"dates": [(base + at) * 1000 for at in (0, 60, 120)], "counts": [2, 0, 1]}
    assert found["active"]["counts"] == [1, 0, 1]


def test_a_year_by_the_second_is_thinned_and_old_reports_go(call, store):
    for age in (40 * 86400, 1):
        report(store, "host:0", START - age, cpu_usage=[1])
    report(store, "host:0", START, cpu_usage=[1])
    assert store.db.connection.execute("SELECT count(*) FROM worker_reports").fetchone()[0] == 2
    (usage,) = statistics(call, {"key": "cpu_usage"}, from_date=0, to_date=START + 10**6, interval=1)[
        "host:0", "cpu_usage"
    ]
    assert len(usage["dates"]) == 1
