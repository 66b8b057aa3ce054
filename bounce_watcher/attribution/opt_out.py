"""Finds which recipient opts out: by the return path that the opt-out came to, never by its sender alone.

People read forwarded mail, so the opt-out may come from another address than the one that we mailed. A token or a plain
VERP address names the recipient. A token that holds only a digest names the sender if it was made for that address;
otherwise we cannot tell whom it names.
"""

from datetime import datetime

from bounce_watcher.attribution.attribute import attribute, no_key
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import UNTOLD, Attribution, Authenticity, Evidence, Finding, Provenance
from bounce_watcher.parsing.message import ParsedMessage


def attribute_opt_out(
    message: ParsedMessage,
    sender: MailAddress | None,
    settings: AttributionSettings,
    *,
    key_of: KeyOf = no_key,
    at: datetime | None = None,
    genuine: Authenticity = UNTOLD,
) -> Attribution:
    """Returns who was mailed; `recipient` is "" if nothing of ours names one. Total. Arguments as in `attribute`."""
    def named(address: MailAddress | None) -> Attribution:
        finding = Finding(RecipientReport(final_recipient=address), Provenance("opt-out", "", ""), Evidence.PROSE)
        return attribute(message, finding, settings, key_of=key_of, at=at, genuine=genuine)

    found = named(None)
    if found.recipient or sender is None:
        return found
    by_sender = named(sender)
    return by_sender if by_sender.evidence is Evidence.TOKEN else found
