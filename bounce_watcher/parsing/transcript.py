"""The SMTP conversation that a notice shows to people: `>>> RCPT To:<ada@example.org>` and `<<< 550 5.1.1 …`.

Sendmail and its descendants write it below "----- Transcript of session follows -----", Courier below each address,
MDaemon with `-->` and `<--`. `>>>` marks the side that sent the mail, `<<<` the other side. Sendmail's own summary of
an answer follows without a mark (`550 5.1.1 <ada@example.org>... User unknown`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from bounce_watcher.model.address import address_key
from bounce_watcher.parsing.address import find_addresses

MAX_LINES = 1_000  # how many lines of a notice are searched for a conversation
MAX_LINE = 1_000  # how many characters of such a line are read
MAX_ANSWERS = 300  # how many refusals of one conversation are kept
_SAID = "<<< "
_TURN = re.compile(r"(?:[A-Z][a-z]{2} [\d:. -]{8,25}:? )?(>>>|-->|<<<|<--) ?(.*)")
_TURNS = re.compile(r" (?=>>> |<<< |\.\.\. while talking to |[45]\d\d (?:[45]\.\d{1,3}\.\d{1,3} )?\S{1,320}\.\.\. )")
"""Where lines began before a report put its conversation on one line."""

_COMMANDS = {
    "EHLO": "EHLO", "HELO": "EHLO", "LHLO": "EHLO", "STARTTLS": "STARTTLS", "AUTH": "AUTH", "MAIL": "MAIL",
    "RCPT": "RCPT", "DATA": "DATA", "BDAT": "DOT", ".": "DOT",
}  # fmt: skip
_GO_AHEAD = "354"  # the answer to DATA, after which the mail itself is sent
_REFUSAL = re.compile(r"[45]\d\d(?!\d)")
_GOES_ON = re.compile(r"\d\d\d-")
_AFTERMATH = re.compile(
    r"5(?:03|54)[ -][\d.# -]{0,12}(?:.{0,60}\b(?:need|valid|send|missing) rcpt|rcpt first|.{0,40}\brcpt commands were"
    r"|.{0,40}\bno (?:valid )?recipients|bad sequence)",
    re.IGNORECASE,
)
"""Only says that no recipient was left: "503 5.0.0 Need RCPT", "554 Error: no valid recipients"."""
_SUMMARY = re.compile(r"[245]\d\d (?:[245]\.\d{1,3}\.\d{1,3} )?\S{1,320}\.\.\. ")
_OF_RECIPIENT = "... user unknown"
"""Sendmail's summary of a refused recipient. For a refused message it writes `Service unavailable`."""


@dataclass(frozen=True, slots=True)
class RefusalLine:
    """A refusal on one line.

    `stage` is the command that it answers, as in `SmtpReply.stage`; None = not shown. `recipients` are the keys of the
    addresses that it is about, by the command or by Sendmail's summary.
    """

    text: str
    stage: str | None
    recipients: frozenset[str] = frozenset()


def is_summary(line: str) -> bool:
    """Checks whether `line` is Sendmail's summary of an answer: "550 5.1.1 <ada@example.org>... User unknown"."""
    return _SUMMARY.match(line) is not None


def is_first_line(reply: str) -> bool:
    """Checks whether `reply` is the first of several lines: it has a hyphen after its code (RFC 5321 section 4.2.1)."""
    return _GOES_ON.match(reply) is not None


def read_transcript(text: str) -> tuple[RefusalLine, ...]:
    """Returns the refusals that `text` shows, in order, without those that only follow from others. Total.

    With PIPELINING (RFC 2920) Sendmail shows `>>> DATA` even above the answers to RCPT TO. What follows such an answer
    identifies it: Sendmail's own "User unknown", or the server's complaint that DATA came without a recipient.
    """
    if _SAID not in text and "<-- " not in text:
        return ()
    conversation = _Conversation()
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        conversation.read(line[:MAX_LINE].strip())
        if len(conversation.answers) > MAX_ANSWERS:
            break
    conversation.close()
    return tuple(conversation.answers[:MAX_ANSWERS])


