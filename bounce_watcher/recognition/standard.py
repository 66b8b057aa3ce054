"""Delivery status notifications by the RFCs (3464, 6522, 6533), and the many reports that nearly follow them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from bounce_watcher.model.address import MailAddress, ProseAddress, address_key
from bounce_watcher.model.fields import Action, DeliveryReport, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import Evidence, Finding, Provenance
from bounce_watcher.model.lazy import lazy
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.address_fields import read_addresses
from bounce_watcher.parsing.charset import one_line, read_octal
from bounce_watcher.parsing.delivery_status import MAX_RECIPIENTS, STATUS_TYPES, parse_delivery_status
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage, Part
from bounce_watcher.parsing.returned import ORIGINAL_TYPES, original_headers, original_part, sent_message, split_text
from bounce_watcher.parsing.smtp_reply import read_stage
from bounce_watcher.parsing.transcript import RefusalLine, answer_on, answer_told, is_first_line, read_transcript
from bounce_watcher.recognition.dialects import exim, opensmtpd
from bounce_watcher.recognition.prose import (
    MAX_TEXT,
    MAX_WORDS,
    is_on_the_sender,
    paragraph_beside,
    without_bystanders,
    words_beside,
)
from bounce_watcher.recognition.recognizer import Recognition, each_once, keys_of, kind_of
from bounce_watcher.recognition.signs import is_from_list, is_reply_or_forward, looks_like_failure_notice

NAME = "rfc3464"

_STATUS_FIELD = re.compile(
    r"^[ \t]*(?:reporting-mta|final-recipient|original-recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_DELAY_SUBJECT = re.compile(r"delay|warning|still being retried|deferred", re.IGNORECASE)
_RESPONSE = re.compile(r"^The response(?: from the remote server)? was:\s*(\S.*(?:\n[^\S\n]*\S.*)*)", re.MULTILINE)
_TRANSCRIPT = re.compile(r"^[ \t]*-{3,} ?Transcript of session follows ?-{3,}[ \t]*$", re.MULTILINE)
_NEXT_BAR = re.compile(r"^[ \t]*-{5} ", re.MULTILINE)
_ODD_HOST = re.compile(r"[#%_]{1,3}[\w.-]{1,253}")
_LONGEST_NUMBERS = len("550 5.000.000")
_UNDELIVERED = frozenset({Action.FAILED, Action.DELAYED})


@dataclass(frozen=True, eq=False)
class _Report:
    """A message with its status part, and what helps if that part says too little."""

    message: ParsedMessage
    part: Part
    status: DeliveryReport = field(repr=False)

    @lazy
    def notice(self) -> str:
        """The text for people, without status fields in it and without an original quoted below.

        If the original is a separate part, nothing is quoted. InterMail labels the text as a status part as well.
        """
        text = (self.message.text or self.message.parts[0].text)[:MAX_TEXT]
        notice = text if original_part(self.message) else split_text(text)[0]
        fields = _STATUS_FIELD.search(notice) if self.part.type.value not in STATUS_TYPES else None
        return notice[: fields.start()] if fields else notice

    @lazy
    def transcript(self) -> str:
        """The text below Sendmail's bar, down to the next bar; "" if there is none."""
        bar = _TRANSCRIPT.search(self.notice)
        return _NEXT_BAR.split(self.notice[bar.end() :], 1)[0] if bar else ""

    @lazy
    def answers(self) -> tuple[RefusalLine, ...]:
        return read_transcript(self.notice)

    @lazy
    def everybody(self) -> frozenset[str]:
        """The keys of all recipients."""
        return frozenset().union(*map(keys_of, self.status.recipients))

    def answers_to(self, own: frozenset[str]) -> tuple[RefusalLine, ...]:
        """Returns the answers, without those that are only about other recipients of the report."""
        others = self.everybody - own
        return tuple(each for each in self.answers if own & each.recipients or not others & each.recipients)

    @lazy
    def original(self) -> Headers | None:
        return original_headers(self.message)

    @lazy
    def names_somebody(self) -> bool:
        return any(recipient.recipient for recipient in self.status.recipients)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises a report with a machine-readable status part, anywhere outside a nested message."""
    parts = [part for part in message.parts if part.type.value in STATUS_TYPES]
    if parts and message.content_type != "multipart/report" and (is_reply_or_forward(message) or is_from_list(message)):
        return None  # somebody's mail program has attached the parts of a report one by one
    reports = [_Report(message, part, parse_delivery_status(part.text)) for part in parts]
    found = _recognition(reports, ((report, recipient) for report in reports for recipient in _whole(report)))
    if found is None and reports and not message.is_cut and looks_like_failure_notice(message):
        return _recognition(reports, [(reports[0], RecipientReport())])  # Google has written empty status parts
    return found


def unlabelled(message: ParsedMessage) -> Recognition | None:
    """Recognises status fields under another type or in the text. Only for notices: people quote such fields too."""
    reports = list(_sniffed(message))
    told = ((report, recipient) for report in reports for recipient in report.status.recipients if recipient.action)
    return _recognition(reports, told)


def wrapped(message: ParsedMessage) -> Recognition | None:
    """Recognises a report that a gateway wrapped in a message, to add a disclaimer. Only for notices."""
    first = message.parts[0]
    return recognise(first.message) if first.content_type == "message/rfc822" else None


def passed_on(message: ParsedMessage) -> Recognition | None:
    """Recognises a report below words of a gateway that name no failed recipient.

    Call it last, and only for notices: people forward reports too.
    """
    nested = next((part for part in message.parts[1:] if part.content_type == "message/rfc822"), None)
    return recognise(nested.message) if nested else None


def _recognition(reports: list[_Report], recipients: Iterable[tuple[_Report, RecipientReport]]) -> Recognition | None:
    """Returns the recognition; None without recipients.

    The only recipient of a report stays a finding even if its address can't be read: a token may say who it is.
    """
    told = [(recipient, _finding(report, recipient)) for report, recipient in islice(recipients, MAX_RECIPIENTS)]
    lost = [recipient.unreadable for recipient, found in told if recipient.unreadable and not found.report.recipient]
    findings = each_once(found for _, found in told)
    if len(told) == 1 and lost:
        findings = (told[0][1],)
    if not findings and not lost:
        return None
    kind = kind_of(findings or (found for _, found in told))
    return Recognition(kind, findings, sent_message(reports[0].original), unreadable=tuple(lost))


def _whole(report: _Report) -> tuple[RecipientReport, ...]:
    """Returns the recipients, without those that have no action because of damage.

    If none has an action, and the message is cut off, it leaves out the last recipient only.
    """
    recipients = report.status.recipients
    told = tuple(recipient for recipient in recipients if recipient.action is not None)
    return told or (recipients[:-1] if report.message.is_cut else recipients)


def _sniffed(message: ParsedMessage) -> Iterator[_Report]:
    """Yields reports from parts like James' "status.dat" and texts like WorkMail's "Technical report:"."""
    for part in message.parts:
        if part.content_type in ORIGINAL_TYPES or part.content_type.startswith(("image/", "message/")):
            continue
        text = part.text[:MAX_TEXT]
        if match := _STATUS_FIELD.search(text):
            fields = split_text(text[match.start() :])[0]
            is_cut = message.is_cut or len(message.parts) == 1
            whole = fields[: fields.rfind("\n") + 1] if is_cut else fields  # half a line may hold half an address
            yield _Report(message, part, parse_delivery_status(whole))


def _finding(report: _Report, recipient: RecipientReport) -> Finding:
    evidence = Evidence.REPORT
    if recipient.recipient is None and recipient.unreadable is None:
        address, evidence = _named_elsewhere(report, recipient)
        recipient = replace(recipient, final_recipient=address)
    elif recipient.recipient is None and (address := _meant(report, recipient)):
        recipient, evidence = replace(recipient, final_recipient=address, unreadable=None), Evidence.PROSE
    if recipient.action is None:
        subject = report.message.headers.get("subject") or ""
        recipient = replace(recipient, action=Action.DELAYED if _DELAY_SUBJECT.search(subject) else Action.FAILED)
    if recipient.action in _UNDELIVERED:
        recipient = _with_stage(_with_words(_with_alias(recipient, report), report), report)
    if recipient.diagnostic_code:
        recipient = replace(recipient, diagnostic_code=read_octal(recipient.diagnostic_code))
    quote = recipient.diagnostic_code or recipient.recipient or ""
    return Finding(recipient, Provenance(NAME, report.part.path, quote), evidence, report.status.reporting_mta)


def _with_alias(recipient: RecipientReport, report: _Report) -> RecipientReport:
    """Adds the address that an alias led to. Exim's Final-Recipient is the mailed one; the text names the other."""
    mailed = recipient.final_recipient
    if mailed is None or recipient.original_recipient is not None:
        return recipient
    final = exim.generated_from(report.notice, mailed)
    return replace(recipient, original_recipient=mailed, final_recipient=final) if final else recipient


