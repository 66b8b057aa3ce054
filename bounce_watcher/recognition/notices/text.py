"""A notice by lines, paragraphs and sections, the SMTP dialogue in it (RFC 5321), and the places of its addresses."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise

from bounce_watcher.model.address import ProseAddress, address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.lazy import lazy
from bounce_watcher.parsing.address import addresses_within, find_addresses, first_address, set_apart
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import original_headers, split_text
from bounce_watcher.recognition.notices.reasons import BAR, is_on_the_mail
from bounce_watcher.recognition.prose import MAX_TEXT, action_said, bystanders, is_bystander
from bounce_watcher.recognition.signs import has_failure_subject
from bounce_watcher.recognition.vocabulary import folded, offers_help, plain_shapes, states_failure, states_success

MAX_LINES = 1_000  # how many lines of a notice are read
ADDRESS = r"[^\s<>@,;:()\[\]\"|]{1,128}@[^\s<>@,;()\[\]\"|:]{1,250}"
"""The rough form of an address; `first_address` decides."""

_COMMAND = re.compile(rf"\b(rcpt to|mail from)\s?:\s?<?({ADDRESS})?>?", re.IGNORECASE)
_TURN = re.compile(
    r"[^\w]{0,12}(?:[A-Z][a-z]{2} [\d.-]{8,10} [\d:.]{5,12}:? )?(?:<-- )?"
    r"(?:\w[\w ]{0,30}(?:[:>]|<{1,3}|>{1,3})\s{0,3})?([245])\d\d(?:[ -]|$)"
)
_ANY_COMMAND = re.compile(
    r"\b(?:rcpt to|mail from)\s?:|(?:>>>|<<<|-->|[CS]:)\s?(?:data|quit|rset|helo|ehlo|bdat)\b", re.IGNORECASE
)
_ANSWERED = re.compile(r"(?:#|')[45]\d\d [45]\.\d{1,3}\.\d{1,3} ")
_AUTHOR = re.compile(r"\b(?:sent by|sender is|message from|mail from):?$")


_SUCCEEDED = re.compile(
    r"\W{0,6}(?:and )?(?:(?:the|your|this) )?(?:(?:message|mail|e-?mail|it) )?(?:(?:was|has been|were) )?"
    r"(?:successfully )?(?:delivered|relayed)\b(?! yet)"
    r"|.{0,60}\b(?:(?:wurden?|erfolgreich) zugestellt|(?:a|ont) ete (?:remis|livre)|se entrego|fue entregado)\b"
    r"|.{0,40}(?:(?:配送|配信|送達)されました|届きました|已(?:成功)?(?:投递|送达))"
)
"""Begins a heading, folded, above those who have got the mail."""


class Strength(IntEnum):
    """How strongly a place accuses its address."""

    ADDRESSEE = 1  # the original went to it, and to nobody else
    NAMED = 2  # the only address of a notice that says no more
    SENTENCE = 3  # named in the very sentence that reports the failure
    ACCUSED = 4  # in a place where the form puts failed recipients


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at one place of a notice. `line` counts from 0; `words` is what its own line says about it.

    `is_alone`: its sentence names no other.
    """

    address: ProseAddress
    strength: Strength
    line: int
    words: str
    stage: str | None = None
    is_alone: bool = False


_OUTCOMES = {
    Action.DELIVERED: r"(?:ok|sent|accepted)(?=\W*$| ?[(\[])|2\d\d [\w.]\w*"
                      r"|delivered|relayed|success\w*|zugestellt|entregado",
    Action.DELAYED: "delayed|deferred|queued|retrying|verzogert|retarde|retrasado|atrasado",
    Action.FAILED: r"failed|undeliver\w*|not delivered|rejected|bounced",
}
_OUTCOME = re.compile(
    r"\W{0,6}(?:(?:action|result|state|status|outcome|delivery(?: status)?|ergebnis|resultat|resultado)\W{1,4})?(?:"
    + "|".join(rf"(?P<{action.name}>{words})" for action, words in _OUTCOMES.items())
    + r")(?!\w)"
)


