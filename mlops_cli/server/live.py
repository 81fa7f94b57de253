"""Waiting for something to happen to a task, a queue or whatever has a name: what long polling is made of.

Writers in this process wake the waiters at once. Others write to the same store, too (the command line of the
server's own machine), so a waiter looks for itself now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

LOOK_S = 1.0
"""So often a waiter looks for what other processes wrote."""

MAX_WAIT_S = 50.0
"""Longer waits are cut: proxies give up after a minute."""

QUEUES = "queues"
"""The one name for whatever comes into a queue: a request often does not say into which, and to look is cheap."""

Json = dict[str, Any]


class Wait(NamedTuple):
    """How a call can wait: for news of whom, and which answers are worth waiting on."""

    names: Callable[[Json], Iterable[str]]
    is_empty: Callable[[Json], bool]


WAITS: dict[str, Wait] = {
    "events.get_console": Wait(
        lambda body: [str(body.get("task"))], lambda data: not (data["chunks"] or data["ended"])
    ),
    "events.get_task_log": Wait(lambda body: [str(body.get("task"))], lambda data: not data["events"]),
    "queues.get_next_task": Wait(lambda body: [QUEUES], lambda data: not data),
}
"""The calls that take `wait_s`: they answer as soon as they have something to say, or when the time is over."""


def changed(endpoint: str, body: Json) -> Iterable[str]:
    """The names that a call which succeeded has news of."""
    service, _, action = endpoint.partition(".")
    if service == "events" and action.startswith("add"):
        lines = body.get("events") if action == "add_batch" else (body,)
        return {str(line.get("task")) for line in lines or () if isinstance(line, dict)}
    if endpoint in ("tasks.enqueue", "tasks.enqueue_many", "queues.add_task"):
        return {QUEUES, str(body.get("task"))}
    if service == "tasks" and not action.startswith("get_"):
        return {str(body["task"])} if "task" in body else ()
    return ()


class Live:
    """Waiters by name. For one event loop; `notify` may be called from its thread only."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._is_stopping = False

    def notify(self, names: Iterable[str]) -> None:
        for name in names:
            for event in self._waiters.get(name, ()):
                event.set()

    def stop(self) -> None:
        """Lets everybody go: the server is about to end."""
        self._is_stopping = True
        self.notify(list(self._waiters))

    async def repeat(
        self, endpoint: str, body: Json, call: Callable[[], Any], hung_up: Callable[[], Awaitable[None]]
    ) -> Json:
        """The answer of `call`, called again after news until it is not empty or `wait_s` is over.

        `hung_up` raises once nobody waits for the answer any more: what is taken from a queue must not be lost with it.
        """
        wait = WAITS.get(endpoint)
        limit = body.get("wait_s")
        if wait is None or isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
            found: Json = await call()
            return found
        loop = asyncio.get_running_loop()
        end = loop.time() + min(float(limit), MAX_WAIT_S)
        event, names = asyncio.Event(), list(wait.names(body))
        gone = asyncio.ensure_future(hung_up())
        for name in names:
            self._waiters.setdefault(name, set()).add(event)
        try:
            while True:
                event.clear()
                answer: Json = await call()
                left = end - loop.time()
                if not wait.is_empty(answer) or left <= 0 or self._is_stopping:
                    return answer
                news = asyncio.ensure_future(event.wait())
                await asyncio.wait({news, gone}, timeout=min(left, LOOK_S), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if gone.done():
                    gone.result()
        finally:
            if not gone.cancel():
                gone.exception()
            for name in names:
                self._waiters[name].discard(event)
                if not self._waiters[name]:
                    del self._waiters[name]
