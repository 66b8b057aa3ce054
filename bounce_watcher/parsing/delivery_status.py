"""The machine parts of delivery status notifications (RFC 3464; RFC 6533 for addresses beyond ASCII) and of receipts:
message disposition notifications (RFC 8098 section 3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bounce_watcher.model.address import MailAddress, is_same_mailbox
from bounce_watcher.model.fields import Action, DeliveryReport, EnhancedStatus, RecipientReport
from bounce_watcher.parsing.address_fields import is_unreadable, read_recipient
from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.field_block import GAP, fields

STATUS_TYPES = frozenset({
    "message/delivery-status", "message/global-delivery-status",
    "message/xdelivery-status",  # XWall
})

DISPOSITION_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})

MAX_DIAGNOSTIC = 2_000  # how many characters of a diagnostic are kept
MAX_RECIPIENTS = 1_000  # how many recipients of one report are read

Block = dict[str, list[str]]

_MESSAGE_FIELDS = frozenset({
    "reporting-mta", "original-envelope-id", "arrival-date", "received-from-mta", "dsn-gateway",
})
_OPENS_RECIPIENT = frozenset({"original-recipient", "final-recipient", "action", "status"})
_TOLD = frozenset({"action", "status"})
_DIAGNOSTIC_ELSEWHERE = ("x-supplementary-info", "x-network-error", "x-exim-diagnostic", "x-smtp-response")
"""Fields in which Exchange, Courier and Exim write the cause when they leave out RFC 3464's field for it."""
_MAILED, _REACHED = ("original-recipient",), ("final-recipient", "x-actual-recipient")
_LED_TO = ("x-actual-recipient",)
"""Where an alias led to: then Sendmail's Final-Recipient is the alias."""
"""Fields that name the recipient of the mail, and fields that name where it was redirected."""
_DIAGNOSTIC_TYPE = re.compile(r"([A-Za-z][\w.-]{0,30})\s*;\s*")
_HOST = re.compile(r"(?:\s*[a-z][\w-]{0,30}\s*;)?\s*\[?<?([^\s\[\]()<>;,]*)", re.IGNORECASE)
_FAILED = ("fail", "error", "expired", "undeliver", "bounce", "reject")
_REPLY_CODE = re.compile(r"(?:^|\s)([245])\d\d[ -]")
_ACTIONS = {action.value: action for action in Action} | {"delay": Action.DELAYED, "deliverable": Action.DELIVERED}
_BY_CLASS = {2: Action.DELIVERED, 4: Action.DELAYED, 5: Action.FAILED}


def parse_delivery_status(text: str) -> DeliveryReport:
    """Parses a delivery-status body. Total; skips lines that are no fields."""
    message, blocks = _blocks(text)
    return DeliveryReport(
        reporting_mta=parse_host(_first(message, "reporting-mta")),
        original_envelope_id=_first(message, "original-envelope-id"),
        arrival_date=parse_date(_first(message, "arrival-date")),
        recipients=tuple(_recipient(block) for block in blocks),
    )


def _blocks(text: str) -> tuple[Block, list[Block]]:
    """Returns the per-message fields and one block for each recipient.

    Blank lines do not separate reliably: Domino leaves them out, IIS and SurfControl put them inside a block. A new
    recipient's block begins when fields repeat that the current one already has. A diagnostic among the fields of the
    message is the recipient's if there is only one; of several it may be anybody's.
    """
    message: Block = {}
    blocks: list[Block] = [{}]
    stray: list[Block] = []
    before = 0  # how many fields of the message were known
    for group in _groups(text, message):
        adds_to_message, before = len(message) > before, len(message)
        if adds_to_message and _OPENS_RECIPIENT.isdisjoint(group):
            stray.append(group)
        elif not _is_of_another(blocks[-1], group):
            _extend(blocks[-1], group)
        elif len(blocks) < MAX_RECIPIENTS:
            blocks.append(group)
        else:
            break
    recipients = [block for block in blocks if not _OPENS_RECIPIENT.isdisjoint(block)]
    for group in stray if len(recipients) == 1 else ():
        _extend(recipients[0], group)
    return message, recipients


def _extend(block: Block, group: Block) -> None:
    for name, values in group.items():
        block.setdefault(name, []).extend(values)


def _groups(text: str, message: Block) -> Iterator[Block]:
    """Yields groups of fields, each up to a gap or a repeated field. Fields of the message go into `message`.

    The field that opens the first recipient opens the others as well, even if it is the diagnostic.
    """
    group: Block = {}
    before, opener = GAP, ""
    for name, value in fields(text):
        if (name, value) == before:
            continue  # a line that was doubled on the way opens no further recipient
        before = name, value
        if before == GAP or (name in group and (name in _OPENS_RECIPIENT or name == opener)):
            yield group
            group = {}
        if name in _MESSAGE_FIELDS:
            message.setdefault(name, []).append(value)
        elif name:
            opener = opener or name
            group.setdefault(name, []).append(value)
    yield group


def _is_of_another(block: Block, group: Block) -> bool:
    """Checks whether a group belongs to another recipient than the block above it."""
    if any(name in block for name in group if name in _OPENS_RECIPIENT):
        return True
    return "original-recipient" in group and "final-recipient" in block and not _TOLD.isdisjoint(block)


