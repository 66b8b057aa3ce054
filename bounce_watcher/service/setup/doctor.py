"""Checks whether everything that a configuration names can be reached and used, and says what to do if not.

Only looks: it makes no folder, changes no table, sends no webhook. The one exception is a mail that it puts into each
folder for settled mail and takes out again, if the server can take out just that one.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.ledger.db.migrate import NewerSchema
from bounce_watcher.ledger.db.modes import exposures, sqlite_file
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxState
from bounce_watcher.model.schema import SchemaMismatch
from bounce_watcher.outbox.http.client import HttpClient, new_place, transport_to
from bounce_watcher.outbox.http.exchange import Reply, Request, one_line
from bounce_watcher.outbox.notifier import Notifier, understood
from bounce_watcher.outbox.opening import Receiver, channel_to
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.webhook.target import WebhookTarget
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.setup import mailbox_doctor
from bounce_watcher.service.setup.mailbox_doctor import Check
from bounce_watcher.words import differences, risk

CLOCK_TOLERANCE = timedelta(seconds=60)
"""Receivers refuse a signature whose timestamp is five minutes off; a minute is worth fixing."""

DEAD_COUNTED = 1000
"""How many dead letters are counted at most: the list may be long."""

FIXES: Mapping[AboutKind, str] = {
    AboutKind.MAILBOX: "check host, port and security, and that the server is up and reachable from here",
    AboutKind.ANALYSIS: "see that this machine has memory and processes left",
    AboutKind.DATABASE: "check url under [database], and that the server is up and reachable from here",
    AboutKind.SCHEMA: "bounce-watcher db upgrade",
    AboutKind.WEBHOOK: "check url, ca_file, and that the platform is up and reachable from here",
    AboutKind.PLATFORM: "check the keys of its table, and that it is up and reachable from here",
    AboutKind.NOTIFIER: "check its url, and that the mail server or chat is up and reachable from here",
}
"""For failures that carry no fix of their own."""


def examine(settings: Settings) -> Iterator[Check]:
    """Yields every check as it is made. A server that hangs costs its time-out. Never raises a BounceWatcherError."""
    yield from _configuration(settings)
    tokens, skews = TokenStore(), list[timedelta]()
    yield from _survived(About(AboutKind.ANALYSIS), _analysis(settings))
    yield from _survived(About(AboutKind.DATABASE), _database(settings))
    for account in settings.mailboxes:
        yield from _survived(account.about, mailbox_doctor.examine(account, tokens))
    for target in settings.webhooks:
        yield from _survived(target.about, _webhook(target, skews.append))
    for platform in settings.platforms:
        yield from _survived(platform.about, _platform(platform))
    for notifier in settings.notifiers:
        yield from _survived(notifier.about, _notifier(notifier))
    yield _clock(skews)


def _survived(about: About, checks: Iterator[Check]) -> Iterator[Check]:
    """Yields the checks. A failure ends them with a check that failed."""
    try:
        yield from checks
    except BounceWatcherError as failure:
        yield _failed(about, failure)


def _failed(about: About, failure: BounceWatcherError) -> Check:
    detail = failure.problem if failure.about == about else failure.headline
    return Check(str(about), False, detail, failure.fix or FIXES[about.kind])


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────

def _configuration(settings: Settings) -> Iterator[Check]:
    for warning in settings.warnings:
        yield Check("configuration", True, warning.problem, warning.fix)
    has_key = bool(settings.attribution.token_keys)
    if told := risk.risk(settings.policy, has_key=has_key):
        yield Check("proof", True, told, risk.remedy(has_key=has_key))
    if not settings.mailboxes:
        yield Check("configuration", False, "no [[mailbox]]: nothing is watched", "add one to the configuration")
    if not settings.targets:
        yield Check("configuration", True, "no [[webhook]] and no [[platform]]: nobody is told of suppressions",
                    "add one, or ask the ledger with `bounce-watcher suppressions list`")


# ── analysis ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _analysis(settings: Settings) -> Iterator[Check]:
    """Checks the analysis. A missing protection is no failure: mail is analysed all the same."""
    with Analyser(settings.attribution, 1, rules=settings.rules) as analyser:
        held, missing = analyser.protections().described()
    if missing:
        yield Check("analysis", True, f"processes that read mail have {held}; not in force: {missing}",
                    "Linux 5.13 or newer has Landlock and seccomp; a container's own profile must not forbid them")
    else:
        yield Check("analysis", True, f"processes that read mail have {held}")


# ── the database ────────────────────────────────────────────────────────────────────────────────────────────────────

def _database(settings: Settings) -> Iterator[Check]:
    url = settings.database_url.get_secret_value()
    for exposure in exposures(url):
        yield Check("database", not exposure.can_change, exposure.detail, exposure.fix)
    path = sqlite_file(url)
    if path is not None and not path.exists():
        yield _new_file(path)
        return
    with Ledger.connect(url) as ledger:
        yield Check("database", True, "connected")
        yield from _schema(ledger)


def _new_file(path: Path) -> Check:
    folder = path.parent
    if not folder.is_dir():
        return Check("database", False, f"{folder}: no such folder", f"create it: mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("database", False, f"{folder}: this user may not write there",
                     "give it to the user that the service runs as")
    return Check("database", True, f"{path} is not there yet; the first poll makes it")


def _schema(ledger: Ledger) -> Iterator[Check]:
    try:
        additions = ledger.check()
    except NewerSchema as failure:
        yield _failed(About(AboutKind.SCHEMA), failure)
        return
    except SchemaMismatch as failure:
        for each in failure.differences:
            yield Check("schema", False, differences.problem(each), differences.fix(each) or failure.fix)
        return
    except BounceWatcherError as failure:
        yield Check("schema", True, failure.headline, "nothing: the next poll does so by itself")
        return
    yield Check("schema", True, "the tables are those of this version")
    for each in additions:
        yield Check("schema", True, differences.addition(each))
    for target, why in ledger.lists.disabled_endpoints().items():
        yield Check(f"webhook {target}", False, f"disabled: {why}", f"bounce-watcher outbox retry --target {target}")
    for target, pause in ledger.outbox.paused().items():
        why = f"paused since {pause.at:%Y-%m-%d %H:%M} UTC by {pause.by}: {pause.because}; it is told nothing"
        yield Check(f"target {target}", True, why, f"bounce-watcher outbox resume {target}")
    dead = sum(1 for _ in ledger.lists.outbox(OutboxFilter(OutboxState.DEAD, limit=DEAD_COUNTED)))
    if dead:
        advice = "look at them with `bounce-watcher outbox list --state dead`, then `outbox retry`"
        yield Check("outbox", True, f"{dead} dead letters", advice)


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _webhook(target: WebhookTarget, note_skew: Callable[[timedelta], None]) -> Iterator[Check]:
    """Sends HEAD, which no receiver takes for an event, over the same route as webhooks.

    Calls `note_skew` with how far our clock is ahead of the answering server's, if that tells its time.
    """
    with closing(HttpClient(transport_to(target), target.timeout)) as client:
        reply = client.exchange(Request("HEAD", target.url, hides=target.hides))
    with suppress(ValueError, TypeError):  # no date (RFC 9110 section 6.6.1), an invalid one, or one without a zone
        note_skew(utcnow() - parsedate_to_datetime(reply.headers.get("date", "")))
    if reply.status:
        yield _answered(target, reply)
        return
    problem, fix = (reply.failure.problem, reply.failure.fix) if reply.failure else (reply.text, "")
    yield Check(target.label, False, f"{target.shown_url}: {problem}", fix or FIXES[AboutKind.WEBHOOK])


_ANSWERS: Mapping[int, tuple[bool, str]] = {
    401: (True, "it asks for a log-in: webhooks carry a signature and no other; make sure that POST is open to them"),
    403: (True, "it refuses HEAD: make sure that POST is open to webhooks"),
    404: (True, "check the path in url, unless the platform answers 404 to all but POST, as some do"),
    410: (False, "410 is how a receiver says that it wants no more: set url to the new place"),
}


def _answered(target: WebhookTarget, reply: Reply) -> Check:
    name, status = target.label, reply.status or 0
    detail = f"{target.shown_url} answers HTTP {status} to HEAD"
    if 300 <= status < 400 and "location" in reply.headers:
        return Check(name, False, f"{detail}: a redirect is not followed",
                     f"set url to {one_line(new_place(reply.headers['location'], target.hides))}")
    ok, fix = _ANSWERS.get(status, (status < 500 or status == 501, ""))
    if not ok and not fix:
        fix = "the platform is up but has trouble: look at its log"
    return Check(name, ok, detail if fix or status < 300 else f"{detail}, which webhooks do not use: it is there",
                 fix)


# ── platforms ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _platform(platform: Platform) -> Iterator[Check]:
    """Makes a harmless call that shows whether we may use the platform."""
    with closing(channel_to(platform)) as channel:
        attempt = channel.test(utcnow())
    if attempt.disposition is Disposition.DELIVERED:
        reads = "its list can be read" if platform.lists else f"a {platform.kind} lets nobody read its list"
        yield Check(platform.label, True, f"{platform.kind}: {attempt.answer or 'it is there'}; {reads}")
    else:
        yield Check(platform.label, False, *explained(platform, attempt))


# ── notifiers ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _notifier(notifier: Notifier) -> Iterator[Check]:
    """Checks the notifier's URL. Sends nothing: that is for `outbox test`."""
    understood(notifier)
    yield Check(notifier.label, True, f"told of {', '.join(sorted(notifier.alerts))}: its URL is understood",
                f"bounce-watcher outbox test {notifier.name}")