def _with_words(recipient: RecipientReport, report: _Report) -> RecipientReport:
    """Adds the reply that Exim, OpenSMTPD, old Sendmail and Google show only to people, not in the status part.

    There the diagnostic is missing, or is only a code and a status.
    """
    numbers = recipient.diagnostic_code or ""
    if len(numbers) > _LONGEST_NUMBERS or any(char.isalpha() for char in numbers):
        return recipient
    words = _in_transcript(recipient, report) or _beside(recipient, report)
    if not words:
        return recipient
    said = (words if words.startswith(numbers) else f"{numbers} {words}")[:MAX_WORDS]
    return replace(
        recipient,
        action=Action.FAILED if words == opensmtpd.GIVEN_UP else recipient.action,
        status=recipient.status or EnhancedStatus.find(said),
        diagnostic_code=said,
    )


def _beside(recipient: RecipientReport, report: _Report) -> str:
    for address in filter(None, (recipient.final_recipient, recipient.original_recipient)):
        if words := one_line(exim.words_on(report.notice, address)):
            return words[:MAX_WORDS]
    if len(report.status.recipients) <= 1 and (match := _RESPONSE.search(report.notice)):
        return one_line(match[1])[:MAX_WORDS]
    return ""


def _in_transcript(recipient: RecipientReport, report: _Report) -> str:
    """Returns the answer in the transcript; else all of it if it is about one recipient; else the words beside it."""
    transcript, address = report.transcript, recipient.final_recipient or ""
    if answer := answer_on(report.answers, address):
        return answer.text[:MAX_WORDS]
    own = transcript if len(report.status.recipients) == 1 else words_beside(transcript, address)
    return one_line(own)[:MAX_WORDS]