def _recipient(block: Block) -> RecipientReport:
    status_text = _first(block, "status") or ""
    kind, diagnostic = _diagnostic(block)
    status = _status(status_text)
    if diagnostic is None and len(status_text) > 10:  # "Status: 5.1.1 (bad destination mailbox address)"
        diagnostic = status_text[:MAX_DIAGNOSTIC]
    mailed, final, actual = (
        next(filter(None, map(read_recipient, _values(block, names))), None) for names in (_MAILED, _REACHED, _LED_TO)
    )
    if final and actual and not is_same_mailbox(final, actual):
        mailed, final = mailed or final, actual
    return RecipientReport(
        original_recipient=mailed,
        final_recipient=final,
        action=_action(_first(block, "action"), status, diagnostic),
        status=status,
        remote_mta=next((host for value in block.get("remote-mta", ()) if (host := parse_host(value))), None),
        diagnostic_type=kind,
        diagnostic_code=diagnostic,
        last_attempt_date=parse_date(_first(block, "last-attempt-date")),
        will_retry_until=parse_date(_first(block, "will-retry-until")),
        unreadable=next(filter(is_unreadable, _values(block, (*_MAILED, *_REACHED))), None),
    )


@lru_cache(maxsize=256)
def _status(text: str) -> EnhancedStatus | None:
    return EnhancedStatus.find(text.replace(".x", ".0"))  # "5.x.0" is written too


def _first(block: Block, name: str) -> str | None:
    return next(filter(None, block.get(name, ())), None)


def _values(block: Block, names: tuple[str, ...]) -> Iterator[str]:
    return (value for name in names for value in block.get(name, ()))


@lru_cache(maxsize=256)
def parse_host(value: str | None) -> str | None:
    """Returns the host name of an MTA field: mx.example.org for "dns; mx.example.org. (192.0.2.1)". None = no host."""
    match = _HOST.match(value) if value else None
    host = match[1].rstrip(".").lower() if match else ""
    return host if host and "@" not in host else None


def _diagnostic(block: Block) -> tuple[str | None, str | None]:
    """Returns type and text of the diagnostic. Of several (Exim and others write them) the SMTP one comes first."""
    found = [split_diagnostic(value) for value in block.get("diagnostic-code", ())]
    found = [(kind, text) for kind, text in found if text]
    if not found:
        instead = next((value for name in _DIAGNOSTIC_ELSEWHERE if (value := _first(block, name))), None)
        found = [split_diagnostic(instead.strip("<> "))] if instead else []
    if len(found) < 2:
        return found[0] if found else (None, None)
    found.sort(key=lambda pair: pair[0] != "smtp")
    texts = dict.fromkeys(text for _, text in found if text)
    return found[0][0], " ".join(texts)[:MAX_DIAGNOSTIC]


def split_diagnostic(value: str) -> tuple[str | None, str | None]:
    """Splits "smtp; 550 5.1.1 …" into ("smtp", "550 5.1.1 …"); the type is optional. None = absent."""
    match = _DIAGNOSTIC_TYPE.match(value)
    if match is None:
        return None, value[:MAX_DIAGNOSTIC] or None
    return match[1].lower(), value[match.end() :][:MAX_DIAGNOSTIC] or None


def _action(value: str | None, status: EnhancedStatus | None, diagnostic: str | None) -> Action | None:
    """Returns the action by RFC 3464's word, else by a variant in use, else by the class of the status or reply."""
    word = value.lower().split(maxsplit=1)[0].strip("()") if value else ""
    if word in _ACTIONS:
        return _ACTIONS[word]
    if word.startswith(_FAILED):
        return Action.FAILED
    if status is not None:
        return _BY_CLASS[status.class_]
    match = _REPLY_CODE.search(diagnostic or "")
    return _BY_CLASS[int(match[1])] if match else None


@dataclass(frozen=True, slots=True)
class DispositionReport:
    """A receipt's fields (RFC 8098 section 3.2). None = absent.

    `disposition` is the type in lower case ("displayed", "deleted", …). `failure` is the value of Failure or Error.
    """

    original_recipient: MailAddress | None = None
    final_recipient: MailAddress | None = None
    original_message_id: str | None = None
    reporting_ua: str | None = None
    disposition: str | None = None
    failure: str | None = None


def parse_disposition(text: str) -> DispositionReport:
    """Parses a disposition-notification body. Total."""
    first: dict[str, str] = {}
    for name, value in fields(text):
        if value:
            first.setdefault(name, value)
    original, final = first.get("original-recipient"), first.get("final-recipient")
    disposition = first.get("disposition", "").partition(";")[2].partition("/")[0].strip().lower()
    return DispositionReport(
        original_recipient=read_recipient(original) if original else None,
        final_recipient=read_recipient(final) if final else None,
        original_message_id=first.get("original-message-id", "").strip(" <>") or None,
        reporting_ua=first.get("reporting-ua"),
        disposition=disposition or None,
        failure=first.get("failure") or first.get("error"),
    )
