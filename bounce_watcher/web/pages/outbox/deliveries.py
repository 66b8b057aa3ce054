"""Parts that the pages of the outbox share: texts for a delivery, its error, a pause, and what a person has done."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.model.ledger import OutboxItem
from bounce_watcher.web.pages.shared.forms import LONGEST_REASON
from bounce_watcher.words.formatting import UNTIL_RESUMED, age, counted, harmless, moment, name, paused_target, when

LONGEST_ANSWER, LONGEST_ERROR = 2000, 160
STAYS = ("The address keeps its state; the target keeps its last known state.",)
FOR_GOOD = "This can't be reversed."
_NUMBERS = re.compile(r"(?<![\w.])(?:[0-9a-f]*\d[0-9a-f-]{7,}|\d{4,})(?!\w)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


# ── a delivery ──────────────────────────────────────────────────────────────────────────────────────────────────────

def told(item: OutboxItem) -> str:
    about = f" on {harmless(item.recipient, 320)}" if item.recipient else ""
    answer = f": {harmless(item.last_answer, 120)}" if item.last_answer else ""
    return f"{item.type.value}{about} of {moment(item.created_at)}{answer}"


def error_of(answer: str | None) -> str:
    """Returns the answer without what differs from one delivery to the next."""
    text = " ".join(harmless(answer or "", LONGEST_ANSWER).split())
    return _NUMBERS.sub("#", without_addresses(text))[:LONGEST_ERROR] or "no stored answer"


def without_addresses(text: str) -> str:
    return _ADDRESS.sub("<address>", text)


# ── a pause ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def paused_since(pause: Pause, now: datetime) -> str:
    by = f"by {harmless(pause.by, 100)}: {harmless(pause.because, LONGEST_REASON)}"
    return f"Since {when(pause.at, now)} ({age(now - pause.at)}) {by}"


# ── what a person has done ──────────────────────────────────────────────────────────────────────────────────────────

_CHANGED: Mapping[str, tuple[str, str]] = {
    "retry": ("delivery is due again", "deliveries are due again"),
    "discard": ("delivery is dismissed", "deliveries are dismissed"),
}
_SWITCHED = {"pause": f"is paused: {UNTIL_RESUMED}", "resume": "is resumed: waiting deliveries are sent."}
DONE = frozenset({*_CHANGED, *_SWITCHED, "test"})
"""Actions that `outcome` describes."""


def outcome(done: LoggedAction, paused: Iterable[str], *, of_target: bool = False) -> tuple[str, str]:
    """Returns the class and the text of a notice. `paused` are the affected targets that are paused.

    `of_target` is set if the subject of the action is the name of a target.
    """
    if done.action == "test":
        colour, verb = ("is-ok", "accepted") if done.count else ("is-bad", "did not accept")
        return colour, f"{name(done.subject)} {verb} the test of {moment(done.at)}: {harmless(done.because)}"
    if done.action in _SWITCHED:
        return "is-ok", f"{name(done.subject)} {_SWITCHED[done.action]}"
    changed = counted(done.count, *_CHANGED[done.action])
    if done.action == "retry" and not done.count and of_target:
        changed = f"No dead letters to retry; {name(done.subject)} is enabled"
    if done.action == "discard":
        return "is-ok", f"{changed}."
    waits = " ".join(map(paused_target, paused))
    if waits or not done.count:
        return "is-ok", f"{changed}. {waits}".rstrip()
    return "is-ok", f"{changed}, sent with the next run."
