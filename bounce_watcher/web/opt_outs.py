"""Opt-outs in words: how somebody asked for no more mail, who that was, and how far it is proven."""

from collections.abc import Mapping

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.optout import AskedBy, KeptOptOut
from bounce_watcher.web.shown import harmless, moment
from bounce_watcher.web.telling import MATCHED_BY

BY: Mapping[AskedBy, str] = {AskedBy.MAIL: "Mail", AskedBy.FEEDBACK_REPORT: "Feedback report"}

_STRONG = (Evidence.TOKEN, Evidence.SIGNATURE)


def proof(kept: KeptOptOut) -> str:
    """How far it is proven who asks, without a stop at its end."""
    asked = kept.asked
    if asked.doubt:
        return f"in doubt: {harmless(asked.doubt, 200)}"
    if asked.recipient is None or asked.evidence is None:
        return "unproven: nothing but the sender's address says who asks"
    grade = MATCHED_BY[asked.evidence]
    return grade if asked.evidence in _STRONG else f"unproven: {grade}"


def sentence(kept: KeptOptOut, key: str) -> str:
    """What the opt-out means for the address that is filed under `key`."""
    asked = kept.asked
    how = "through its provider (feedback report)" if asked.by is AskedBy.FEEDBACK_REPORT else "by mail"
    whom = "This address" if asked.recipient is None or _is(asked.recipient, key) else "The sender of a mail"
    return f"{whom} asked for no more mail on {moment(kept.at)}, {how}{_other(kept, key)} ({proof(kept)})."


def _other(kept: KeptOptOut, key: str) -> str:
    """The other of the two addresses: whoever was mailed, or whoever wrote from another address."""
    asked = kept.asked
    if asked.recipient is not None and not _is(asked.recipient, key):
        return f", for {harmless(asked.recipient, 320)}, from this address"
    if asked.sender is not None and not _is(asked.sender, key):
        return f", from {harmless(asked.sender, 320)}"
    return ""
