"""What we answer is what real clients can read: our endpoints against those they need, answers against their types."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.errors import MlopsError
from mlops_cli.server.dispatch import ENDPOINTS, dispatch
from mlops_cli.server.store.store import Store

from .walk import lines, walk

NEEDED = """
auth.login auth.validate_token auth.create_credentials auth.get_credentials auth.revoke_credentials
auth.edit_credentials debug.ping server.info users.get_current_user users.get_all users.get_all_ex users.get_by_id
projects.create projects.get_all projects.get_by_id projects.update projects.get_all_ex projects.delete
projects.validate_delete projects.move projects.merge
tasks.create tasks.get_by_id tasks.get_all tasks.edit tasks.set_requirements tasks.started tasks.completed tasks.stopped
tasks.failed tasks.stop tasks.ping tasks.add_or_update_artifacts tasks.delete_artifacts tasks.add_or_update_model
tasks.edit_hyper_params tasks.get_hyper_params tasks.delete_hyper_params tasks.clone tasks.enqueue tasks.dequeue
tasks.reset tasks.delete tasks.publish tasks.get_all_ex tasks.get_by_id_ex tasks.update tasks.update_batch
tasks.validate tasks.get_types tasks.move tasks.update_tags tasks.close tasks.archive tasks.archive_many
tasks.unarchive_many tasks.stop_many tasks.enqueue_many tasks.dequeue_many tasks.reset_many tasks.delete_many
tasks.publish_many tasks.get_configurations tasks.get_configuration_names tasks.edit_configuration
tasks.delete_configuration tasks.delete_models tasks.edit_runtime
events.add_batch events.add events.scalar_metrics_iter_histogram events.get_task_events events.get_task_log
events.get_task_plots events.debug_images events.get_task_single_value_metrics events.get_scalar_metric_data
events.get_task_metrics events.get_multi_task_metrics events.get_scalar_metrics_and_variants
events.multi_task_scalar_metrics_iter_histogram events.scalar_metrics_iter_raw events.get_task_latest_scalar_values
events.get_multi_task_plots events.plots events.download_task_log events.clear_task_log events.delete_for_task
models.create models.edit models.get_by_id models.get_all models.delete models.set_ready models.add_or_update_metadata
models.archive_many models.unarchive_many models.get_all_ex models.get_by_id_ex models.update models.delete_many
models.publish_many models.delete_metadata models.move models.update_tags models.get_frameworks
queues.get_all queues.get_by_id queues.create queues.get_default queues.get_next_task queues.get_num_entries
queues.get_all_ex queues.delete queues.update queues.add_task queues.remove_task queues.clear_queue queues.peek_task
queues.move_task_to_front queues.move_task_to_back queues.move_task_forward queues.move_task_backward
workers.register workers.unregister workers.status_report workers.get_all workers.get_stats workers.get_metric_keys
workers.get_activity_report workers.get_count
"""
"""Every endpoint that the protocol marks with need 1 or 2, but for the two that must be refused."""

REFUSED = ("workers.get_runtime_properties", "workers.set_runtime_properties")

NOT_AS_TYPED = {
    # The open server answers so as well, whatever the package's own class says; nothing in the package calls these.
    "tasks.get_configuration_names": "a list of {task, names}",
    "events.delete_for_task": "a count",
    # A file, not an envelope, once it leaves by HTTP.
    "events.download_task_log": "a text",
}

PROGRAM = Path(__file__).with_name("typed.py")
no_client = pytest.mark.skipif(
    importlib.util.find_spec("clearml") is None, reason="needs clearml: pip install -e '.[test,clearml]'"
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    from mlops_cli.testing.store import temporary_store

    with temporary_store(tmp_path_factory.mktemp("walked")) as store:
        return walk(store)


def test_no_endpoint_that_clients_need_is_missing() -> None:
    assert set(NEEDED.split()) - set(ENDPOINTS) == set()


@pytest.mark.parametrize("endpoint", REFUSED)
def test_what_only_paid_servers_have_is_refused_so_that_agents_stop_asking(store: Store, endpoint: str) -> None:
    with pytest.raises(MlopsError) as caught:
        dispatch(store, endpoint, {"worker": "host:0"})
    assert 400 <= caught.value.http_status < 500


def test_the_walk_leaves_no_endpoint_out(answers: list[tuple[str, dict[str, Any]]]) -> None:
    assert set(ENDPOINTS) - {endpoint for endpoint, _ in answers} == set(), "add a request for it to walk.py"


@no_client
def test_every_answer_passes_the_response_classes_of_the_real_client(answers: list[tuple[str, dict[str, Any]]]) -> None:
    text = "\n".join(lines(answers))
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], input=text, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {name: problem for name, problem in seen["wrong"].items() if name not in NOT_AS_TYPED} == {}
    assert len(seen["known"]) > 110, "the classes were not found"
