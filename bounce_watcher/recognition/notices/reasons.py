"""Finds the words of a notice on each address; if it occurs several times, those with a reply, else the nearest.

    first@example.org             two addresses of one list, and below it the reason of both
    second@example.org

    The reason was:
    550 5.1.1 No such user

The nearest words are, in this order: the rest of the address's line and the lines below it; the next paragraph with a
reply, above the next address; what a label calls the reason; a reply above all addresses; the words around the address.
Words between another address and its own reason never count.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from bounce_watcher.model.lazy import lazy
from bounce_watcher.parsing.charset import one_line
from bounce_watcher.parsing.transcript import RefusalLine, answer_on, answer_told, is_summary, read_transcript
from bounce_watcher.recognition.prose import MAX_PLACES
from bounce_watcher.recognition.vocabulary import (
    REASON_ENDS,
    REASON_LABELS,
    REASON_STARTS,
    SENDER_LABELS,
    folded,
    offers_help,
    states_failure,
    states_retry,
)

REASON_LINES = 12  # how many lines below an address are read for its reason
REPLY = re.compile(
    r"(?<![\w.:/#-])#?[45]\d\d(?:[ -]#?[45]\.\d{1,3}\.\d{1,3})?[ -]\S|(?<![\w.])\(?#?[45]\.\d{1,3}\.\d{1,3}(?![\w.])"
)
DECORATION = " \t*>+-–•\"'()[]<>,;.:|=#"  # characters around addresses and labels that are not part of them
_RULE = re.compile(r"[\W_]{4,200}")
BAR = re.compile(r"[\W_]{3,80}([^\W_][^\n]{0,80}?)[\W_]{2,80}")
_SENTENCE = re.compile(r"[^.!?。！？]{1,500}(?:\.(?! )[^.!?。！？]{1,500}){0,20}[.!?。！？]?")
_ENTRY = re.compile(r"([ \t]*)[<\"']?([^\s<>@\"':,]{1,128}@[^\s<>@\"':,]{1,250})[>\"']?(?=[\s:,]|\.\.\.)")
"""A line of a table: an address, accused or not, and what is said about it."""

_NAMES_SOMEBODY = re.compile(r"@[\w-]{1,63}\.\w")  # "W32.Novarg.A@mm" names a virus
_NEXT_HOST = "... while talking to "
_STEP = re.compile(
    r"\b(?:SMTP [Cc]ommand|STEP|[Ss]tep)[ :]{1,3}(RCPT|DATA|MAIL|rcpt|data)\b"
    r"|\b(?:in|during|for|SMTP:) ?(RCPT|DATA|MAIL|TEXT)\b"
)


@dataclass(frozen=True, slots=True)
class AddressPlace:
    """A place of an address. `words`: what its line says about it; `is_whole`: no line below continues them."""

    key: str
    line: int
    words: str
    stage: str | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says about an address, and the refused SMTP command; None if the notice does not show it."""

    words: str
    stage: str | None = None


