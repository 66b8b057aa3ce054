"""Places of addresses by the shapes of lines: `<address>:`, labels, lists, a dialogue that refuses."""

import re
from collections.abc import Iterator

from bounce_watcher.model.address import address_key
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.recognition.notices.reasons import DECORATION, REASON_LINES, REPLY
from bounce_watcher.recognition.notices.sentences import senders, tells
from bounce_watcher.recognition.notices.text import ADDRESS, Candidate, Notice, Strength, accused, command_on
from bounce_watcher.recognition.vocabulary import (
    RECIPIENT_LABELS,
    SENDER_LABELS,
    UNKNOWN,
    folded,
    offers_help,
    says,
    states_failure,
    states_success,
)

MAX_LINE = 1_000  # how many characters of one line are read
_LABELLED = re.compile(r"[\W_]{0,8}([^:<>@]{1,60}?)\s{0,4}[:=]\s{0,8}(\S.*)", re.DOTALL)
_BRACKETED = re.compile(rf"\W{{0,6}}<({ADDRESS})>\s{{0,3}}(?:\([^()]{{1,400}}\))?\s{{0,3}}(?:[:;,]|\.\.\.|\(|\[|$)")
_NAMED = re.compile(rf"[^<>]{{0,160}}<({ADDRESS})>\s?:\s")
_LEADING = re.compile(
    rf"[\s*>+\-–•\"'(]{{0,12}}(?![245]\d\d-)({ADDRESS})[\"')]{{0,2}}"
    r"(?:\s{0,3}(?::(?!//)|\.\.\.|\[|\()|\s(?=[^\s@]{0,200}\b[245]\d\d\b)|\s-\s|, )"
)
_SUMMARY = re.compile(rf"\s{{0,8}}[45]\d\d [45]?[\d.]{{0,12}}\s?<?({ADDRESS}?)>?\.\.\. \S")
_INSIDE = re.compile(rf"\b(?:address|recipient|rcpt(?: to)?)\s?[:=]\s?<?({ADDRESS})>?[,;\]]", re.IGNORECASE)
_ENCODED = re.compile(rf"\s{{0,8}}(?:[^@\n]{{0,200}}[;:])?SMTP=({ADDRESS});?\s", re.IGNORECASE)
_BEHIND_NAME = re.compile(rf"\s{{0,8}}[^\s<>@,:;][^<>@,:;]{{1,80}},\s?({ADDRESS})(?=\s\()")  # FirstClass
_LED_TO = re.compile(rf"\s{{1,12}}\(?(?:expanded|generated) (?:from:?|by) {{0,3}}<?({ADDRESS})>?\)?", re.IGNORECASE)
"""Written by Sendmail and Exim about a program or a file that the address led to."""

_REASON_FIRST = re.compile(
    rf"[\s*>•-]{{0,12}}([^\W_][^@<>:\n]{{3,100}}?)\s[<\"'(]{{0,2}}({ADDRESS})[>\"')]{{0,3}}[\s.!;,:]{{0,4}}"
)
_MAILBOX = re.compile(
    rf"[\s*>•-]{{0,12}}([^\s*>•-][^<>@():]{{0,100}})[<(]({ADDRESS})[>)](?:\s?<mailto:{ADDRESS}>)?\s{{0,8}}"
)
"""`Ada Example <user@example.org>`, in Exchange `Ada Example (user@example.org)`"""

REASON_WIDTH = 40  # from how many characters on a line below a mailbox is a sentence about it, and no signature
_ON_MAILBOX = re.compile(
    r"[\s*>•-]{0,12}(?:(?:the|this|your|recipient(?:'s)?)\s){0,2}"
    r"(?:user|mail ?box|account|(?:e-?mail )?address|recipient|inbox)"
    rf"(?:\s(?:of|for|name|address|account)){{0,2}}:?\s[<\"'(]{{0,2}}({ADDRESS})[>\"')]{{0,2}}\s"
    r"((?:is|was|has|does|do|did|could|can|cannot|can't|isn't|doesn't|not)\b.*)",
    re.IGNORECASE,
)
"""`The mailbox of user@example.org is full.`"""

