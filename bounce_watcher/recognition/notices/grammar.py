"""Reads notices of systems that nobody has described, by the few shapes that all of them consist of.

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

Each place of an address is a candidate with a strength. The strong ones count; the weak ones count only if there are no
strong ones, as an address in a sentence may be anybody's. The senders of the original and of the notice never count.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action, EnhancedStatus
from bounce_watcher.model.finding import Finding
from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import sent_message
from bounce_watcher.recognition.notices.reasons import DECORATION, REPLY, AddressPlace, Reasons
from bounce_watcher.recognition.notices.sentences import in_sentences, local_parts, only_one
from bounce_watcher.recognition.notices.shapes import in_dialogue, in_lines
from bounce_watcher.recognition.notices.text import Candidate, Notice, Strength, open_notice, outcome_told
from bounce_watcher.recognition.prose import action_told, finding
from bounce_watcher.recognition.recognizer import Recognition, kind_of, recognised
from bounce_watcher.recognition.signs import (
    has_daemon_sender,
    has_failure_subject,
    has_null_sender,
    has_one_sign,
    is_from_itself,
    is_of_daemon,
)
from bounce_watcher.recognition.vocabulary import YOUR_MAIL, folded, says, states_failure

NAME = "notice"
RESORT = "notice-weak"
UNNAMED = "notice-unnamed"

_WRAPPED = "application/ms-tnef"  # Exchange's own format of an original
MAX_CANDIDATES = 1_000  # how many places of addresses are kept
MAX_BEGINNING = 2_000  # how many characters may say that it is about the reader's mail
OPENING_LINES = 15  # the number of lines within which a notice says what it is about

_ON_MAIL = re.compile(
    r"mail|message|nachricht|messagg|mensa[jg]|missatge|bericht|meddeland|besked|melding|viesti|wiadomosc|zprav|sprav"
    r"|uzenet|mesaj|poruk|sporocil|laisk|ziņojum|kiri|ileti|сообщен|письм|повідомлен|лист|съобщен|μηνυμα|address|adress"
    r"|メール|アトレス|邮|郵|메일|رسالة|بريد|הודעה|דואר|پیام|संदेश|ข้อความ|\bthu\b|pesan|mesej|surat"
)
"""Words for mail, for an address: payments and parcels are refused in the same words as mail."""

_OUTCOME = re.compile(r"\W*(?:unrecoverable error|transient failure)\W*", re.IGNORECASE)
"""What old Sendmail writes beside an address: whether it gave up. The reason is in the transcript below."""

_OF_WRITER = re.compile(
    r"\b(?:we (?:tried to (?:send (?:a|you)|e-?mail)|sent you)|our (?:message|e-?mail|mail)"
    r"|unsere? (?:nachricht|e-?mail|mail)|n(?:otre|os) (?:message|e-?mail)|nuestr[oa]s? (?:mensaje|correo)"
    r"|noss[oa]s? (?:mensage|e-?mail)|nostr[oa] (?:messaggio|e-?mail)|on(?:s|ze) (?:bericht|e-?mail))"
    r"(?![ -]?(?:server|serveur|servidor|system|gateway|filter|service|dienst|exchanger|relay|host|provider|admin))"
)
"""Says that it is about the writer's own mail: a service could not reach a customer. Its mail server is no mail."""

_OF_HOUSE = re.compile(r"[^@]{0,64}(?:daemon|post-?master|mail-?deliver|microsoftexchange)", re.IGNORECASE)
_REFUSED_FOR_GOOD = re.compile(r"\W{0,3}5\d\d[ -]")
_WORST_FIRST = (Action.FAILED, Action.DELAYED, Action.DELIVERED)

FIRST_LINES = 8  # how many lines of a text with hardly a sign may say that an address failed


@lru_cache(maxsize=1)  # called twice: for the strong places and, when all else has failed, for the weak ones
def read_notice(message: ParsedMessage) -> tuple[Notice, tuple[Candidate, ...]]:
    """Returns the notice of a message and every candidate in it, including bystanders."""
    notice = open_notice(message)
    found = [*in_dialogue(notice), *in_lines(notice), *in_sentences(notice)]
    return notice, tuple(each for each in found[:MAX_CANDIDATES] if each.address)