def outcome_told(words: str) -> Action | None:
    """Returns the outcome with which the words on one recipient begin: `OK (250 queued)`, `Action: delayed`."""
    match = _OUTCOME.match(folded(words))
    return Action[match.lastgroup] if match and match.lastgroup else None


def accused(line: int, address: str, words: str) -> tuple[Candidate, ...]:
    """Returns the one candidate that the form of a notice accuses; none if `address` holds no mailbox."""
    mailbox = first_address(address)
    return (Candidate(mailbox, Strength.ACCUSED, line, words),) if mailbox else ()


def command_on(line: str) -> re.Match[str] | None:
    """Returns the command on a line, unless the line cites it in its words on an address (Stalwart); else None."""
    match = _COMMAND.search(line) if "@" in line and ":" in line else None
    return match if match and "@" not in line[: match.start()] else None


def next_turn(lines: tuple[str, ...], number: int) -> tuple[str, str] | None:
    """Returns class and text of the reply to the command on a line; None if none comes before the next command."""
    for offset, line in enumerate(lines[number + 1 : number + 4], number + 1):
        if _ANY_COMMAND.search(line):
            return None
        if match := _TURN.match(line):
            start = match.start(1)
            more = _continued(lines[offset + 1 : offset + 6])
            return match[1], " ".join((line[start:], *more))
    return None


def _continued(lines: tuple[str, ...]) -> Iterator[str]:
    """Yields the lines that continue a reply: further ones with a code, and indented ones."""
    for line in lines:
        if not line.strip() or _ANY_COMMAND.search(line) or "@" in line:
            return
        match = _TURN.match(line)
        if match is None and not line.startswith((" ", "\t")):
            return
        yield line[match.start(1) :] if match else line.strip()


@dataclass(frozen=True, eq=False)
class Notice:
    """A text for people, by lines and paragraphs, with the addresses that it may name although they did not fail."""

    message: ParsedMessage
    lines: tuple[str, ...]
    original: Headers | None
    barred: frozenset[str] = field(repr=False)

    @lazy
    def paragraphs(self) -> tuple[tuple[int, int, str], ...]:
        """The first line, the line after the last, and the folded text of each paragraph."""
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
        """The number of each line's paragraph; for a blank line that of the paragraph above, -1 at the top."""
        numbers, number = [], -1
        for line, before in zip(self.lines, ("", *self.lines), strict=False):
            number += bool(line.strip()) and not before.strip()
            numbers.append(number)
        return tuple(numbers)

    @lazy
    def announces(self) -> tuple[bool, ...]:
        """For each paragraph whether it, or a text above it, says that something failed."""
        has_failed, told = has_failure_subject(self.message), []
        for _, _, text in self.paragraphs:
            has_failed = states_failure(text) or (has_failed and not states_success(text))
            told.append(has_failed)
        return tuple(told)

    def announced(self, line: int) -> bool:
        return self.announces[self.paragraph_of[line]]

    def is_answered(self, line: int) -> bool:
        """Checks whether the next line is a reply by RFC 3463, as Exchange writes in every language."""
        return line + 1 < len(self.lines) and _ANSWERED.search(self.lines[line + 1]) is not None

    @lazy
    def _has_helped(self) -> tuple[bool, ...]:
        """For each line whether its paragraph, down to this line, says whom to ask."""
        told, helps = [], False
        for above, line in zip(("", *self.lines), self.lines, strict=False):
            helps = bool(line.strip()) and (helps or offers_help(folded(f"{above}\n{line}")))
            told.append(helps)
        return tuple(told)

    def helps(self, line: int) -> bool:
        """Checks whether the words before a line say whom to ask."""
        number = self.paragraph_of[line]
        above = self.paragraphs[number - 1][2] if number and line == self.paragraphs[number][0] else ""
        return self._has_helped[line] or (above.endswith(":") and offers_help(above))

    @lazy
    def commands(self) -> tuple[tuple[int, re.Match[str]], ...]:
        """Lines with MAIL FROM and RCPT TO."""
        return tuple((number, command) for number, line in enumerate(self.lines) if (command := command_on(line)))

    @lazy
    def shows_replies(self) -> bool:
        return any(next_turn(self.lines, number) for number, _ in self.commands)

    @lazy
    def mailed(self) -> tuple[tuple[int, ProseAddress, tuple[str, str] | None], ...]:
        """Line, address and reply (its class and text, None = not shown) of each RCPT TO that the notice shows."""
        rcpt = ((n, found) for n, found in self.commands if found[1].lower() == "rcpt to")
        named = ((number, first_address(found[2] or "")) for number, found in rcpt)
        return tuple((number, address, next_turn(self.lines, number)) for number, address in named if address)

    @lazy
    def sections(self) -> tuple[Action | None, ...]:
        """For each line the outcome that the bar above it states; None without a bar, or below one that states none."""
        told, said = [], None
        for line in self.lines:
            said = _said_by_bar(line) if BAR.fullmatch(line.strip()) else said
            told.append(said)
        return tuple(told)

    @lazy
    def delivered(self) -> tuple[bool, ...]:
        """For each line whether the bar, or the heading with a colon, above it says that it was delivered to these."""
        told, is_success = [], False
        for line, section in zip(self.lines, self.sections, strict=True):
            if _is_heading(line):
                text = folded(line)
                is_success = states_success(text) or (_SUCCEEDED.match(text) is not None and not states_failure(text))
            elif is_success and states_failure(folded(line)):
                is_success = False
            told.append(is_success or section is Action.DELIVERED)
        return tuple(told)

    @property
    def has_sections(self) -> bool:
        """Whether bars separate failed recipients from those for whom it will be tried again."""
        return len({*self.sections} - {None}) > 1

    def said_of_section(self, line: int) -> Action | None:
        """Returns the outcome that the line itself states, else the bar above it; None if neither does."""
        return _said_by_line(self.lines[line]) or self.sections[line]

    @lazy
    def calls_reader_sender(self) -> bool:
        """Whether the notice names the address that got it as that of the sender."""
        readers = {address_key(each) for value in self.message.headers.get_all("to") for each in find_addresses(value)}
        return not readers.isdisjoint(_called_senders(self.lines))

    def is_candidate(self, address: str) -> bool:
        return not is_bystander(address, self.barred)


