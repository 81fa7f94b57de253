"""Reports from the processes that a training forks, and from threads."""

import multiprocessing
import threading

from answer import answer
from clearml import Task


def work(number):
    logger = Task.current_task().get_logger()
    for step in range(50):
        logger.report_scalar("forked", f"child {number}", number + step, step)
    print(f"child {number} says so")
    logger.flush(wait=True)


if __name__ == "__main__":
    task = Task.init("forks", "forking")
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    threads = [threading.Thread(target=work, args=(number,)) for number in (2, 3)]
    for worker in [*children, *threads]:
        worker.start()
    for worker in [*children, *threads]:
        worker.join()
    task.flush(wait_for_uploads=True)
    task.close()
    answer(task=task.id, scalars=Task.get_task(task.id).get_reported_scalars())