_WHAT_IS_WRONG = re.compile(r"\b(?:full|quota|disabled|suspended|closed|inactive|deactivated|locked)\b")

_REFUSED = re.compile(r"\b(?:fail|reject|refus|error|bounce|denied|unable|return)", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:may|might|would) (?:be|have)\b", re.IGNORECASE)
_OF_SENDER = re.compile(r"\b(?:from|by|at|via|contact|sender|von|durch|par|por|da|od|от)$")
_ADDRESS_ALONE = re.compile(
    rf"(?:rfc822;\s?|smtp[:=]|mailto:|to:)?{ADDRESS}(?:\s?<(?:mailto:|smtp:)?{ADDRESS}>?)?", re.IGNORECASE
)
_ENVIRONMENT = re.compile(r"(?!(?i:smtp)=)[\w-]{1,40}=[^\s@]{1,128}@")
_AT_START = re.compile(rf"[\s*>•-]{{0,12}}[<\"']?(?![245]\d\d-)({ADDRESS})[>\"']?\s")


def in_dialogue(notice: Notice) -> Iterator[Candidate]:
    """Yields the addresses of RCPT TO with the reply below it. A command accepted with 2xx accuses nobody.

    Nor does one without a reply if the notice shows replies; James shows only the commands. Of several attempts the
    last that was answered counts.
    """
    last = {address_key(address): number for number, address, reply in notice.mailed if reply}
    for number, address, reply in notice.mailed:
        if last.get(address_key(address), number) != number:
            continue
        if reply and reply[0] != "2":
            yield Candidate(address, Strength.ACCUSED, number, reply[1], "RCPT")
        elif not reply and not notice.shows_replies and notice.announced(number):
            yield Candidate(address, Strength.ACCUSED, number, "")


def in_lines(notice: Notice) -> Iterator[Candidate]:
    for number, line in enumerate(notice.lines):
        if "@" in line and not command_on(line) and not _ENVIRONMENT.match(line):
            yield from _in_line(notice, number, line[:MAX_LINE])


def _in_line(notice: Notice, number: int, line: str) -> Iterator[Candidate]:
    """Yields the candidates of one line, by the first shape that it has."""
    announced = notice.announced(number)
    if found := _accused(notice, number, line, announced=announced):
        yield from found
    elif (announced or notice.is_answered(number)) and _stands_alone(line):
        if not notice.helps(number):
            yield from (Candidate(each, Strength.ACCUSED, number, "") for each in find_addresses(line, 50))
    elif announced and (labelled := _LABELLED.fullmatch(line)):
        yield from _labelled(number, labelled[1], labelled[2])


def _accused(notice: Notice, number: int, line: str, *, announced: bool) -> tuple[Candidate, ...] | None:
    """Returns the address at the start of a line, or one that the line calls a recipient; None without such a shape."""
    if match := _SUMMARY.match(line):
        return accused(number, match[1], line.strip())
    if match := _BRACKETED.match(line) or _LEADING.match(line) or _NAMED.match(line):
        words = line[match.end(1) :]
        is_meant = (announced and not states_success(folded(words))) or REPLY.search(words)
        return accused(number, match[1], words) if is_meant else ()
    return _accused_in_words(notice, number, line) if announced else None


def _accused_in_words(notice: Notice, number: int, line: str) -> tuple[Candidate, ...]:
    """Does the same as `_accused`, by shapes that count only after the notice has said that something failed."""
    if (match := _LED_TO.match(line)) and "@" not in "".join(notice.lines[max(0, number - 5) : number]):
        return accused(number, match[1], line[match.end() :])
    match = _ENCODED.match(line) or _BEHIND_NAME.match(line) or _AT_START.match(line)
    if match and match[1].lower() not in senders(line) and _is_entry(notice, number, line, match):
        return accused(number, match[1], line[match.end() :])
    if (match := _MAILBOX.fullmatch(line)) and (
        _is_listed(notice, number, match.start(1)) or _heads_reason(notice.lines, number)
    ):
        return accused(number, match[2], "")
    return _accused_in_sentence(number, line) or tuple(_in_statement(number, line))


