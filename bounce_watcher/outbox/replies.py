"""What the replies of most HTTP APIs mean for a change. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

from bounce_watcher.model.address import address_key
from bounce_watcher.outbox.backoff import FOR_WHAT_IS_IN_IT, retry_after
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.http.exchange import Conversation, Reply

P = TypeVar("P")
NOT_LISTED = "was not on the list"


def outcome(reply: Reply, now: datetime, size: int = 1, *, as_promised: bool = True) -> Outcome:
    """Returns what one reply means for each of the `size` changes of one call.

    2xx means done, unless it is a web page: then a portal or a proxy answered. `as_promised` says whether the body of
    a success is what the API documents. 400, 413 and 422 are about something in the call: a call with several changes
    is split, a single change is refused. Anything else (no answer, 401, 403, 404, 429, 5xx, a redirect) is about the
    platform as a whole or about our configuration. It passes or someone fixes it, so the change is tried later.
    """
    if reply.ok:
        return garbage(reply) if reply.is_page or not as_promised else done(reply)
    if reply.status in FOR_WHAT_IS_IN_IT:
        return Outcome(Fate.SPLIT if size > 1 else Fate.REFUSED, reply.text)
    return later(reply, now)


def released(reply: Reply, now: datetime, *, as_promised: bool = True) -> Outcome:
    """Returns the same as `outcome`, for a release of the address in the URL: 404 means that it is not on the list."""
    if reply.status == 404:
        return Outcome(Fate.DONE, f"{reply.text or 'HTTP 404'} ({NOT_LISTED})")
    return outcome(reply, now, as_promised=as_promised)


def done(reply: Reply, note: str = "") -> Outcome:
    """Returns the outcome of a success. `note` says what the platform found if nothing had to change."""
    return Outcome(Fate.DONE, f"{reply.text} ({note})" if note else reply.text)


def later(reply: Reply, now: datetime, wait: timedelta | None = None) -> Outcome:
    """Returns an outcome to try the whole platform later, after `wait` or else after its Retry-After."""
    if wait is None and reply.retry_after:
        wait = retry_after(reply.retry_after, now)
    return Outcome(Fate.LATER, reply.text, wait, whole=True)


def limited(found: Outcome, reply: Reply, now: datetime, header: str, *, unix: bool = False) -> Outcome:
    """Returns `found`, but for a 429 without Retry-After the wait that `header` asks for, at most an hour.

    The header has the seconds until the limit ends or, if `unix`, the Unix time of its end.
    """
    reset = reply.headers.get(header, "")
    if reply.status != 429 or reply.retry_after or not (reset.isascii() and reset.isdecimal()):
        return found
    seconds = int(reset[:18]) - (int(now.timestamp()) if unix else 0)
    return later(reply, now, timedelta(seconds=min(max(seconds, 0), 3600)))


def refused(reply: Reply, why: str = "") -> Outcome:
    """Returns a refusal for good: a person has to look. `why` is the cause in our words if the answer gives none."""
    return Outcome(Fate.REFUSED, f"{reply.text}: {why}" if why else reply.text)


def garbage(reply: Reply) -> Outcome:
    """Returns the outcome of a success that does not match the API's documentation: nobody knows what was done."""
    return Outcome(Fate.LATER, f"{reply.text}: the body is not what this API answers", whole=True)


# ── changes of one call ─────────────────────────────────────────────────────────────────────────────────────────────

def for_each(found: Outcome, changes: Sequence[Change]) -> tuple[Outcome, ...]:
    """Returns the same outcome for all changes of one call."""
    return (found,) * len(changes)


def one_by_one(
    act: Callable[[P, Change, datetime], Conversation[Outcome]],
) -> Callable[[P, Sequence[Change], datetime], Conversation[Sequence[Outcome]]]:
    """Turns a method for one change into one for a batch, whose changes are made one after the other."""

    @wraps(act)
    def of_batch(platform: P, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        found = []
        for change in changes:
            one = yield from act(platform, change, now)
            found.append(one)
        return tuple(found)

    return of_batch


def until_failure(steps: Iterable[Conversation[Outcome]]) -> Conversation[Outcome]:
    """Takes `steps` one after the other, until one is not done. Returns the outcome of the last one taken."""
    found = Outcome(Fate.DONE, "")
    for step in steps:
        found = yield from step
        if found.fate is not Fate.DONE:
            break
    return found


def addresses_of(changes: Sequence[Change]) -> list[str]:
    """Returns each recipient once, as written last."""
    return list({address_key(change.recipient): change.recipient for change in changes}.values())


def as_taken(
    changes: Sequence[Change], taken: Iterable[str], reply: Reply, look_up: Conversation[Outcome]
) -> Conversation[Sequence[Outcome]]:
    """Returns the outcomes of a call whose reply names the addresses that were taken.

    An address that is missing is asked for alone; if it was, `look_up` finds out about it.
    """
    keys = {address_key(address) for address in taken}
    missing = Outcome(Fate.SPLIT, f"{reply.text}: not told of, so it is asked for alone")
    if len(changes) == 1 and address_key(changes[0].recipient) not in keys:
        missing = yield from look_up
    return tuple(done(reply) if address_key(change.recipient) in keys else missing for change in changes)


# ── parts of a body ─────────────────────────────────────────────────────────────────────────────────────────────────

def fit(rows: object, *texts: str) -> list[dict[str, Any]]:
    """Returns those rows of a list that are objects in which each of `texts` is text; none if it is no list."""
    objects = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return [row for row in objects if all(isinstance(row.get(name), str) for name in texts)]


def all_fit(rows: list[Any] | None, *texts: str) -> list[dict[str, Any]] | None:
    """Returns `rows` if each of them is such an object; None if not, or if there are none to look at."""
    return rows if rows is not None and len(fit(rows, *texts)) == len(rows) else None


def moment(text: object) -> datetime | None:
    """Parses a time as most APIs write it (ISO 8601 with an offset); None if it is no time or has no offset."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