# ── what a test was answered ────────────────────────────────────────────────────────────────────────────────────────

_ANSWERS_OF_PLATFORM: Mapping[int, str] = {
    2: "check url: what answers there is not the API of a {kind}",
    3: "set url to the new place",
    4: "check the keys of its table against what stands at the platform",
    5: "nothing here: it has trouble of its own; what waits goes out when that is over",
    401: "check its key: it is wrong, has run out, or belongs to another account or region (url)",
    403: "give its key the rights that the page on {kind} names, or let this machine's address in",
    404: "check url, and that what its table names is there at the platform",
    429: "nothing: it asks to be called less; set rate if it stays so",
}
_ANSWERS_OF_WEBHOOK: Mapping[int, str] = {
    3: "set url to the new place",
    4: "look at the receiver's log: it refuses what is sent to it",
    5: "the receiver has trouble: look at its log",
    400: "look at the receiver's log: most likely it verifies with another secret",
    401: "let POST through without a log-in: webhooks carry a signature and no other",
    403: "let POST through: webhooks carry a signature and no other",
    404: "check the path in url",
    410: "it wants no more: set url to the new place",
}
"""Advice by status, else by its first digit. `kind` is the platform's."""


def explained(target: Receiver, attempt: Attempt) -> tuple[str, str]:
    """Returns what a target that did not take a test answered, and the fix."""
    if attempt.failure is not None:
        return attempt.failure.problem, attempt.failure.fix or FIXES[target.about.kind]
    status = attempt.status
    if status is None:
        return attempt.answer, FIXES[target.about.kind]
    if isinstance(target, Platform):
        told = _ANSWERS_OF_PLATFORM.get(status) or _ANSWERS_OF_PLATFORM[status // 100]
        return attempt.answer, told.format(kind=target.kind)
    return attempt.answer, _ANSWERS_OF_WEBHOOK.get(status) or _ANSWERS_OF_WEBHOOK[status // 100]


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _clock(skews: list[timedelta]) -> Check:
    now = f"{utcnow():%Y-%m-%dT%H:%M:%SZ}"
    if not skews:
        return Check("clock", True, f"{now}; no server told its time to compare with",
                     "keep it synchronised (timedatectl): receivers refuse signatures that are minutes off")
    skew = min(skews, key=abs)
    if abs(skew) <= CLOCK_TOLERANCE:
        return Check("clock", True, f"{now}, as the webhook's server says")
    side = "ahead of" if skew > timedelta(0) else "behind"
    return Check("clock", False, f"{now} is {abs(skew).total_seconds():.0f} s {side} the webhook's server",
                 "synchronise it (timedatectl set-ntp true): receivers refuse signatures that are minutes off")
