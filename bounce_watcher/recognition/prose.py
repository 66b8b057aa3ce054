"""Findings in text for people: addresses, and the words beside them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from bounce_watcher.model.address import MailAddress, ProseAddress, address_key
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import Evidence, Finding, Provenance
from bounce_watcher.parsing.address import find_addresses, first_address, is_role_of_reporter
from bounce_watcher.parsing.charset import one_line, read_octal
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import split_text
from bounce_watcher.recognition.vocabulary import FINAL, PERMANENT, TEMPORARY, folded, says, states_retry

MAX_TEXT = 64 * 1024  # how many characters of a notice are read: the words for people are at its beginning
MAX_WORDS = 2_000  # how many characters of a diagnostic are kept
_ADDRESS_LINE = re.compile(r"^([ \t]*)(?:[-*] )?[<\"]?[^\s<>@]{1,130}@[^\s<>@]{1,250}(?:[\s:>\"]|$)", re.MULTILINE)
_MAILED = re.compile(
    r"(?:\((?:ultimately )?(?:expanded|generated) from:?|\boriginal (?:address|recipient)\s?[:=])"
    r"\s{0,8}<?([^\s<>@,;()]{1,128}@[^\s<>@,;()]{1,250})",
    re.IGNORECASE,
)
"""The address that was mailed, in the words on the address that it led to."""
_NAME = re.compile(r"[\w+=-]")
_ADDRESSEE_FIELD = re.compile(r"\s*(?:to|cc):", re.IGNORECASE)
_REPLY = re.compile(
    r"(?<![\d.])[245]\d\d(?:[ -]#?[245]\.\d{1,3}\.\d{1,3})?[ -]|(?<![\d.])#?[245]\.\d{1,3}\.\d{1,3}(?![.\d])"
)
_DELAY_SUBJECT = re.compile(
    r"\bdelay|\bwarning: (?:message(?! delivery failed)|could not send|your (?:mail|message))|still being retried"
    r"|\bverzoger|\bretard|\bdifferee?\b|\bretrasad|\batrasad|\bin ritardo|\bvertraagd|\bforsen|\bforsinke|\bviivasty"
    r"|\bopozni|\bzpozd|\boneskor|\bkeslelt|\bintarzi|задерж|отложен|затрим|\bgecik|遅延|延迟|延遲|지연"
)
_CONDITION = re.compile(r"\b(?:if|wenn|falls|si|se|als|jesli|если) [^.]{1,80}")
"""A clause about what happens when all tries have failed."""

MAX_PLACES = 20  # how many places of one address in a text are read
_OF_REPORT = ("from", "to", "reply-to", "delivered-to", "x-original-to", "message-id", "in-reply-to", "references")
_OF_ORIGINAL = ("from", "sender", "return-path", "reply-to", "message-id", "in-reply-to", "references")
"""Fields that hold something in the form of an address that has not failed."""


def notice_of(message: ParsedMessage) -> str:
    """Returns the text for people, as far as it is read, above an original that is copied into it."""
    return split_text(message.text[:MAX_TEXT])[0]


def finding(
    recognizer: str, address: ProseAddress | None, words: str, action: Action = Action.FAILED, stage: str | None = None
) -> Finding:
    """Returns the finding on a recipient that a text names, with its words on it. `address` None = it names nobody."""
    words = read_octal(one_line(words)[:MAX_WORDS])
    mailed = _MAILED.search(words)
    report = RecipientReport(
        original_recipient=first_address(mailed[1]) if mailed else None, final_recipient=address, action=action,
        status=EnhancedStatus.find(words), diagnostic_code=words or None, stage=stage,
    )
    return Finding(report, Provenance(recognizer, "1", words or address or ""), Evidence.PROSE)


def reported(recognizer: str, address: MailAddress, words: str, action: Action = Action.FAILED) -> Finding:
    """Returns the finding on a recipient that a field names, with the words of a text on it."""
    found = finding(recognizer, ProseAddress(address), words, action)
    return replace(
        found, report=replace(found.report, original_recipient=None, final_recipient=address), evidence=Evidence.REPORT
    )


def action_told(message: ParsedMessage, notice: str) -> Action:
    """Returns delayed if subject or notice announce more tries and the notice does not rule them out, else failed."""
    subject, text = folded((message.headers.get("subject") or "")[:400]), folded(notice)
    if says(text, FINAL) and not states_retry(subject):
        return Action.FAILED
    if _DELAY_SUBJECT.search(subject) or states_retry(subject):
        return Action.DELAYED
    is_final = says(_CONDITION.sub("", text), PERMANENT)
    return Action.DELAYED if states_retry(text) and not is_final else Action.FAILED


def action_said(text: str) -> Action | None:
    """Returns what the folded `text` alone says about one address among others; None if it says nothing."""
    if says(text, FINAL) or says(text, PERMANENT):
        return Action.FAILED
    return Action.DELAYED if states_retry(text) or says(text, TEMPORARY) else None


def words_beside(text: str, address: str) -> str:
    """Returns what a notice says about one address: its paragraph, see `paragraph_beside`.

    If that paragraph has no reply, returns the first paragraph further down that has one, unless another address comes
    before it. "" if the address does not occur.
    """
    own, below = _beside(text, address)
    if _REPLY.search(own) or not (match := _REPLY.search(below)):
        return own
    if any(other.lower() != address.lower() for other in find_addresses(below[: match.start()], 3)):
        return own
    start = below.rfind("\n", 0, match.start()) + 1
    return below[start:].partition("\n\n")[0]


def paragraph_beside(text: str, address: str) -> str:
    """Returns the rest of the line with the address, and the lines below it, down to a blank one.

    Of several places it takes the first with a reply beside it, else the first of all.
    """
    return _beside(text, address)[0]


def _beside(text: str, address: str) -> tuple[str, str]:
    """Returns the paragraph beside an address, and the text below that paragraph.

    A place in a copied header is the last resort: below `To: user@example.org` stand the other fields of the mail.
    """
    first = in_header = None
    for at in _places(text, address):
        rest = text[at + len(address) : at + len(address) + 4 * MAX_WORDS]
        own, _, below = rest.partition("\n\n")
        head = text[text.rfind("\n", 0, at) + 1 : at]
        found = _until_next_address(own, len(head) - len(head.lstrip())).lstrip(">:;,.)]\"' \t\n"), below
        if _REPLY.search(found[0]):
            return found
        if _ADDRESSEE_FIELD.match(head):
            in_header = in_header or found
        else:
            first = first or found
    return first or in_header or ("", "")


def _places(text: str, address: str) -> Iterator[int]:
    """Yields where the whole address is, not the end of another ("an@" in "joan@"), in its own case or else in any."""
    if address not in text:
        text, address = text.lower(), address.lower()
    at = text.find(address)
    for _ in range(MAX_PLACES):
        if at == -1:
            return
        end = at + len(address)
        if not _NAME.match(text[at - 1 : at]) and not _NAME.match(text[end : end + 1]):
            yield at
        at = text.find(address, at + 1)


def _until_next_address(paragraph: str, indent: int) -> str:
    """Cuts the paragraph before the next address, which begins as far left as this one.

    Exim and OpenSMTPD list addresses without blank lines between them.
    """
    for match in _ADDRESS_LINE.finditer(paragraph) if "@" in paragraph else ():
        if len(match[1]) <= indent:
            return paragraph[: match.start()]
    return paragraph


@lru_cache(maxsize=1)  # a report may have a thousand recipients without a name, and as many lines To:
def bystanders(message: ParsedMessage, original: Headers | None) -> frozenset[str]:
    """Returns the keys of addresses that a text may name without a failure: who sent the mail, who got the report."""
    fields = [message.headers.get_all(name) for name in _OF_REPORT]
    if original is not None:
        fields += [original.get_all(name) for name in _OF_ORIGINAL]
    return frozenset(address_key(a) for values in fields for value in values for a in find_addresses(value, 20))


def without_bystanders(
    addresses: Iterable[ProseAddress], message: ParsedMessage, original: Headers | None
) -> tuple[ProseAddress, ...]:
    """Returns `addresses`, each once, without those that merely take part in the exchange of mails."""
    barred = bystanders(message, original)
    return tuple({address_key(each): each for each in addresses if not is_bystander(each, barred)}.values())


def is_on_the_sender(words: str, recipient: str, message: ParsedMessage, original: Headers | None) -> bool:
    """Checks whether a reply names the sender and not the recipient, if its command is not shown (OpenSMTPD).

    "550 5.1.1 <returns@example.com>: User unknown" in answer to MAIL FROM must not count against the recipient.
    """
    if "@" not in words or recipient.lower() in words.lower():
        return False
    return any(address_key(address) in bystanders(message, original) for address in find_addresses(words, 3))


def is_bystander(address: str, barred: frozenset[str]) -> bool:
    """Checks for the roles under which mail systems write, and for the keys in `barred`."""
    return is_role_of_reporter(address) or address_key(address) in barred