@dataclass(frozen=True, eq=False)
class Reasons:
    """A notice by lines and paragraphs (first line, line after the last), and the places of the accused addresses."""

    lines: tuple[str, ...] = field(repr=False)
    paragraphs: tuple[tuple[int, int], ...]
    places: tuple[AddressPlace, ...]

    def of(self, key: str) -> Told:
        """Returns everything that the notice says about one address; empty words if it says nothing.

        Sendmail's own "User unknown" below `<<< 553 Sender refused` does not count: no server said it.
        """
        if key not in self._found:
            self._found[key] = self._search(key)
        return self._found[key]

    @lazy
    def _found(self) -> dict[str, Told]:
        """Earlier results: a notice may name one address on a thousand lines."""
        return {}

    def _search(self, key: str) -> Told:
        places = self._by_key.get(key, [])[:MAX_PLACES]
        own = [self._leading(place) or Told(self._beside(place), place.stage) for place in places]
        told = next((each for each in own if REPLY.search(each.words)), None)
        if told is None:
            told = self._with_more(next((each for each in own if each.words), Told("")), places)
        if is_summary(told.words) and (answer := answer_on(self._answers, key)):
            told = Told(answer.text, answer.stage)
        return Told(told.words, told.stage or _step(told.words) or self._stage_shown(told.words, key))

    def _stage_shown(self, words: str, key: str) -> str | None:
        """Returns the command that a conversation further down shows the reply in `words` to answer, if it does."""
        reply = REPLY.search(words)
        if reply is None:
            return None
        answer = answer_told(self._answers, words[reply.start() :].strip(DECORATION), frozenset({key}))
        return answer.stage if answer else None

    @lazy
    def _answers(self) -> tuple[RefusalLine, ...]:
        return read_transcript("\n".join(self.lines))

    @lazy
    def _by_key(self) -> dict[str, list[AddressPlace]]:
        found: dict[str, list[AddressPlace]] = {}
        for place in sorted(self.places, key=lambda place: (place.stage is None, place.line)):
            found.setdefault(place.key, []).append(place)
        return found

    @lazy
    def _keys_at(self) -> dict[int, set[str]]:
        """The keys of the addresses on each line, in the order of the lines."""
        found: dict[int, set[str]] = {}
        for place in sorted(self.places, key=lambda place: place.line):
            found.setdefault(place.line, set()).add(place.key)
        return found

    @lazy
    def _taken(self) -> list[int]:
        return list(self._keys_at)

    @lazy
    def _blocks(self) -> dict[int, tuple[int, int]]:
        """For each line of an address the first and last line of its list: addresses with nothing said in between.

        If words follow the last address without a gap, they are about that one alone, and there is no list.
        """
        bare = dict.fromkeys(self._taken, True)
        for place in self.places:
            bare[place.line] &= not place.words.strip(DECORATION)
        found: dict[int, tuple[int, int]] = {}
        run: list[int] = []
        for line, below in pairwise((*self._taken, len(self.lines))):
            run.append(line)
            goes_on = bare[line] and bare.get(below) and not any(each.strip() for each in self.lines[line + 1 : below])
            if not goes_on:
                is_list = line + 1 >= len(self.lines) or self._is_border(self.lines[line + 1])
                found |= dict.fromkeys(run, (run[0], run[-1])) if is_list else {each: (each, each) for each in run}
                run = []
        return found

    @lazy
    def _reply_lines(self) -> list[int]:
        return [number for number, line in enumerate(self.lines) if REPLY.search(line)]

    @lazy
    def _labels(self) -> list[tuple[int, str]]:
        """Lines that introduce a reason, and the reason: on the line, or in the paragraph below it."""
        return [(number, text) for number, line in enumerate(self.lines) if (text := self._introduced(number, line))]

    def _beside(self, place: AddressPlace) -> str:
        """Returns the words of the line and of those below it, or below its list, without a gap."""
        if place.is_whole:
            return one_line(place.words)
        last = self._blocks[place.line][1]
        chunks = [place.words]
        entry = self.lines[place.line]
        is_entry, indent = bool(place.words.strip(DECORATION)), len(entry) - len(entry.lstrip())
        for number in range(last + 1, min(len(self.lines), last + 1 + REASON_LINES)):
            line = self.lines[number]
            if self._is_border(line) or self._keys_at.get(number, {place.key}) != {place.key}:
                break
            if is_entry and (other := _ENTRY.match(line)) and len(other[1]) <= indent and other[2].lower() != place.key:
                break
            chunks.append(line)
        return one_line(" ".join(chunks)).lstrip(">:;,.)]\"' ")

    def _leading(self, place: AddressPlace) -> Told | None:
        """Returns the reason above an address in its own paragraph, if all addresses there stand below theirs.

            550 5.1.1 No such user              the paragraph begins with a reason
            first@example.org                   and ends with an address

        Only of several recipients: "Reason: …" below one of them would be taken for the next one's.
        """
        if len(self._by_key) == 1 or place.is_whole or place.words.strip(DECORATION) or not self.paragraphs:
            return None
        first, last = self._paragraph(place.line)
        taken = self._taken[bisect_right(self._taken, first - 1) : bisect_right(self._taken, last - 1)]
        reasons = [n for n in self._reason_lines if first <= n < last]
        if not reasons or reasons[0] > taken[0] or taken[-1] != last - 1:
            return None
        above = max((line for line in taken if line < place.line), default=first - 1)
        own = [n for n in reasons if above < n < place.line]
        return Told(one_line(" ".join(self.lines[own[0] : place.line]))) if own else None

    @lazy
    def _reason_lines(self) -> list[int]:
        labels = {number for number, _ in self._labels if self.lines[number].partition(":")[2].strip()}
        return sorted(labels.union(self._reply_lines).difference(self._taken))

    def _is_border(self, line: str) -> bool:
        text = line.strip()
        is_bar = _RULE.fullmatch(text) or BAR.fullmatch(text)
        return not text or is_bar is not None or text.startswith(_NEXT_HOST) or is_on_the_mail(text)

    def _with_more(self, said: Told, places: list[AddressPlace]) -> Told:
        for place in places:
            if below := self._below(place):
                # Beside a reason that is named, a sentence adds nothing but whom it names: the sender, for one.
                own = said.words if "@" not in said.words or REPLY.search(below.words) else ""
                return Told(f"{own} {below.words}".lstrip(), said.stage or below.stage)
        further = self._reply_above or (self._around(places[0]) if places else "")
        if places and not said.words and (further if self._reply_above else self._above(places[0])).endswith(":"):
            further = f"{self._opening(places[0])} {further}".lstrip()
        return Told(" ".join(filter(None, (said.words, further))), said.stage)

    def _below(self, place: AddressPlace) -> Told | None:
        """Returns the first reply further down, else what a label calls the reason, both above the next address."""
        start = self._blocks[place.line][1]
        below = self._taken[bisect_right(self._taken, start) :]
        end = next((each for each in below if self._keys_at[each] != {place.key}), len(self.lines))
        at = bisect_right(self._reply_lines, start)
        if at < len(self._reply_lines) and (line := self._reply_lines[at]) < end:
            first, last = self._paragraph(line)
            return _answer(self.lines[max(first, start + 1) : min(last, end)])
        is_alone = len(self._by_key) == 1
        labelled = (text for line, text in self._labels if is_alone or start < line < end)
        return next((Told(text) for text in labelled), None)

    def _paragraph(self, line: int) -> tuple[int, int]:
        return self.paragraphs[bisect_right(self.paragraphs, (line, len(self.lines) + 1)) - 1]

    @lazy
    def _reply_above(self) -> str:
        """The nearest paragraph with a reply above all addresses: MailMarshal writes the reason first."""
        top = self._taken[0] if self._taken else 0
        line = next((each for each in reversed(self._reply_lines) if each < top), None)
        if line is None:
            return ""
        first, last = self._paragraph(line)
        return one_line(" ".join(self.lines[first : min(last, top)]))

    def _around(self, place: AddressPlace) -> str:
        """Returns the words above an address, and, if no other is accused, the paragraph below it.

        "Your mail to / ada@example.org / could not be delivered, because the mailbox is full".
        """
        above, is_alone = self._above(place), len(self._by_key) == 1
        is_of_others = "@" in above and not is_alone
        return " ".join(filter(None, ("" if is_of_others else above, self._after(place) if is_alone else "")))

    def _after(self, place: AddressPlace) -> str:
        first, last = next((span for span in self.paragraphs if span[0] > place.line), (0, 0))
        below = self.lines[first : min(last, first + REASON_LINES)]
        lines = tuple(takewhile(lambda line: not _RULE.fullmatch(line.strip()), below))
        if any(map(self._is_border, lines)):
            return ""
        sentences = _SENTENCE.findall(one_line(" ".join(lines)))
        return " ".join(takewhile(_is_on_the_failure, map(str.strip, sentences)))

    def _above(self, place: AddressPlace) -> str:
        """Returns the words above an address in its paragraph, else the paragraph above that."""
        top = self._blocks[place.line][0]
        if not self.paragraphs or top < self.paragraphs[0][0]:
            return ""
        first, _ = self._paragraph(top)
        number = bisect_right(self.paragraphs, (first, len(self.lines) + 1)) - 1
        start = first if first < top else self.paragraphs[number - 1][0] if number > 0 else top
        is_taken = any(start <= line < top for line in self._taken[bisect_right(self._taken, start - 1) :][:1])
        if is_taken or (first == top and self._opens_list(number - 2)):
            return ""
        return one_line(" ".join(line for line in self.lines[start:top] if not self._is_border(line)))

    def _opening(self, place: AddressPlace) -> str:
        """Returns the paragraph above the one that opens the list, if it reports a failure itself.

        "Remote host is not responding. It was not delivered. / The following recipients did not receive it: / …"
        """
        top = self._blocks[place.line][0]
        number = bisect_right(self.paragraphs, (top, len(self.lines) + 1)) - 1
        number -= self.paragraphs[number][0] == top
        first, last = self.paragraphs[number - 1] if number > 0 else (0, 0)
        text = one_line(" ".join(self.lines[first : min(last, first + REASON_LINES)]))
        return text if "@" not in text and states_failure(folded(text)) else ""

    def _opens_list(self, paragraph: int) -> bool:
        """Checks whether a paragraph announces recipients: then the one below is about somebody without an address."""
        if paragraph < 0:
            return False
        line = self.paragraphs[paragraph][1] - 1
        is_reason = any(line == labelled for labelled, _ in self._labels)
        return self.lines[line].rstrip().endswith(":") and not is_reason

    def _introduced(self, number: int, line: str) -> str:
        label, colon, value = line.partition(":")
        name = folded(label).strip(DECORATION)
        is_label = name in REASON_LABELS or name.endswith(REASON_ENDS)
        is_label = is_label or (not value.strip() and name.startswith(REASON_STARTS))
        if not is_label or not (colon or BAR.fullmatch(line.strip())):
            return ""
        below = self.lines[number + 1 : number + 1 + REASON_LINES]
        start = next((place for place, each in enumerate(below) if each.strip()), 0) if not value.strip() else -1
        start += start < 0 and len(self._by_key) == 1  # a further reason in the next paragraph can only be the same's
        if start >= 0 and below and is_on_the_mail(below[start].strip()):
            return ""  # "Message details:", above the fields of the mail
        end = next((place for place, each in enumerate(below) if place > start and not each.strip()), len(below))
        return one_line("\n".join((value, *below[:end])))


def _answer(lines: tuple[str, ...]) -> Told:
    """Returns what a paragraph says; if it shows a conversation, the last refusal."""
    answers = read_transcript("\n".join(lines))
    return Told(answers[-1].text, answers[-1].stage) if answers else Told(one_line(" ".join(lines)))


def _is_on_the_failure(sentence: str) -> bool:
    """Checks that a sentence neither names anybody, nor announces a try or a list, nor says whom to ask."""
    text = folded(sentence)
    announces = text.endswith(":") or states_retry(text)
    return not (announces or _NAMES_SOMEBODY.search(text) or offers_help(text))


def is_on_the_mail(text: str) -> bool:
    """Checks for lines like `Subject: …`, `Cc: …`, `Original Sender: …`, which say nothing about the outcome."""
    label, colon, _ = text.partition(":")
    return colon == ":" and folded(label) in SENDER_LABELS


def _step(words: str) -> str | None:
    match = _STEP.search(words)
    step = (match[1] or match[2]).upper() if match else None
    return "DOT" if step == "TEXT" else step
