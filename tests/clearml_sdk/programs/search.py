"""A grid search of four trials over a base task, run here."""

from pathlib import Path

from answer import answer
from clearml import Task
from clearml.automation import DiscreteParameterRange, GridSearch, HyperParameterOptimizer

base = Task.create(
    project_name="search",
    task_name="base",
    script=str(Path("trial.py").absolute()),
    packages=[],
    force_single_script_file=True,
)
base.set_parameters({"Args/x": 0, "Args/y": 0})
task = Task.init("search", "the search", task_type=Task.TaskTypes.optimizer)
optimizer = HyperParameterOptimizer(
    base_task_id=base.id,
    hyper_parameters=[DiscreteParameterRange("Args/x", [0, 1]), DiscreteParameterRange("Args/y", [0, 3])],
    objective_metric_title="score",
    objective_metric_series="value",
    objective_metric_sign="max",
    optimizer_class=GridSearch,
    max_number_of_concurrent_tasks=2,
    total_max_jobs=4,
    pool_period_min=0.02,
    spawn_project="search/trials",
)
optimizer.set_report_period(0.02)
optimizer.start_locally()
optimizer.wait()
best = optimizer.get_top_experiments(top_k=4)
optimizer.stop()
answer(
    task=task.id,
    base=base.id,
    order=[found.id for found in best],
    parameters=[found.get_parameters() for found in best],
    scores=[found.get_last_scalar_metrics()["score"]["value"]["last"] for found in best],
)
