"""A pipeline of four steps, run here: three functions, and a clone of a task with another parameter."""

from pathlib import Path

from answer import answer
from clearml import PipelineController, Task


def make(count):
    import numpy as np

    print("making", count)
    return np.arange(int(count))


def square(numbers):
    return [int(number) ** 2 for number in numbers]


def total(numbers, offset=0):
    from clearml import Task

    result = sum(numbers) + int(offset)
    Task.current_task().get_logger().report_single_value("total", result)
    return result


if __name__ == "__main__":
    base = Task.create(
        "pipes", "a trial", script=str(Path("trial.py").absolute()), packages=[], force_single_script_file=True
    )
    base.set_parameters({"Args/x": 0, "Args/y": 0})
    pipe = PipelineController("three steps", "pipes", "1.0", add_pipeline_tags=True, pool_frequency=0.01)
    pipe.add_parameter("count", 4)
    pipe.add_function_step("make", make, {"count": "${pipeline.count}"}, function_return=["numbers"])
    pipe.add_function_step("square", square, {"numbers": "${make.numbers}"}, function_return=["squares"])
    pipe.add_function_step(
        "total",
        total,
        {"numbers": "${square.squares}", "offset": 1},
        function_return=["result"],
        monitor_metrics=[("Summary", "total")],
    )
    pipe.add_step(
        "trial", base_task_id=base.id, parents=["make"], parameter_override={"Args/x": "${pipeline.count}", "Args/y": 3}
    )
    pipe.start_locally(run_pipeline_steps_locally=True)
    pipe.wait()
    steps = {name: node.executed for name, node in pipe.get_processed_nodes().items()}
    statuses = {name: Task.get_task(task_id).status for name, task_id in steps.items()}
    answer(
        pipeline=pipe.id,
        steps=steps,
        statuses=statuses,
        parents={name: Task.get_task(task_id).parent == pipe.id for name, task_id in steps.items()},
        result=Task.get_task(steps["total"]).get_parameters().get("return/result"),
        successful=pipe.is_successful(),
    )
    pipe.stop()
