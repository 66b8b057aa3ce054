"""Who of those that we mailed asks for no more: by the return path that their mail came to, never by its sender alone.

People read mail that was forwarded, so another address than the one mailed may ask. A token or a plain VERP address
names who was mailed. A token that holds a digest alone names the sender where it was made for that address, and else
nobody that we could tell.
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
    """Who was mailed; `recipient` is "" where nothing of ours names one. Total. The values are those of `attribute`."""
    def named(address: MailAddress | None) -> Attribution:
        finding = Finding(RecipientReport(final_recipient=address), Provenance("opt-out", "", ""), Evidence.PROSE)
        return attribute(message, finding, settings, key_of=key_of, at=at, genuine=genuine)

    found = named(None)
    if found.recipient or sender is None:
        return found
    by_sender = named(sender)
    return by_sender if by_sender.evidence is Evidence.TOKEN else found