def _with_stage(recipient: RecipientReport, report: _Report) -> RecipientReport:
    """Adds the stage. Postfix and Exim write the bare reply in the status part, and its command only in the text.

    "553 5.1.0 user unknown" is about the recipient after RCPT TO, about the sender "(in reply to MAIL FROM command)".
    Sendmail writes only the first line of the reply; its transcript has the others.
    """
    said = recipient.diagnostic_code or ""
    own = keys_of(recipient) if report.answers else frozenset()
    if report.answers and (answer := answer_told(report.answers_to(own), said, own)):
        whole = answer.text if len(answer.text) > len(said) and is_first_line(said) else said
        return replace(recipient, diagnostic_code=whole[:MAX_WORDS], stage=answer.stage)
    if recipient.final_recipient is None:
        return recipient
    stage = read_stage(one_line(paragraph_beside(report.notice, recipient.final_recipient)))
    if stage is None and is_on_the_sender(said, recipient.recipient or "", report.message, report.original):
        stage = "MAIL"
    return replace(recipient, stage=stage) if stage else recipient


def _meant(report: _Report, recipient: RecipientReport) -> MailAddress | ProseAddress | None:
    """Returns the one address named elsewhere that `ada@#mx.example.org` is another form of: the local part is the
    same, and behind odd signs stands its domain or a host in it. So is `<ada@example.org` with half a pair of brackets,
    which alone might be half an address."""
    local, _, host = (recipient.unreadable or "").rpartition(";")[2].strip(" <>").rpartition("@")
    address, _ = _named_elsewhere(report, recipient)
    if address is None:
        return None
    mailbox, _, domain = address.rpartition("@")
    if not _ODD_HOST.fullmatch(host) and host.lower() != domain.lower():
        return None
    is_of_domain = f".{host.lower().strip('#%_')}".endswith(f".{domain.lower()}")
    return address if is_of_domain and local == mailbox else None


def _named_elsewhere(report: _Report, recipient: RecipientReport) -> tuple[MailAddress | ProseAddress | None, Evidence]:
    """Finds a recipient that the status part does not name: in the diagnostic, the header, the text or the original.

    A source counts only if it names one address. If the status part names others, the header and the text are about
    those: this one's name is lost by damage. An address in a field is as good as one in the status part; one that is
    only in text for people is prose.
    """
    diagnostic, fields = recipient.diagnostic_code or "", _fields_elsewhere(report)
    for text in (diagnostic,) if report.names_somebody else (diagnostic, report.notice):
        named = without_bystanders(find_addresses(text), report.message, report.original)
        if len(named) == 1:
            same = next((each for each in chain(*fields) if each and address_key(each) == address_key(named[0])), None)
            return (same, Evidence.REPORT) if same else (named[0], Evidence.PROSE)
    alone = () if report.names_somebody else (field[0] for field in fields if len(field) == 1)
    return next(filter(None, alone), None), Evidence.REPORT


def _fields_elsewhere(report: _Report) -> list[tuple[MailAddress | None, ...]]:
    """Returns the mailboxes of X-Failed-Recipients, and those in the original's To (Notes, old Sendmail, Netscape)."""
    headers = (report.message.headers, "x-failed-recipients"), (report.original, "to")
    values = (block.get_all_as_written(name) if block is not None else () for block, name in headers)
    return [tuple(chain.from_iterable(read_addresses(each) or (None,) for each in found)) for found in values]
