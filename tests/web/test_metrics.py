"""What Prometheus reads: names, labels and figures, judged by its own parser and its own tool."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, Attempt, Disposition
from bounce_watcher.outbox.webhook.target import WebhookTarget
from bounce_watcher.policy.guards.limits import GuardSettings
from bounce_watcher.policy.settings import Mode, PolicySettings
from bounce_watcher.service.state import Counts, MailboxState, What, expect
from bounce_watcher.web.http import metrics
from tests.ledger.making import LEASE, Platform, bounce, day, mail, page, record
from tests.servers.promtool import promtool
from tests.troubles import failed
from tests.web.conftest import NOON, TOKEN, Web

Make = Callable[..., Web]
Read = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
MINUTE = timedelta(minutes=1)
RETURNS = ImapAccount("returns", "127.0.0.1", 9, Security.NONE, "bounces")
SHOP = WebhookTarget("shop", "https://shop.example.com/bounces", (SecretStr("whsec_x"),))


@pytest.fixture
def at(web: Make, monkeypatch: pytest.MonkeyPatch) -> Web:
    """One mailbox, one target, and it is noon."""
    made = web()
    made.settings = replace(made.settings, mailboxes=(RETURNS,), webhooks=(SHOP,))
    counts = Counts()
    expect(counts, made.settings)
    made.standing = replace(
        made.standing, mailboxes=(MailboxState("returns", "INBOX", "news"),), counted=counts.counted()
    )
    monkeypatch.setattr(metrics, "utcnow", lambda: NOON)
    return made


def read(at: Web) -> Read:
    answer = at.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text) for sample in family.samples
    }


def of(figures: Read, name: str, **labels: str) -> float | None:
    return figures.get((f"bounce_watcher_{name}", frozenset(labels.items())))


def mailbox_of(at: Web, **changes: object) -> None:
    [mailbox] = at.standing.mailboxes
    at.standing = replace(at.standing, mailboxes=(replace(mailbox, **changes),))  # type: ignore[arg-type]


# ── who may read, and how ───────────────────────────────────────────────────────────────────────────────────────────

def test_it_asks_for_the_token(web: Make) -> None:
    at = web(TOKEN)
    assert at.get("/metrics").status_code == 401
    assert at.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_openmetrics_where_it_is_asked_for(at: Web) -> None:
    answer = at.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert names >= {"bounce_watcher_messages", "bounce_watcher_build_info"}


def test_names_and_units_are_as_prometheus_wants_them(at: Web) -> None:
    assert promtool("check", "metrics", stdin=at.get("/metrics").text) == ""


# ── mailboxes ───────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_mailbox_that_has_not_been_read_yet(at: Web) -> None:
    figures = read(at)
    assert of(figures, "mailbox_up", mailbox="returns") == 0
    assert of(figures, "mailbox_lag_seconds", mailbox="returns") == 0
    assert of(figures, "mailbox_last_read_timestamp_seconds", mailbox="returns") is None


def test_a_mailbox_that_is_behind(at: Web) -> None:
    mailbox_of(at, last_read_at=NOON - MINUTE, pass_seconds=2.5, waiting=41, oldest_waiting_at=NOON - 18 * MINUTE,
               newest_at=NOON, moved_at=NOON - MINUTE)
    figures = read(at)
    assert of(figures, "mailbox_up", mailbox="returns") == 1
    assert of(figures, "mailbox_waiting_messages", mailbox="returns") == 41
    assert of(figures, "mailbox_lag_seconds", mailbox="returns") == 18 * 60
    assert of(figures, "mailbox_last_pass_duration_seconds", mailbox="returns") == 2.5
    assert of(figures, "mailbox_last_read_timestamp_seconds", mailbox="returns") == (NOON - MINUTE).timestamp()
    assert of(figures, "mailbox_last_progress_timestamp_seconds", mailbox="returns") == (NOON - MINUTE).timestamp()
    assert of(figures, "mailbox_newest_message_timestamp_seconds", mailbox="returns") == NOON.timestamp()


def test_a_mailbox_that_nothing_comes_to_any_more(at: Web) -> None:
    mailbox_of(at, last_read_at=NOON - MINUTE)
    assert of(read(at), "mailbox_quiet", mailbox="returns") is None, "nothing is known of it"


def test_a_mailbox_is_quiet_from_more_than_its_usual_pause_on(at: Web) -> None:
    mailbox_of(at, last_read_at=NOON - MINUTE)
    record(at.ledger, [
        mail(digest=f"m{hours}", kind=Kind.OTHER, at=NOON - timedelta(hours=hours)) for hours in range(24, 24 * 20, 6)
    ])
    figures = read(at)
    assert of(figures, "mailbox_quiet", mailbox="returns") == 1
    assert of(figures, "mailbox_longest_pause_seconds", mailbox="returns") == 6 * 3600


def test_of_what_came_after_a_mailbox_was_read_nobody_knows(at: Web) -> None:
    mailbox_of(at, last_read_at=NOON - timedelta(hours=12))
    record(at.ledger, [
        mail(digest=f"m{hours}", kind=Kind.OTHER, at=NOON - timedelta(hours=hours)) for hours in range(24, 24 * 20, 6)
    ])
    assert of(read(at), "mailbox_quiet", mailbox="returns") == 0


def test_mail_from_the_future_makes_no_negative_lag(at: Web) -> None:
    mailbox_of(at, waiting=1, oldest_waiting_at=NOON + MINUTE)
    assert of(read(at), "mailbox_lag_seconds", mailbox="returns") == 0


def test_trouble_and_a_starving_watchdog(at: Web) -> None:
    since = NOON - MINUTE
    at.standing = replace(at.standing, mode=Mode.SHADOW, troubles={LEDGER: failed("away", since)})
    mailbox_of(at, last_read_at=NOON, trouble=failed("refused", since))
    figures = read(at)
    assert of(figures, "mailbox_up", mailbox="returns") == 0
    assert of(figures, "trouble_start_time_seconds", about="ledger") == since.timestamp()
    assert (of(figures, "watchdog_starving"), of(figures, "enforcing")) == (0, 0)
    mailbox_of(at, trouble=None, stopped=True)
    figures = read(at)
    assert of(figures, "mailbox_up", mailbox="returns") == 0
    assert of(figures, "mailbox_stuck", mailbox="returns") == of(figures, "watchdog_starving") == 1


# ── what was done ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_counters(at: Web) -> None:
    counts = Counts()
    expect(counts, at.settings)
    counts.add(What.MESSAGES, "returns", "bounce", number=7)
    counts.add(What.FILED, "returns", "review", number=2)
    counts.add(What.VERDICTS, "hard", "invalid_recipient")
    counts.add(What.TRIES, "shop", "dead")
    counts.add(What.PASSES, "returns", "read", number=2)
    counts.add(What.PASS_SECONDS, "returns", number=3.5)
    at.standing = replace(at.standing, counted=counts.counted())
    figures = read(at)
    assert of(figures, "messages_total", mailbox="returns", kind="bounce") == 7
    assert of(figures, "messages_total", mailbox="returns", kind="other") == 0
    assert of(figures, "messages_filed_total", mailbox="returns", place="review") == 2
    assert of(figures, "messages_filed_total", mailbox="returns", place="processed") == 0
    assert of(figures, "verdicts_total", type="hard", reason="invalid_recipient") == 1
    assert of(figures, "verdicts_total", type="complaint", reason="") == 0
    assert of(figures, "deliveries_total", target="shop", outcome="dead") == 1
    assert of(figures, "passes_total", mailbox="returns", outcome="failed") == 0
    assert of(figures, "pass_duration_seconds_count", mailbox="returns") == 2
    assert of(figures, "pass_duration_seconds_sum", mailbox="returns") == 3.5


# ── what stands in the ledger ───────────────────────────────────────────────────────────────────────────────────────

def test_suppressions_and_outbox(at: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(read(at), "outbox_due", target="shop") == 0, "a target that was never told anything"
    for n in range(3):
        record(at.ledger, page(bounce(f"m{n}", f"u{n}@example.org", at=day(n))),
               Platform(targets=("shop",), now=NOON - timedelta(minutes=3 - n)))
    [item] = at.ledger.outbox.lease("shop", NOON, LEASE, 1)
    at.ledger.outbox.conclude([(item, Attempt(Disposition.DEAD, "400"))], NOON)
    assert of(read(at), "suppressions", state="suppressed") == 0, "counted a moment ago"
    later = NOON + metrics.FRESH
    monkeypatch.setattr(metrics, "utcnow", lambda: later)
    figures = read(at)
    assert of(figures, "suppressions", state="suppressed") == 3
    assert of(figures, "suppressions", state="pending") == 0
    assert of(figures, "outbox_due", target="shop") == 2
    assert of(figures, "outbox_dead", target="shop") == 1
    assert of(figures, "outbox_oldest_due_seconds", target="shop") == 2 * 60 + metrics.FRESH.total_seconds()
    assert of(figures, "outbox_disabled", target="shop") == of(figures, "outbox_paused", target="shop") == 0
    at.ledger.outbox.pause("shop", Actor("petra", NOON, "moves"))
    later += metrics.FRESH
    assert of(read(at), "outbox_paused", target="shop") == 1


def test_alerts_and_the_guard(at: Web) -> None:
    figures = read(at)
    assert of(figures, "alerts", kind="outage") == of(figures, "alerts", kind="endpoint") == 0
    assert [of(figures, "guard_state", state=state) for state in ("off", "watching", "holding")] == [0, 1, 0]
    at.settings = replace(at.settings, policy=PolicySettings(guard=GuardSettings(enabled=False)))
    assert [of(read(at), "guard_state", state=state) for state in ("off", "watching", "holding")] == [1, 0, 0]


def test_a_ledger_that_is_away_hides_nothing_else(at: Web) -> None:
    with open_engine(at.settings.database_url.get_secret_value()).begin() as connection:
        connection.execute(text("DROP TABLE outbox"))
    figures = read(at)
    assert of(figures, "ledger_up") == 0
    assert of(figures, "outbox_due", target="shop") is None
    assert of(figures, "mailbox_up", mailbox="returns") == 0


def test_no_figure_tells_an_address(at: Web) -> None:
    by = Actor("jo", datetime(2026, 3, 1, tzinfo=UTC), "asked")
    at.ledger.suppressions.suppress("someone@example.org", "news", by, announce=Platform(targets=("shop",)))
    assert "@" not in at.get("/metrics").text