def recognise(message: ParsedMessage) -> Recognition | None:
    """Recognises addresses in places where the form of the notice accuses them; else several in sentences of their own.

    Who reads one place only would take the words of the second sentence for the first recipient's.
    """
    notice, candidates = read_notice(message)
    told = _of(notice, candidates, Strength.ACCUSED)
    if not told:
        own = [each for each in _of(notice, candidates, Strength.SENTENCE) if each.is_alone]
        told = own if len({address_key(each.address) for each in own}) > 1 else []
    return _recognition(notice, told, NAME)


def accused_addresses(message: ParsedMessage) -> tuple[str, ...]:
    """Returns the addresses that `recognise` would take, without the words on them."""
    notice, candidates = read_notice(message)
    return tuple(each.address for each in _of(notice, candidates, Strength.ACCUSED))


def by_text(message: ParsedMessage) -> Recognition | None:
    """Does the same as `recognise`, if the first lines of the text say that something was not delivered.

    Where a mail system reports to the one who sent the mail, or with the null return path and a reply in those lines,
    a sentence that reports the failure counts as well.
    """
    notice, _ = read_notice(message)
    opening = [line for line in notice.lines if line.strip()][:OPENING_LINES]
    text = folded("\n".join(opening))
    if not states_failure(text):
        return None
    quotes_reply = has_null_sender(message) and any(REPLY.search(line) for line in opening)
    is_yours = says(f"{folded(message.headers.get('subject') or '')}\n{text}", YOUR_MAIL)
    is_to_its_sender = has_daemon_sender(message) and (is_yours or notice.calls_reader_sender)
    return recognise(message) or (resort(message) if quotes_reply or is_to_its_sender else None)


def by_first_lines(message: ParsedMessage) -> Recognition | None:
    """Recognises a notice with one sign of a mail system if its first lines say that their only address failed."""
    if not has_one_sign(message):
        return None
    notice, candidates = read_notice(message)
    opening = [number for number, line in enumerate(notice.lines) if line.strip()][:FIRST_LINES]
    text = folded("\n".join(notice.lines[: opening[-1] + 1])) if opening else ""
    if not states_failure(text) or not _ON_MAIL.search(text) or _OF_WRITER.search(text):
        return None
    named = [each for each in candidates if each.strength >= Strength.SENTENCE and each.line <= opening[-1]]
    is_one = len({address_key(each.address) for each in named}) == 1
    if not is_one or _is_among_colleagues(message, named):
        return None
    return _recognition(notice, [each for each in named if notice.is_candidate(each.address)], RESORT)


def resort(message: ParsedMessage) -> Recognition | None:
    """Recognises by what is left: the address in the sentence, the only one named, or the only one mailed.

    A mailer daemon's mail with the null return path need not report the failure in known words.
    """
    notice, candidates = read_notice(message)
    if not (any(notice.announces) or is_of_daemon(message)) or not is_from_itself(message):
        return None
    told = _of(notice, candidates, Strength.SENTENCE)
    accused = any(each.strength is Strength.ACCUSED for each in candidates)  # even if it is a bystander
    if not told and not accused:
        told = local_parts(notice) or only_one(notice)
    return None if _is_among_colleagues(message, told) else _recognition(notice, told, RESORT)


def _is_among_colleagues(message: ParsedMessage, told: Sequence[Candidate]) -> bool:
    """Checks for what an administrator tells everybody in the house: mail to one of its own addresses gets lost.

    A daemon of the house also reports failures, and then the mail is the reader's.
    """
    sender = first_address(message.headers.get("from") or "") or ""
    reader = first_address(message.headers.get("to") or "") or ""
    houses = {each.rpartition("@")[2].lower() for each in (sender, reader, *(each.address for each in told))}
    if not (sender and reader and told) or len(houses) > 1:
        return False
    is_daemon = _OF_HOUSE.match(sender) is not None or has_null_sender(message)
    return not is_daemon and not says(folded(message.text[:MAX_BEGINNING]), YOUR_MAIL)


