"""Notices of systems that nobody has described, by the few shapes that all of them are built of.

    We could not deliver your message to:        an apology that ends in a colon, then addresses, each with its reason
        user@example.org
           550 5.1.1 User unknown
    <user@example.org>: 550 User unknown         an address, a colon or a bracket, a reply
    Recipient: user@example.org                  labels
    Reason: mailbox full
    Unknown user: user@example.org               the reason first
    >>> RCPT TO:<user@example.org>               the dialogue itself
    <<< 550 User unknown
    Your message to user@example.org couldn't be delivered.

Each place of an address is a candidate of some strength. The strong ones count, and where there are any the weak ones
do not: an address in a sentence may be anybody's. Who sent the original and who wrote the notice never counts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate, pairwise

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Finding
from bounce_watcher.parsing.address import find_addresses, parse_address
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.lazy import lazy
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from bounce_watcher.recognition.merging import each_once, kind_of
from bounce_watcher.recognition.prose import (
    MAX_TEXT,
    MAX_WORDS,
    action_said,
    action_told,
    bystanders,
    finding,
    is_bystander,
)
from bounce_watcher.recognition.reasons import BAR, DECORATION, REASON_LINES, REPLY, Place, Reasons, is_on_the_mail
from bounce_watcher.recognition.recognizer import Recognition
from bounce_watcher.recognition.signs import has_failure_subject, has_null_sender, is_from_itself, is_of_daemon
from bounce_watcher.recognition.vocabulary import (
    RECIPIENT_LABELS,
    SENDER_LABELS,
    UNKNOWN,
    folded,
    offers_help,
    plain_shapes,
    says,
    states_failure,
    states_success,
)

NAME = "notice"
RESORT = "notice-weak"

MAX_LINES = 1_000
"""Lines of a notice that are read."""

MAX_CANDIDATES = 1_000
"""Places of addresses that are kept."""

OPENING_LINES = 15
"""Lines within which a notice says what it is about."""


class Strength(IntEnum):
    """How much a place says against the address that stands there."""

    ADDRESSEE = 1  # the original went to it, and to nobody else
    NAMED = 2  # the only address of a notice that says no more
    SENTENCE = 3  # named in the very sentence that tells of the failure
    ACCUSED = 4  # stands where the form puts failed recipients


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at one place of a notice. `line` counts from 0; `words` is what its own line says of it."""

    address: str
    strength: Strength
    line: int
    words: str
    stage: str | None = None


