"""What is done beside a request: told while it goes on and where it broke off, once on a subject, and safe to stop."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.suppressions import suppressions
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.ledger import State
from bounce_watcher.web import jobs
from bounce_watcher.web.jobs import JobProgress, JobRunner, Work
from bounce_watcher.web.server import serving
from tests.servers.processes import free_port
from tests.web.conftest import BEARER, TOKEN, Web, await_works
from tests.web.looked_at import demand_harmless
from tests.web.looking import form_of, links
from tests.web.looking import words as said
from tests.web.test_incidents import desk, path_of  # noqa: F401 - a fixture

HELD = 60
BATCH = 20
FILTER = "/recipients/release?domain=gmail.com&state=pending"


@dataclass
class Slowly:
    """The ledger's own work on many, held up once so many outcomes were told, until `go_on`; or broken off there."""

    after: int
    failure: Exception | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, real: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def work(*arguments: Any, dry_run: bool = False, **more: Any) -> Iterator[Any]:
            outcomes = real(*arguments, dry_run=dry_run, **more)
            return outcomes if dry_run else self._held_up(outcomes)

        return work

    def _held_up(self, outcomes: Iterator[Any]) -> Iterator[Any]:
        for _ in range(self.after):
            yield next(outcomes)
        self.reached.set()
        if self.failure:
            raise self.failure
        assert self.go_on.wait(60)
        yield from outcomes


@dataclass(frozen=True)
class Case:
    path: Callable[[Web], str]
    ledger: str
    action: str
    title: str
    leads_to: Callable[[Web], str]


CASES = {
    "undo": Case(lambda web: f"{path_of(web)}/undo", "undo", "undo", "Undoing for 60 addresses",
                 lambda web: f"{path_of(web)}?done=undo"),
    "release": Case(lambda web: f"{path_of(web)}/release", "rule", "release", "Releasing 60 addresses",
                    lambda web: f"{path_of(web)}?done=release"),
    "confirm": Case(lambda web: f"{path_of(web)}/confirm", "rule", "confirm", "Confirming 60 addresses",
                    lambda web: f"{path_of(web)}?done=confirm"),
    "shown": Case(lambda _: FILTER, "release_all", "release", "Releasing 60 addresses",
                  lambda _: f"{FILTER}&done=release"),
}
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressions, "_UNDO_BATCH", BATCH)
    monkeypatch.setattr(suppressions, "_BATCH", BATCH)


@pytest.fixture
def slow(desk: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Case, Slowly], Slowly]]:  # noqa: F811
    """Makes what a case does slow. Whoever asks for it does not wait."""
    made: list[Slowly] = []

    def slowed(case: Case, how: Slowly) -> Slowly:
        monkeypatch.setattr(jobs, "WAITS", 0.01)
        monkeypatch.setattr(desk.ledger.suppressions, case.ledger, how(getattr(desk.ledger.suppressions, case.ledger)))
        made.append(how)
        return how

    yield slowed
    for each in made:
        each.go_on.set()
    await_works()


Slow = Callable[[Case, Slowly], Slowly]


def held(client: Web) -> int:
    return sum(each.state is State.PENDING for each in client.ledger.lists.suppressions())


def logged(client: Web) -> list[tuple[str, int]]:
    return [(done.action, done.count) for done in client.ledger.log.newest()]


# ── a decision on many ──────────────────────────────────────────────────────────────────────────────────────────────

@EACH
def test_what_takes_long_is_told_on_a_page_until_it_leads_on(desk: Web, slow: Slow, case: Case) -> None:  # noqa: F811
    path, how = case.path(desk), slow(case, Slowly(5))
    form = form_of(desk.get(path).text, because="why")
    under_way = desk.post(path, data=form).headers["location"]
    assert under_way.startswith("/working/")
    assert how.reached.wait(60)
    page = desk.get(under_way)
    demand_harmless(page.text)
    assert f"{case.title}: 5 done." in said(page.text)
    assert page.headers["refresh"] == "5", "it looks again without a script"
    (still,) = links(page.text, f"{under_way}?")
    kept = desk.get(still)
    assert ("refresh" in kept.headers, f"{case.title}: 5 done." in said(kept.text)) == (False, True)
    assert desk.post(path, data=form).headers["location"] == under_way, "a second click"
    assert logged(desk) == [(case.action, BATCH)], "what is done so far"
    how.go_on.set()
    await_works()
    answer = desk.get(under_way)
    assert (answer.status_code, answer.headers["location"]) == (303, case.leads_to(desk))
    assert (held(desk), logged(desk)) == (0, [(case.action, HELD)])
    assert "Why: why" in said(desk.get(answer.headers["location"]).text)


