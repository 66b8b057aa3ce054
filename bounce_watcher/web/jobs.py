"""Tasks that take longer than a browser waits: they run beside the request and have a page of their own.

Only this process knows the running tasks. If it ends amid one, what was done stays done, and the person asks again.
When the service stops, a task ends before its next step and logs how far it came.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException

from bounce_watcher.logs import log
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.neutral import for_page

WAITS = 2.0
"""Seconds that the request waits for the end of a task: most tasks end within it."""
STOPS_WITHIN = 5.0
"""Seconds that running steps have when the service stops. Each is a transaction: if cut off, it has done nothing."""
_KEPT = 100
"""The most finished tasks that are remembered."""


@dataclass(frozen=True, slots=True)
class Work:
    """A task that a person asked for, and its progress: `done` is a count that `so_far` puts in words.

    When it is over, it `leads_to` the page that shows its outcome. If it broke off, `trouble` says why. `again` is the
    address that asks for it again; it also distinguishes it from other tasks on the same subject.
    """

    title: str
    so_far: Callable[[int], str]
    leads_to: str
    again: str
    done: int = 0
    is_over: bool = False
    trouble: str | None = None


class Stopped(Exception):
    """The service is stopping: no further step may begin."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The callbacks of a task. It reports to `advance` how much more is done, and calls `step` before each long step.

    `step` raises Stopped, which ends the task.
    """

    advance: Callable[[int], None]
    step: Callable[[], None]


Run = Callable[[JobProgress], None]


class JobRunner:
    """The tasks of one service, each in its own thread; at most one per subject at a time. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._by_name: dict[str, Work] = {}
        self._is_stopping = False

    def of(self, name: str) -> Work | None:
        with self._changed:
            return self._by_name.get(name)

    def under_way(self, subject: str, again: str) -> str | None:
        """Returns the page of the task that runs on the subject; None if none runs.

        Raises HTTPException 409 if the running task is not the one asked for at `again`.
        """
        with self._changed:
            return self._page_of(_name(subject), again)

    def start(self, subject: str, work: Work, run: Run) -> str:
        """Starts the task unless it already runs, and waits a little for its end.

        Returns the path to go to: the outcome, or the page of the task if it still runs or broke off.
        Raises HTTPException 409 if another task runs on the subject.
        """
        name = _name(subject)
        with self._changed:
            if page := self._page_of(name, work.again):
                return page
            over = [each for each, work in self._by_name.items() if work.is_over]
            for each in (name, *over[: max(0, len(over) - _KEPT + 1)]):
                self._by_name.pop(each, None)
            self._by_name[name] = work
            # A daemon thread, because a task must never keep the process alive: it is cut off between or amid
            # transactions.
            threading.Thread(target=self._do, args=(name, run), name="work", daemon=True).start()
            self._changed.wait_for(lambda: not self._is_under_way(name), WAITS)
            now = self._by_name[name]
        return work.leads_to if now.is_over and now.trouble is None else _page(name)

    def stop(self) -> None:
        """Keeps tasks from beginning a further step. Waits a little for the steps that run."""
        with self._changed:
            self._is_stopping = True
            self._changed.wait_for(lambda: not any(map(self._is_under_way, self._by_name)), STOPS_WITHIN)
            left = [each for each in self._by_name.values() if not each.is_over]
        for each in left:
            log.warning("work was cut off amid a step", action="work_cut_off", work=each.title, done=each.done)

    def _page_of(self, name: str, again: str) -> str | None:
        if not self._is_under_way(name):
            return None
        work = self._by_name[name]
        if work.again != again:
            raise HTTPException(409, f"{work.title} is in progress: nothing was started. Try again when it is done.")
        return _page(name)

    def _is_under_way(self, name: str) -> bool:
        return name in self._by_name and not self._by_name[name].is_over

    def _do(self, name: str, run: Run) -> None:
        trouble: str | None = "internal error; see the service log"
        try:
            run(JobProgress(lambda more: self._advance(name, more), self._step))
            trouble = None
        except Stopped:
            trouble = "the service was stopped"
        except (TemporaryFailure, PermanentFailure) as failure:
            trouble = for_page(str(failure)[:300])
        except Exception as error:
            log.error("work crashed", action="work_crashed", exc_info=error)
        finally:
            with self._changed:
                ended = self._by_name[name] = replace(self._by_name[name], is_over=True, trouble=trouble)
                self._changed.notify_all()
            if trouble is not None:
                log.warning("work broke off", action="work_failed", work=ended.title, done=ended.done, trouble=trouble)

    def _advance(self, name: str, more: int) -> None:
        with self._changed:
            before = self._by_name[name]
            self._by_name[name] = replace(before, done=before.done + more)

    def _step(self) -> None:
        if self._is_stopping:
            raise Stopped


def _name(subject: str) -> str:
    """Returns the name of a subject for links; the subject itself may be long."""
    return hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()[:32]


def _page(name: str) -> str:
    return f"/working/{name}"