_ADDRESS = r"[^\s<>@,;:()\[\]\"|]{1,128}@[^\s<>@,;()\[\]\"|:]{1,250}"
_LABELLED = re.compile(r"[\W_]{0,8}([^:<>@]{1,60}?)\s{0,4}[:=]\s{0,8}(\S.*)", re.DOTALL)
_BRACKETED = re.compile(rf"\W{{0,6}}<({_ADDRESS})>\s{{0,3}}(?:\([^()]{{1,400}}\))?\s{{0,3}}(?:[:;,]|\.\.\.|\(|\[|$)")
_NAMED = re.compile(rf"[^<>]{{0,160}}<({_ADDRESS})>\s?:\s")
_LEADING = re.compile(
    rf"[\s*>+\-–•\"'(]{{0,12}}(?![245]\d\d-)({_ADDRESS})[\"')]{{0,2}}"
    r"(?:\s{0,3}(?::(?!//)|\.\.\.|\[|\()|\s(?=[^\s@]{0,200}\b[245]\d\d\b)|\s-\s|, )"
)
_SUMMARY = re.compile(rf"\s{{0,8}}[45]\d\d [45]?[\d.]{{0,12}}\s?<?({_ADDRESS}?)>?\.\.\. \S")
_INSIDE = re.compile(rf"\b(?:address|recipient|rcpt(?: to)?)\s?[:=]\s?<?({_ADDRESS})>?[,;\]]", re.IGNORECASE)
_ENCODED = re.compile(rf"\s{{0,8}}(?:[^@\n]{{0,200}}[;:])?SMTP=({_ADDRESS});?\s", re.IGNORECASE)
_BEHIND_NAME = re.compile(rf"\s{{0,8}}[^\s<>@,:;][^<>@,:;]{{1,80}},\s?({_ADDRESS})(?=\s\()")  # FirstClass
_LED_TO = re.compile(rf"\s{{1,12}}\(?(?:expanded|generated) (?:from:?|by) {{0,3}}<?({_ADDRESS})>?\)?", re.IGNORECASE)
"""Sendmail and Exim, of a program or a file that the address led to."""
_REASON_FIRST = re.compile(
    rf"[\s*>•-]{{0,12}}([^\W_][^@<>:\n]{{3,100}}?)\s[<\"'(]{{0,2}}({_ADDRESS})[>\"')]{{0,3}}[\s.!;,:]{{0,4}}"
)
_WORD = re.compile(r"[^\W\d_]{2,40}")
_MAILBOX = re.compile(rf"[\s*>•-]{{0,12}}([^\s*>•-][^<>@]{{0,100}})<({_ADDRESS})>\s{{0,8}}")
"""`Ada Example <user@example.org>`"""
_REFUSED = re.compile(r"\b(?:fail|reject|refus|error|bounce|denied|unable|return)", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:may|might|would) (?:be|have)\b", re.IGNORECASE)
_OF_SENDER = re.compile(r"\b(?:from|by|at|via|contact|sender|von|durch|par|por|da|od|от)$")
_ADDRESSED = " and addressed to "  # KumoMTA: "from news@example.com and addressed to user@example.org"
_LOCAL_PART = re.compile(r"\s{1,12}([\w.+'-]{1,64}) \(([^()]{3,200})\)\s*")
_COMMAND = re.compile(rf"\b(rcpt to|mail from)\s?:\s?<?({_ADDRESS})?>?", re.IGNORECASE)
_TURN = re.compile(
    r"[^\w]{0,12}(?:[A-Z][a-z]{2} [\d.-]{8,10} [\d:.]{5,12}:? )?(?:<-- )?"
    r"(?:\w[\w ]{0,30}(?:[:>]|<{1,3}|>{1,3})\s{0,3})?([245])\d\d(?:[ -]|$)"
)
_ANY_COMMAND = re.compile(
    r"\b(?:rcpt to|mail from)\s?:|(?:>>>|<<<|-->|[CS]:)\s?(?:data|quit|rset|helo|ehlo|bdat)\b", re.IGNORECASE
)
_ADDRESS_ALONE = re.compile(
    rf"(?:rfc822;\s?|smtp[:=]|mailto:|to:)?{_ADDRESS}(?:\s?<(?:mailto:|smtp:)?{_ADDRESS}>?)?", re.IGNORECASE
)
_ANSWERED = re.compile(r"(?:#|')[45]\d\d [45]\.\d{1,3}\.\d{1,3} ")
_AUTHOR = re.compile(r"\b(?:sent by|sender is|message from|mail from):?$")
_ENVIRONMENT = re.compile(r"(?!(?i:smtp)=)[\w-]{1,40}=[^\s@]{1,128}@")
_AT_START = re.compile(rf"[\s*>•-]{{0,12}}[<\"']?(?![245]\d\d-)({_ADDRESS})[>\"']?\s")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_FROM_SOMEBODY = re.compile(
    rf"\b(?:from|by|sender(?: address)?(?: is)?|von|de|da|od|от)[:\s]{{1,3}}[\"'(]?<?({_ADDRESS})>?",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Notice:
    """A text for people, by lines and paragraphs, with what may stand in it without having failed."""

    message: ParsedMessage
    lines: tuple[str, ...]
    original: Headers | None
    barred: frozenset[str] = field(repr=False)

    @lazy
    def paragraphs(self) -> tuple[tuple[int, int, str], ...]:
        """First line, line behind the last, folded text."""
        found, start = [], None
        for number, line in enumerate((*self.lines, "")):
            if line.strip():
                start = number if start is None else start
            elif start is not None:
                found.append((start, number, folded("\n".join(self.lines[start:number]))))
                start = None
        return tuple(found)

    @lazy
    def paragraph_of(self) -> tuple[int, ...]:
        """The number of each line's paragraph; of a blank line that of the one above it, -1 at the top."""
        numbers, number = [], -1
        for line, before in zip(self.lines, ("", *self.lines), strict=False):
            number += bool(line.strip()) and not before.strip()
            numbers.append(number)
        return tuple(numbers)

    @lazy
    def announces(self) -> tuple[bool, ...]:
        """For each paragraph whether what stands there has been said to have failed, by it or above it."""
        has_failed, told = has_failure_subject(self.message), []
        for _, _, text in self.paragraphs:
            has_failed = states_failure(text) or (has_failed and not states_success(text))
            told.append(has_failed)
        return tuple(told)

    def announced(self, line: int) -> bool:
        return self.announces[self.paragraph_of[line]]

    def is_answered(self, line: int) -> bool:
        """Whether the next line is a reply by RFC 3463, as Exchange's is in whatever language it writes."""
        return line + 1 < len(self.lines) and _ANSWERED.search(self.lines[line + 1]) is not None

    @lazy
    def _has_helped(self) -> tuple[bool, ...]:
        """For each line whether its paragraph, down to it, tells whom to ask."""
        told, helps = [], False
        for above, line in zip(("", *self.lines), self.lines, strict=False):
            helps = bool(line.strip()) and (helps or offers_help(folded(f"{above}\n{line}")))
            told.append(helps)
        return tuple(told)

    def helps(self, line: int) -> bool:
        """Whether the words in front of a line tell whom to ask."""
        number = self.paragraph_of[line]
        above = self.paragraphs[number - 1][2] if number and line == self.paragraphs[number][0] else ""
        return self._has_helped[line] or (above.endswith(":") and offers_help(above))

    @lazy
    def commands(self) -> tuple[tuple[int, re.Match[str]], ...]:
        """Lines with MAIL FROM and RCPT TO."""
        return tuple((number, command) for number, line in enumerate(self.lines) if (command := _command(line)))

    @lazy
    def shows_replies(self) -> bool:
        return any(_next_turn(self.lines, number) for number, _ in self.commands)

    @lazy
    def mailed(self) -> tuple[tuple[int, str, tuple[str, str] | None], ...]:
        """Line, address and reply (its class and text, None = not shown) of each RCPT TO that the notice shows."""
        rcpt = ((n, found) for n, found in self.commands if found[1].lower() == "rcpt to")
        named = ((number, parse_address(found[2] or "")) for number, found in rcpt)
        return tuple((number, address, _next_turn(self.lines, number)) for number, address in named if address)

    @lazy
    def sections(self) -> tuple[Action | None, ...]:
        """For each line what the bar above it says became of the mail; None where no bar does."""
        return tuple(accumulate(map(_said_by_bar, self.lines), lambda above, here: here or above))

    @property
    def has_sections(self) -> bool:
        """Whether bars part those who failed from those for whom it will be tried again."""
        return len({*self.sections} - {None}) > 1

    def said_of_section(self, line: int) -> Action | None:
        """What the line itself, else the bar above it, says became of the mail; None where neither tells."""
        return action_said(folded(self.lines[line])) or self.sections[line]

    def is_candidate(self, address: str) -> bool:
        return not is_bystander(address, self.barred)


def _said_by_bar(line: str) -> Action | None:
    """What `----- The following addresses had transient non-fatal errors -----` says; None of other lines."""
    text = folded(line) if BAR.fullmatch(line.strip()) else ""
    return action_said(text) or (Action.FAILED if states_failure(text) else None)


@lru_cache(maxsize=1)  # asked twice: for the strong places, and when all else has failed for the weak
def read_notice(message: ParsedMessage) -> tuple[Notice, tuple[Candidate, ...]]:
    """The notice of a message and every candidate in it, bystanders among them."""
    text = plain_shapes(split_text(_whole_lines(message)[:MAX_TEXT])[0])
    original = original_headers(message)
    lines = tuple(text.split("\n")[:MAX_LINES])
    notice = Notice(message, lines, original, bystanders(message, original) | _called_senders(lines))
    found = [*_in_dialogue(notice), *_in_lines(notice), *_in_sentences(notice)]
    return notice, tuple(each for each in found[:MAX_CANDIDATES] if each.address)


def _called_senders(lines: Iterable[str]) -> frozenset[str]:
    """Keys of the addresses that a notice itself calls a sender: `Original Sender: <news@example.com>`."""
    said = [line for line in lines if line.strip()]
    called = [line for line in said if "@" in line and is_on_the_mail(line)]
    called += [line for above, line in pairwise(said) if "@" in line and _AUTHOR.search(folded(above))]
    called += [command[0] for line in said if (command := _command(line)) and command[1].lower() == "mail from"]
    return frozenset(address_key(address) for line in called for address in find_addresses(line, 20))


def _whole_lines(message: ParsedMessage) -> str:
    """The text; without its last line where that has no end: half a line may hold half an address."""
    text = message.text
    return text[: text.rfind("\n") + 1] if len(message.parts) == 1 and message.content_type == "text/plain" else text


def recognise(message: ParsedMessage) -> Recognition | None:
    """Addresses that stand where the form of the notice accuses them."""
    notice, candidates = read_notice(message)
    return _recognition(notice, _of(notice, candidates, Strength.ACCUSED), NAME)


def accused_addresses(message: ParsedMessage) -> tuple[str, ...]:
    """The addresses that `recognise` would take, without what is said of them."""
    notice, candidates = read_notice(message)
    return tuple(each.address for each in _of(notice, candidates, Strength.ACCUSED))


def by_text(message: ParsedMessage) -> Recognition | None:
    """As `recognise`, where the first lines of the text themselves say that something was not delivered.

    Behind the null return path and with a reply in it, a sentence that tells of the failure is believed as well.
    """
    notice, _ = read_notice(message)
    opening = [line for line in notice.lines if line.strip()][:OPENING_LINES]
    if not states_failure(folded("\n".join(opening))):
        return None
    quotes_reply = has_null_sender(message) and any(REPLY.search(line) for line in opening)
    return recognise(message) or (resort(message) if quotes_reply else None)


def resort(message: ParsedMessage) -> Recognition | None:
    """What is left: the address of the sentence, the only one that is named, the only one that was mailed.

    What a mailer daemon writes behind the null return path need not tell of the failure in words that are known.
    """
    notice, candidates = read_notice(message)
    if not (any(notice.announces) or is_of_daemon(message)) or not is_from_itself(message):
        return None
    told = _of(notice, candidates, Strength.SENTENCE)
    accused = any(each.strength is Strength.ACCUSED for each in candidates)  # though it can't be meant
    if not told and not accused:
        told = _local_parts(notice) or _only_one(notice)
    return _recognition(notice, told, RESORT)


def _of(notice: Notice, candidates: Iterable[Candidate], strength: Strength) -> list[Candidate]:
    """The candidates of one strength; those without a domain of some dots only where there are no others."""
    found = [each for each in candidates if each.strength is strength and notice.is_candidate(each.address)]
    return [each for each in found if "." in each.address.rpartition("@")[2]] or found


def _recognition(notice: Notice, told: list[Candidate], name: str) -> Recognition | None:
    spans = tuple((first, last) for first, last, _ in notice.paragraphs)
    reasons = Reasons(notice.lines, spans, tuple(map(_place, told)))
    is_divided = len({address_key(each.address) for each in told}) > 1 or notice.has_sections
    of_all = action_told(notice.message, "\n".join(notice.lines))
    findings = each_once(_finding(each, reasons, name, notice if is_divided else None, of_all) for each in told)
    return Recognition(kind_of(findings), findings, sent_message(notice.original)) if findings else None


def _place(candidate: Candidate) -> Place:
    is_whole = candidate.stage is not None or candidate.strength is Strength.SENTENCE
    words = candidate.words if candidate.strength > Strength.ADDRESSEE else ""
    return Place(address_key(candidate.address), candidate.line, words, candidate.stage, is_whole)


def _finding(candidate: Candidate, reasons: Reasons, name: str, divided: Notice | None, of_all: Action) -> Finding:
    """`divided`: the notice, where it speaks of several, of whom some may have failed and others be delayed."""
    told = reasons.of(address_key(candidate.address))
    words = told.words or candidate.words
    own = divided.said_of_section(candidate.line) if divided else None
    found = finding(name, "1", candidate.address, words, own or of_all)
    return replace(found, report=replace(found.report, stage=told.stage))


# Where addresses stand


def _in_dialogue(notice: Notice) -> Iterator[Candidate]:
    """RCPT TO with the reply below it. One that was taken with 2xx accuses nobody.

    Nor does one whose reply is lost, where the notice shows replies: James shows the commands alone.
    """
    for number, address, reply in notice.mailed:
        if reply and reply[0] != "2":
            yield Candidate(address, Strength.ACCUSED, number, reply[1], "RCPT")
        elif not reply and not notice.shows_replies and notice.announced(number):
            yield Candidate(address, Strength.ACCUSED, number, "")


def _command(line: str) -> re.Match[str] | None:
    """The command on a line, unless it is cited in what the line says of an address (Stalwart)."""
    match = _COMMAND.search(line) if "@" in line and ":" in line else None
    return match if match and "@" not in line[: match.start()] else None


def _next_turn(lines: tuple[str, ...], number: int) -> tuple[str, str] | None:
    """Class and text of the reply to the command on a line; None where none follows before the next command."""
    for offset, line in enumerate(lines[number + 1 : number + 4], number + 1):
        if _ANY_COMMAND.search(line):
            return None
        if match := _TURN.match(line):
            start = match.start(1)
            more = _continued(lines[offset + 1 : offset + 6])
            return match[1], " ".join((line[start:], *more))
    return None


def _continued(lines: tuple[str, ...]) -> Iterator[str]:
    """Lines that go on with a reply: further ones with a code, and indented ones."""
    for line in lines:
        if not line.strip() or _ANY_COMMAND.search(line) or "@" in line:
            return
        match = _TURN.match(line)
        if match is None and not line.startswith((" ", "\t")):
            return
        yield line[match.start(1) :] if match else line.strip()


def _in_lines(notice: Notice) -> Iterator[Candidate]:
    for number, line in enumerate(notice.lines):
        if "@" not in line or _command(line) or _ENVIRONMENT.match(line):
            continue
        yield from _in_line(notice, number, line[:1_000])


def _in_line(notice: Notice, number: int, line: str) -> Iterator[Candidate]:
    """The candidates of one line, by the first shape that it has."""
    announced = notice.announced(number)
    if found := _accused(notice, number, line, announced=announced):
        yield from found
    elif (announced or notice.is_answered(number)) and _stands_alone(line):
        if not notice.helps(number):
            yield from (Candidate(each, Strength.ACCUSED, number, "") for each in find_addresses(line, 50))
    elif announced and (labelled := _LABELLED.fullmatch(line)):
        yield from _labelled(number, labelled[1], labelled[2])


def _accused(notice: Notice, number: int, line: str, *, announced: bool) -> tuple[Candidate, ...] | None:
    """The address that a line begins with, or calls a recipient in its midst; None where the line has no such shape."""
    if match := _SUMMARY.match(line):
        return _candidate(number, match[1], line.strip())
    if match := _BRACKETED.match(line) or _LEADING.match(line) or _NAMED.match(line):
        words = line[match.end(1) :]
        is_meant = (announced and not states_success(folded(words))) or REPLY.search(words)
        return _candidate(number, match[1], line[match.end(1) :]) if is_meant else ()
    return _accused_in_words(notice, number, line) if announced else None


def _accused_in_words(notice: Notice, number: int, line: str) -> tuple[Candidate, ...]:
    """As `_accused`, by shapes that mean so only where it has been said that something failed."""
    if (match := _LED_TO.match(line)) and "@" not in "".join(notice.lines[max(0, number - 5) : number]):
        return _candidate(number, match[1], line[match.end() :])
    match = _ENCODED.match(line) or _BEHIND_NAME.match(line) or _AT_START.match(line)
    if match and _is_entry(notice, number, line, match):
        return _candidate(number, match[1], line[match.end() :])
    if (match := _MAILBOX.fullmatch(line)) and _is_listed(notice, number, match.start(1)):
        return _candidate(number, match[2], "")
    if (match := _REASON_FIRST.fullmatch(line)) and _is_on_recipient(match[1]):
        return _candidate(number, match[2], line)
    if match := _INSIDE.search(line):
        return _candidate(number, match[1], line)
    return tuple(_in_statement(number, line))


def _is_entry(notice: Notice, number: int, line: str, address: re.Match[str]) -> bool:
    """Whether a line that begins with an address is about it, not the middle of a sentence that was wrapped there."""
    is_encoded_or_named = not {*line[: address.start(1)]}.isdisjoint("=,")
    if is_encoded_or_named or _is_listed(notice, number, address.start(1)):
        return True
    if _SUPPOSED.search(line):
        return False
    above = notice.lines[number - 1] if number else ""
    is_first = not above.strip() or _LEADING.match(above) is not None or _AT_START.match(above) is not None
    return is_first and _tells(line[address.end() :])


def _tells(words: str) -> bool:
    """Whether the words behind an address say what became of the mail."""
    return REPLY.search(words) is not None or action_said(text := folded(words)) is not None or states_failure(text)


def _is_on_recipient(words: str) -> bool:
    """Whether the words in front of an address say of it, and not of a sender or a helper, that the mail failed."""
    text = folded(words)
    return states_failure(text) and not _OF_SENDER.search(text) and not offers_help(text)


def _in_statement(number: int, line: str) -> Iterator[Candidate]:
    """`Delivery to user@example.org failed: 550 …`: those whom a line names between its failure and its reply."""
    reply = REPLY.search(line)
    if reply is None or _SUPPOSED.search(line):
        return
    if not states_failure(folded(line)) and not _REFUSED.search(line, 0, reply.start()):
        return
    named = [each for each in find_addresses(line[: reply.start()], 20) if each.lower() not in _senders(line)]
    for address in named:
        yield Candidate(address, Strength.ACCUSED, number, _behind(line, named[-1]))


def _is_one_list(text: str, addresses: list[str]) -> bool:
    """Whether nothing is said between the addresses, so that what is said is said of all of them."""
    places = [(at := text.lower().find(each.lower()), at + len(each)) for each in addresses]
    return all(len(_WORD.findall(text, end, start)) <= 1 for (_, end), (start, _) in pairwise(places))


def _senders(sentence: str) -> set[str]:
    """The addresses, in lower case, that a sentence says the mail came from."""
    return {address.lower() for address in _FROM_SOMEBODY.findall(sentence)}


def _candidate(number: int, address: str, words: str) -> tuple[Candidate, ...]:
    mailbox = parse_address(address)
    return (Candidate(mailbox, Strength.ACCUSED, number, words),) if mailbox else ()


def _is_listed(notice: Notice, number: int, indent: int) -> bool:
    """Whether a line stands below words with a colon, or below another address of its list as far left as it."""
    for line in reversed(notice.lines[max(0, number - REASON_LINES) : number]):
        if line.rstrip().endswith(":"):
            return True
        above = _AT_START.match(line) or _MAILBOX.fullmatch(line)
        if above and above.start(1) == indent:
            continue
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not line.lstrip().startswith(";"):
            return False
    return False


def _stands_alone(line: str) -> bool:
    """Whether a line holds addresses and nothing else."""
    parts = (part.strip(DECORATION) for part in re.split(r"[,;]\s|\s{2,20}", line.strip(DECORATION)))
    return all(_ADDRESS_ALONE.fullmatch(part) for part in parts if part)


def _labelled(number: int, label: str, value: str) -> Iterator[Candidate]:
    """`Recipient: user@example.org`, and `Unknown user: user@example.org`, whose label is the reason."""
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
    """What a label's value says after the address: the next label's words are no part of it."""
    at = value.lower().find(address.lower())
    return value[at + len(address) :].strip(DECORATION) if at >= 0 else ""


def _in_sentences(notice: Notice) -> Iterator[Candidate]:
    """Addresses in a sentence that tells of a failure, but for those that it says the mail came from."""
    for first, last, text in notice.paragraphs:
        if "@" not in text or not (states_failure(text) or (_ADDRESSED in text and notice.announced(first))):
            continue
        paragraph = " ".join(line for line in notice.lines[first:last] if not _command(line))
        start = 0
        for end in (*(match.end() for match in _SENTENCE_END.finditer(paragraph)), len(paragraph)):
            sentence, start = paragraph[start:end], end
            told = folded(sentence)
            if "@" not in sentence or not (states_failure(told) or _ADDRESSED in told) or offers_help(told):
                continue
            senders = _senders(sentence)
            named = [each for each in find_addresses(sentence, 20) if each.lower() not in senders]
            words = sentence + paragraph[end:][:MAX_WORDS] if _is_one_list(sentence, named) else ""
            yield from (Candidate(each, Strength.SENTENCE, first, words) for each in named)


def _only_one(notice: Notice) -> list[Candidate]:
    """The one address that the notice names at all, else the one that the original was sent to.

    Only where the text itself tells of a failure, in words or by a reply: the subject alone is too little for that.
    """
    text = "\n".join(notice.lines)
    if not (states_failure(folded(text)) or REPLY.search(text) or says(folded(text), UNKNOWN)):
        return []
    unrefused = (address for _, address, reply in notice.mailed if (reply[0] == "2" if reply else notice.shows_replies))
    others = _senders(text) | {address.lower() for address in unrefused}
    found = (each for each in find_addresses(text) if notice.is_candidate(each))
    named = {address_key(each): each for each in found if each.lower() not in others}
    if len(named) == 1:
        address = next(iter(named.values()))
        line = next((n for n, line in enumerate(notice.lines) if address.lower() in line.lower()), 0)
        is_meant = not notice.helps(line) and not states_success(notice.paragraphs[notice.paragraph_of[line]][2])
        return [Candidate(address, Strength.NAMED, line, notice.lines[line])] if is_meant else []
    if named or notice.original is None:
        return []
    addressees = find_addresses(notice.original.get("to") or "", 2)
    words = " ".join(line for line in notice.lines if not is_on_the_mail(line))
    return [Candidate(each, Strength.ADDRESSEE, 0, words) for each in addressees if len(addressees) == 1]


def _local_parts(notice: Notice) -> list[Candidate]:
    """`user (user not found)`, as GroupWise writes: the original, else the notice's From, tells the domain."""
    original = notice.original.get_all("to") + notice.original.get_all("cc") if notice.original else []
    mailed = {each.partition("@")[0].lower(): each for field in original for each in find_addresses(field)}
    domain = (parse_address(notice.message.headers.get("from") or "") or "").rpartition("@")[2]
    found = []
    for number, line in enumerate(notice.lines):
        match = _LOCAL_PART.fullmatch(line) if domain and "@" not in line else None
        if match and notice.announced(number) and _tells(match[2]):
            address = mailed.get(match[1].lower(), f"{match[1]}@{domain}")
            found.append(Candidate(address, Strength.NAMED, number, match[2]))
    return found