def unnamed(message: ParsedMessage) -> Recognition | None:
    """Recognises a failure of a recipient that the notice does not name. Call it last.

    The return path alone may say whose failure it is. Only if the mail is returned or a server's reply quoted: notices
    about a full mailbox or a fax use the same words.
    """
    notice, _ = read_notice(message)
    words = _failure_told(notice)
    if not words or not has_null_sender(message) or not has_failure_subject(message) or not is_from_itself(message):
        return None
    returns_mail = notice.original is not None or any(each.content_type == _WRAPPED for each in message.parts)
    if not returns_mail and EnhancedStatus.find(words) is None:
        return None
    told = finding(UNNAMED, None, words, action_told(message, "\n".join(notice.lines)))
    return Recognition(kind_of((told,)), (told,), sent_message(notice.original))


def _failure_told(notice: Notice) -> str:
    """Returns the first paragraph with a reply, else the first that reports a failure; "" without such a failure."""
    opening = [(text, "\n".join(notice.lines[first:last])) for first, last, text in notice.paragraphs[:OPENING_LINES]]
    told = [words for text, words in opening if states_failure(text)]
    return next((words for _, words in opening if told and REPLY.search(words)), told[0] if told else "")


def _of(notice: Notice, candidates: Iterable[Candidate], strength: Strength) -> list[Candidate]:
    """Returns the candidates of one strength; those without a dot in the domain only if there are no others."""
    found = [each for each in candidates if each.strength is strength and notice.is_candidate(each.address)]
    return [each for each in found if "." in each.address.rpartition("@")[2]] or found


def _recognition(notice: Notice, told: list[Candidate], name: str) -> Recognition | None:
    spans = tuple((first, last) for first, last, _ in notice.paragraphs)
    reasons = Reasons(notice.lines, spans, tuple(map(_place, told)))
    of_all = action_told(notice.message, "\n".join(notice.lines))
    actions = _actions(notice, told, reasons)
    failed = [each for each in told if actions.get(address_key(each.address)) is not Action.DELIVERED] or told
    findings = (_finding(each, reasons, name, actions.get(address_key(each.address)) or of_all) for each in failed)
    return recognised(findings, notice.original)


def _actions(notice: Notice, told: list[Candidate], reasons: Reasons) -> dict[str, Action]:
    """Returns what the notice says was done for each recipient, by its key, if it is about several, of whom some may
    have failed, others be delayed, and others have got the mail. The worst that any place says counts."""
    keys = {address_key(each.address) for each in told}
    if len(keys) == 1 and not notice.has_sections:
        return {}
    found: dict[str, Action] = {}
    for key in keys:
        places = [each for each in told if address_key(each.address) == key]
        words = reasons.of(key).words
        said = {outcome_told(each.words) or notice.said_of_section(each.line) for each in places}
        said = {*said, outcome_told(words)} - {None}
        is_served = any(notice.delivered[each.line] for each in places) and not REPLY.search(words)
        said |= {Action.DELIVERED} if is_served else set()
        if said:
            found[key] = next(each for each in _WORST_FIRST if each in said)
    if Action.DELAYED in found.values():  # what the text says of more tries is about those
        refused = (key for key in keys - found.keys() if _REFUSED_FOR_GOOD.match(reasons.of(key).words))
        found |= dict.fromkeys(refused, Action.FAILED)
    return found


def _place(candidate: Candidate) -> AddressPlace:
    is_whole = candidate.stage is not None or candidate.strength is Strength.SENTENCE
    says_why = candidate.strength > Strength.ADDRESSEE and not _OUTCOME.fullmatch(candidate.words)
    words = candidate.words if says_why else ""
    return AddressPlace(address_key(candidate.address), candidate.line, words, candidate.stage, is_whole)


def _finding(candidate: Candidate, reasons: Reasons, name: str, action: Action) -> Finding:
    told = reasons.of(address_key(candidate.address))
    return finding(name, candidate.address, told.words or candidate.words.strip(DECORATION), action, told.stage)