@lru_cache(maxsize=8)  # one line may name hundreds of addresses, and each asks
def _said_by_line(line: str) -> Action | None:
    return action_said(folded(line))


def _said_by_bar(line: str) -> Action | None:
    """Returns the outcome in `----- The following addresses had transient non-fatal errors -----`; else None."""
    text = folded(line)
    if states_success(text):
        return Action.DELIVERED
    return action_said(text) or (Action.FAILED if states_failure(text) else None)


def _is_heading(line: str) -> bool:
    """Checks for words alone that end in a colon, as above a list."""
    return "@" not in line and line.rstrip().endswith(":")


def open_notice(message: ParsedMessage) -> Notice:
    """Reads the text of a message above the original as a notice."""
    text = message.text
    if len(message.parts) == 1 and message.content_type == "text/plain" and not message.content.endswith(b"\n"):
        text = text[: text.rfind("\n") + 1]  # a mail that was cut: half a line may hold half an address
    text = set_apart(plain_shapes(split_text(text[:MAX_TEXT])[0]))
    original = original_headers(message)
    lines = tuple(text.split("\n")[:MAX_LINES])
    within = frozenset(map(address_key, addresses_within(text)))
    return Notice(message, lines, original, bystanders(message, original) | _called_senders(lines) | within)


def _called_senders(lines: Iterable[str]) -> frozenset[str]:
    """Returns the keys of addresses that a notice itself calls a sender: `Original Sender: <news@example.com>`."""
    said = [line for line in lines if line.strip()]
    called = [line for line in said if "@" in line and is_on_the_mail(line)]
    called += [line for above, line in pairwise(said) if "@" in line and _AUTHOR.search(folded(above))]
    called += [command[0] for line in said if (command := command_on(line)) and command[1].lower() == "mail from"]
    return frozenset(address_key(address) for line in called for address in find_addresses(line, 20))
