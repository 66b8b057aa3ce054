"""Addresses in a sentence that reports the failure, and the only address that a notice names or that was mailed."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from bounce_watcher.model.address import ProseAddress, address_key
from bounce_watcher.parsing.address import find_addresses, first_address
from bounce_watcher.recognition.notices.reasons import REPLY, is_on_the_mail
from bounce_watcher.recognition.notices.text import ADDRESS, Candidate, Notice, Strength, command_on
from bounce_watcher.recognition.prose import MAX_WORDS, action_said
from bounce_watcher.recognition.vocabulary import UNKNOWN, folded, offers_help, says, states_failure, states_success

_WORD = re.compile(r"[^\W\d_]{2,40}")
_ADDRESSED = " and addressed to "  # KumoMTA: "from news@example.com and addressed to user@example.org"
_LOCAL_PART = re.compile(r"\s{1,12}([\w.+'-]{1,64}) \(([^()]{3,200})\)\s*")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_FROM_SOMEBODY = re.compile(
    rf"(?:\b(?:from|by|sender(?: address)?(?: is)?|von|de|da|od|от)[:\s]{{1,3}}"
    r"|(?:差出人|送信者|发件人|发信人|寄件者|寄件人|발신자|보낸 사람)(?:は|是|为|為)?[:\s]{1,3})"
    rf"[\"'(]?<?({ADDRESS})>?",
    re.IGNORECASE,
)
_SOMEBODY_SENT = re.compile(
    rf"({ADDRESS})[>\"')]?\s?"
    r"(?:から|より|が送信|の送信|发送的|发出的|寄出的|发给|发送给|寄給|寄给|로부터|에서 보낸|님이 보낸)"
)
"""The languages that put the word for "from" behind."""



def in_sentences(notice: Notice) -> Iterator[Candidate]:
    """Yields the addresses in a sentence that reports a failure, except those from which the mail came."""
    for first, last, text in notice.paragraphs:
        if "@" not in text or not (states_failure(text) or (_ADDRESSED in text and notice.announced(first))):
            continue
        paragraph = " ".join(line for line in notice.lines[first:last] if not command_on(line))
        ends = [*(match.end() for match in _SENTENCE_END.finditer(paragraph)), len(paragraph)]
        sentences = [paragraph[start:end] for start, end in pairwise((0, *ends))]
        for number, sentence in enumerate(sentences):
            told = folded(sentence)
            if "@" not in sentence or not (states_failure(told) or _ADDRESSED in told) or offers_help(told):
                continue
            authors = senders(sentence)
            named = [each for each in find_addresses(sentence, 20) if each.lower() not in authors]
            words = _until_another(sentences[number:]) if _is_one_list(sentence, named) else ""
            alone = len(named) == 1
            yield from (Candidate(each, Strength.SENTENCE, first, words, is_alone=alone) for each in named)


def _until_another(sentences: Sequence[str]) -> str:
    """Returns the first sentence and those behind it, up to one that reports the failure of somebody else."""
    first, known = sentences[0], sentences[0].lower()

    def goes_on(sentence: str) -> bool:
        named = find_addresses(sentence, 20) if "@" in sentence else ()
        return all(each.lower() in known for each in named) or not states_failure(folded(sentence))

    return first + "".join(takewhile(goes_on, sentences[1:]))[:MAX_WORDS]


def only_one(notice: Notice) -> list[Candidate]:
    """Returns the only address that the notice names, else the only one that the original was sent to.

    Only if the text itself reports a failure, in words or by a reply: the subject alone is not enough.
    """
    text = "\n".join(notice.lines)
    if not (states_failure(folded(text)) or REPLY.search(text) or says(folded(text), UNKNOWN)):
        return []
    unrefused = (address for _, address, reply in notice.mailed if (reply[0] == "2" if reply else notice.shows_replies))
    others = senders(text) | {address.lower() for address in unrefused}
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


def local_parts(notice: Notice) -> list[Candidate]:
    """Reads GroupWise's `user (user not found)`: the original, else the notice's From, gives the domain."""
    original = notice.original.get_all("to") + notice.original.get_all("cc") if notice.original else []
    mailed = {each.partition("@")[0].lower(): each for field in original for each in find_addresses(field)}
    domain = (first_address(notice.message.headers.get("from") or "") or "").rpartition("@")[2]
    found = []
    for number, line in enumerate(notice.lines):
        match = _LOCAL_PART.fullmatch(line) if domain and "@" not in line else None
        if match and notice.announced(number) and (tells(match[2]) or says(folded(match[2]), UNKNOWN)):
            address = mailed.get(match[1].lower(), ProseAddress(f"{match[1]}@{domain}"))
            found.append(Candidate(address, Strength.NAMED, number, match[2]))
    return found


def _is_one_list(text: str, addresses: Sequence[str]) -> bool:
    """Checks whether nothing is said between the addresses, so that the words are about all of them."""
    places = [(at := text.lower().find(each.lower()), at + len(each)) for each in addresses]
    return all(len(_WORD.findall(text, end, start)) <= 1 for (_, end), (start, _) in pairwise(places))


def senders(sentence: str) -> set[str]:
    """Returns the addresses, in lower case, from which a sentence says the mail came."""
    found = [*_FROM_SOMEBODY.findall(sentence), *_SOMEBODY_SENT.findall(sentence)]
    return {address.lower() for address in found}


def tells(words: str) -> bool:
    """Checks whether the words after an address state the outcome."""
    return REPLY.search(words) is not None or action_said(text := folded(words)) is not None or states_failure(text)