def last_refusal(line: str) -> RefusalLine | None:
    """Returns the last refusal of a conversation that a report has put on one line; None if it shows none."""
    answers = read_transcript(_TURNS.sub("\n", line)) if _SAID in line else ()
    return answers[-1] if answers else None


def answer_told(
    answers: Iterable[RefusalLine], diagnostic: str, own: frozenset[str] = frozenset()
) -> RefusalLine | None:
    """Returns the answer that `diagnostic` repeats, whole or cut; one about the addresses with the keys `own` first.

    If there is none, and all answers with its code are of one stage, returns the first of them; else None.
    """
    said, code = _plain(diagnostic), diagnostic[:3]
    if not said:
        return None
    alike = [each for each in answers if each.text.startswith(code)]
    alike.sort(key=lambda each: own.isdisjoint(each.recipients))
    same = next((each for each in alike if _plain(each.text).startswith(said)), None)
    if same is not None:
        return same
    return alike[0] if len({each.stage for each in alike}) == 1 else None


def answer_on(answers: Iterable[RefusalLine], address: str) -> RefusalLine | None:
    """Returns the last answer about `address`; None if no answer is known to be."""
    key = address_key(address)
    return next((each for each in reversed(tuple(answers)) if key in each.recipients), None)


@lru_cache(maxsize=2 * MAX_ANSWERS)  # a report of many recipients needs each answer again
def _plain(reply: str) -> str:
    """Returns the reply in a form in which two prints of it are equal."""
    return " ".join(reply[:MAX_LINE].lower().split())


class _Conversation:
    """A conversation, read line by line. Call `close` at its end.

    `_session`: the number of this server's first answer. `_open`: the last answer continues in the next line.
    `_fresh`: only Sendmail's summary has come since the last answer. `_recipients`: those of the command.
    """

    __slots__ = ("_fresh", "_open", "_recipients", "_session", "_stage", "answers")

    def __init__(self) -> None:
        self.answers: list[RefusalLine] = []
        self._session = 0
        self._stage: str | None = None
        self._recipients: frozenset[str] = frozenset()
        self._open = self._fresh = False

    def read(self, line: str) -> None:
        turn = _TURN.match(line)
        if turn is None:
            self._read_remark(line)
        elif turn[1] in (">>>", "-->"):
            self.close()
            self._fresh = False
            self._stage = _COMMANDS.get(turn[2].partition(" ")[0].upper())
            self._recipients = _named(turn[2]) if self._stage == "RCPT" else frozenset()
        elif _REFUSAL.match(turn[2]):
            self._read_answer(turn[2])
        elif turn[2].startswith(_GO_AHEAD):
            self._stage = "DOT"

    def _read_answer(self, said: str) -> None:
        if self._open:
            last = self.answers[-1]
            self.answers[-1] = replace(last, text=f"{last.text} {said}"[:MAX_LINE])
        else:
            self.answers.append(RefusalLine(said, self._stage, self._recipients or _named(said)))
        self._fresh = True
        self._open = is_first_line(said)
        if not self._open:
            self.close()

    def _read_remark(self, line: str) -> None:
        self.close()
        if "while talking to " in line.lower():
            self._session, self._stage, self._recipients = len(self.answers), "CONNECT", frozenset()
        if not self._fresh or not self.answers:
            return
        last = self.answers[-1]
        self._fresh = is_summary(line)
        if self._fresh:
            last = replace(last, recipients=last.recipients | _named(line))
            self.answers[-1] = _to_rcpt(last) if line.lower().endswith(_OF_RECIPIENT) else last

    def close(self) -> None:
        """Ends the last answer. If it only says that no recipient was left, the ones before it answered RCPT TO."""
        self._open = False
        if len(self.answers) > self._session and _AFTERMATH.match(self.answers[-1].text):
            self.answers.pop()
            self.answers[self._session :] = map(_to_rcpt, self.answers[self._session :])
            self._session = len(self.answers)


def _named(text: str) -> frozenset[str]:
    return frozenset(map(address_key, find_addresses(text, 1))) if "@" in text else frozenset()


def _to_rcpt(answer: RefusalLine) -> RefusalLine:
    return replace(answer, stage="RCPT") if answer.stage == "DATA" else answer