def _accused_in_sentence(number: int, line: str) -> tuple[Candidate, ...]:
    if (match := _REASON_FIRST.fullmatch(line)) and _is_on_recipient(match[1]):
        return accused(number, match[2], line)
    if (match := _ON_MAILBOX.fullmatch(line)) and _tells_what_is_wrong(match[2]):
        return accused(number, match[1], line)
    return accused(number, match[1], line) if (match := _INSIDE.search(line)) else ()


def _is_entry(notice: Notice, number: int, line: str, address: re.Match[str]) -> bool:
    """Checks whether a line that begins with an address is about it, and not the middle of a wrapped sentence."""
    is_encoded_or_named = not {*line[: address.start(1)]}.isdisjoint("=,")
    if is_encoded_or_named or _is_listed(notice, number, address.start(1)):
        return True
    if _SUPPOSED.search(line):
        return False
    above = notice.lines[number - 1] if number else ""
    is_first = not above.strip() or _LEADING.match(above) is not None or _AT_START.match(above) is not None
    return is_first and tells(line[address.end() :])


def _tells_what_is_wrong(words: str) -> bool:
    """Checks whether words after the name of a mailbox say what is wrong with it, and not what may be."""
    text = folded(words)
    if _SUPPOSED.search(text) or states_success(text) or offers_help(text):
        return False
    return says(text, UNKNOWN) or tells(words) or _WHAT_IS_WRONG.search(text) is not None


def _is_on_recipient(words: str) -> bool:
    """Checks whether the words before an address say that mail to it failed, and do not mean a sender or a helper."""
    text = folded(words)
    return states_failure(text) and not _OF_SENDER.search(text) and not offers_help(text)


def _in_statement(number: int, line: str) -> Iterator[Candidate]:
    """Yields the addresses before the reply on a line such as `Delivery to user@example.org failed: 550 …`."""
    reply = REPLY.search(line)
    if reply is None or _SUPPOSED.search(line):
        return
    if not states_failure(folded(line)) and not _REFUSED.search(line, 0, reply.start()):
        return
    named = [each for each in find_addresses(line[: reply.start()], 20) if each.lower() not in senders(line)]
    yield from (Candidate(address, Strength.ACCUSED, number, _behind(line, named[-1])) for address in named)


def _is_listed(notice: Notice, number: int, indent: int) -> bool:
    """Checks whether a line is below words with a colon, or in a list of addresses with the same indent below them."""
    for line in reversed(notice.lines[max(0, number - REASON_LINES) : number]):
        if line.rstrip().endswith(":"):
            return True
        above = _AT_START.match(line) or _MAILBOX.fullmatch(line)
        if above and above.start(1) == indent:
            continue
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not line.lstrip().startswith(";"):
            return False
    return False


def _heads_reason(lines: tuple[str, ...], number: int) -> bool:
    """Checks whether a line is the first of its paragraph, and a whole sentence stands below it."""
    above, below = lines[max(0, number - 1) : number], "".join(lines[number + 1 : number + 2])
    return not "".join(above).strip() and len(below.strip()) >= REASON_WIDTH and "@" not in below


def _stands_alone(line: str) -> bool:
    """Checks whether a line holds only addresses."""
    parts = (part.strip(DECORATION) for part in re.split(r"[,;]\s|\s{2,20}", line.strip(DECORATION)))
    return all(_ADDRESS_ALONE.fullmatch(part) for part in parts if part)


def _labelled(number: int, label: str, value: str) -> Iterator[Candidate]:
    """Reads `Recipient: user@example.org`, and `Unknown user: user@example.org`, where the label is the reason."""
    name = folded(label)
    is_known = name in RECIPIENT_LABELS
    is_reason = name not in SENDER_LABELS and states_failure(name) and _stands_alone(value)
    if not is_known and not is_reason:
        return
    addresses = find_addresses(value, 50)
    for address in addresses:
        words = _behind(value, addresses[-1]) if is_known else f"{label}: {value}"
        yield Candidate(address, Strength.ACCUSED, number, words)


def _behind(value: str, address: str) -> str:
    """Returns what a label's value says after the address, without the words of the next label."""
    at = value.lower().find(address.lower())
    return value[at + len(address) :].strip(DECORATION) if at >= 0 else ""