@EACH
def test_what_breaks_off_is_told_and_logged_and_goes_on_where_it_ended(
    desk: Web, slow: Slow, case: Case, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    path, real = case.path(desk), getattr(desk.ledger.suppressions, case.ledger)
    slow(case, Slowly(BATCH, TemporaryFailure("the database <b>cannot</b> be reached")))
    form = form_of(desk.get(path).text, because="why")
    broken = desk.post(path, data=form).headers["location"]
    await_works()
    page = desk.get(broken)
    demand_harmless(page.text)
    assert f"{case.title}: {BATCH} done." in said(page.text)
    assert "Interrupted: the database <b>cannot</b> be reached. Completed changes are kept" in said(page.text)
    assert "refresh" not in page.headers
    assert (held(desk), logged(desk)) == (HELD - BATCH, [(case.action, BATCH)])
    monkeypatch.setattr(desk.ledger.suppressions, case.ledger, real)
    monkeypatch.setattr(jobs, "WAITS", 60)
    (again,) = links(page.text, path.partition("?")[0])
    form = form_of(desk.get(again).text, because="why")
    assert desk.post(again, data=form).headers["location"] == case.leads_to(desk)
    assert (held(desk), logged(desk)) == (0, [(case.action, HELD - BATCH), (case.action, BATCH)])


@EACH
def test_what_broke_off_before_anything_was_done_is_not_logged(desk: Web, slow: Slow, case: Case) -> None:  # noqa: F811
    path = case.path(desk)
    slow(case, Slowly(0, TypeError("Anna <anna@gmail.com>")))
    answer = desk.post(path, data=form_of(desk.get(path).text, because="why"))
    await_works()
    text = desk.get(answer.headers["location"]).text
    assert "internal error; see the service log" in said(text)
    assert "anna@gmail.com" not in text
    assert (held(desk), logged(desk)) == (HELD, [])


def test_about_one_incident_one_thing_is_done_at_a_time(desk: Web, slow: Slow) -> None:  # noqa: F811
    release, confirm = CASES["release"].path(desk), CASES["confirm"].path(desk)
    form = form_of(desk.get(confirm).text, because="other")
    how = slow(CASES["release"], Slowly(5))
    under_way = desk.post(release, data=form_of(desk.get(release).text, because="why")).headers["location"]
    assert how.reached.wait(60)
    answer = desk.post(confirm, data=form)
    assert (answer.status_code, "Releasing 60 addresses is in progress: nothing was started" in answer.text) == (
        409, True
    )
    other = desk.post(FILTER, data=form_of(desk.get(FILTER).text, because="why")).headers["location"]
    assert other != under_way, "about another subject"
    how.go_on.set()
    await_works()
    assert (held(desk), {action for action, _ in logged(desk)}) == (0, {"release"})
    assert desk.get(under_way).headers["location"] == CASES["release"].leads_to(desk)


@EACH
def test_the_end_of_the_service_ends_it_after_the_batch_in_hand(
    desk: Web, slow: Slow, case: Case, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    """What was committed by then is counted to the last, and nothing after that is done."""
    monkeypatch.setattr(jobs, "STOPS_WITHIN", 0.01)
    port, path, how = free_port(), case.path(desk), slow(case, Slowly(5))
    desk.settings = desk.settings.__class__(
        database_url=desk.settings.database_url, web=WebSettings("127.0.0.1", port, SecretStr(TOKEN)),
        policy=desk.settings.policy, webhooks=desk.settings.webhooks,
    )
    with (
        serving(desk.settings, desk.ledger, lambda: desk.stuck, desk.state),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=BEARER, timeout=60) as client,
    ):
        answer = client.post(path, data=form_of(client.get(path).text, because="why"))
        assert answer.headers["location"].startswith("/working/")
        assert how.reached.wait(60)
    assert held(desk) == HELD - BATCH, "the service does not wait for it"
    how.go_on.set()
    await_works()
    assert (held(desk), logged(desk)) == (HELD - BATCH, [(case.action, BATCH)])


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("name", ["none", "0" * 32, quote("<script>", safe="")])
def test_of_what_is_not_known_the_page_says_so(desk: Web, name: str) -> None:  # noqa: F811
    answer = desk.get(f"/working/{name}")
    demand_harmless(answer.text)
    assert (answer.status_code, "refresh" in answer.headers) == (200, False)
    assert "No task running Finished too long ago to show" in said(answer.text)


# ── works ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def work(name: str) -> Work:
    return Work(name, str, f"/{name}", f"/again/{name}")


def test_the_last_hundred_are_remembered() -> None:
    works = JobRunner()
    pages: list[str] = []

    def remember(subject: str) -> Callable[[JobProgress], None]:
        def run(_: JobProgress) -> None:
            page = works.under_way(subject, f"/again/{subject}")
            assert page
            pages.append(page)

        return run

    for number in range(103):
        assert works.start(f"{number}", work(f"{number}"), remember(f"{number}")) == f"/{number}"
    await_works()
    known = [works.of(page.rpartition("/")[2]) for page in pages]
    assert [each is None for each in known] == [True] * 3 + [False] * 100


def test_once_the_service_stops_nothing_begins_a_step() -> None:
    works, done = JobRunner(), list[str]()
    works.stop()

    def run(hand: JobProgress) -> None:
        hand.step()
        done.append("a step")

    page = works.start("late", work("late"), run)
    stopped = works.of(page.rpartition("/")[2])
    assert stopped is not None
    assert (stopped.trouble, stopped.is_over, done) == ("the service was stopped", True, [])


def test_stopping_waits_for_the_step_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WAITS", 0.01)
    monkeypatch.setattr(jobs, "STOPS_WITHIN", 60)
    works, stops = JobRunner(), threading.Event()

    def run(hand: JobProgress) -> None:
        stops.wait(60)
        while True:
            hand.step()

    name = works.start("long", work("long"), run).rpartition("/")[2]
    stopping = threading.Thread(target=works.stop)
    stopping.start()
    stops.set()
    stopping.join(60)
    stopped = works.of(name)
    assert stopped is not None
    assert (stopped.is_over, stopped.trouble) == (True, "the service was stopped")
