"""Opt-outs in words: how somebody asked for no more mail, who that was, and how far it is proven."""

from collections.abc import Mapping

from bounce_watcher.model.address import address_key, is_forgotten
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.optout import AskedBy, KeptOptOut
from bounce_watcher.words import grounds as words
from bounce_watcher.words.explanations import MATCHED_BY
from bounce_watcher.words.formatting import harmless, moment

BY: Mapping[AskedBy, str] = {AskedBy.MAIL: "Mail", AskedBy.FEEDBACK_REPORT: "Feedback report"}

NOBODY = "nobody named"
"""Shown if neither return path nor report names a recipient, or From names no sender."""


def named(address: str | None) -> str:
    if is_forgotten(address):
        return "a forgotten address"
    return harmless(address, 320) if address else NOBODY


def proof(kept: KeptOptOut) -> str:
    """Returns how far it is proven who asks; not a full sentence."""
    asked = kept.asked
    if asked.doubt:
        return f"in doubt: {harmless(words.doubt(asked.doubt), 200)}"
    if asked.recipient is None or asked.evidence is None:
        return "unproven: based on the sender's address only"
    grade = MATCHED_BY[asked.evidence]
    return grade if asked.evidence.at_least(Evidence.SIGNATURE) else f"unproven: {grade}"


def sentence(kept: KeptOptOut, address: str) -> str:
    """Returns what an opt-out means for an address that it names, as the ledger stores it."""
    asked, at = kept.asked, moment(kept.at)
    is_mailed = asked.recipient is not None and address_key(asked.recipient) == address_key(address)
    if asked.by is AskedBy.FEEDBACK_REPORT:
        told = f"Its provider forwarded an opt-out on {at}"
    elif not is_mailed and asked.recipient is not None:
        told = f"A mail from this address opted out {named(asked.recipient)} on {at}"
    elif not is_mailed or (asked.sender and address_key(asked.sender) == address_key(address)):
        told = f"It opted out on {at}"
    else:
        told = f"It opted out on {at}, by a mail from {named(asked.sender)}"
    return f"{told} ({proof(kept)}). {dealt(kept)}"


def dealt(kept: KeptOptOut) -> str:
    """Returns in a sentence whether a person has dealt with it."""
    if kept.done_at is None:
        return "Not handled yet."
    why = f": {harmless(kept.because, 300)}" if kept.because else "."
    return f"{harmless(kept.done_by, 100)} handled it on {moment(kept.done_at)}{why}"
