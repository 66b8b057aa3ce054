"""One rule as a value: the words and circumstances that it requires, how words compare, and how rules rank."""

import re
import string
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol, Self

from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.verdict import BounceType, Reason

_WORD = frozenset(string.ascii_lowercase + string.digits)
_ADDRESS = re.compile(r"[\w.+=~!#$%&*/?^`{|}-]{1,64}@[\w.-]{1,255}")
_CONTROLS = dict.fromkeys((*range(0x20), 0x7F), " ")  # they part words, too
_PLAIN_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'"})


def fold(text: str) -> str:
    """Returns `text` in the form in which phrases are compared: no case, no accents, straight quotes, single spaces."""
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    if text.isascii():
        return " ".join(text.lower().split())
    text = text.encode("utf-8", "replace").decode("utf-8")  # the search for phrases accepts no lone surrogates
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN_QUOTES).casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFC", bare).split())


def mask_addresses(text: str) -> str:
    """Returns `text` with each e-mail address overwritten by as many @ signs.

    `no-spam@virus.example` in a reply says nothing about spam or viruses.
    """
    if "@" not in text:
        return text
    return _ADDRESS.sub(lambda found: "@" * len(found[0]), text)


def starts_word(text: str, at: int) -> bool:
    """Checks whether position `at` of the folded `text` begins a word; scripts without spaces begin one anywhere."""
    return at == 0 or not (text[at] in _WORD and text[at - 1] in _WORD)


class Precedence(IntEnum):
    """What a verdict rests on, weakest first. Computed from the place of a rule, never written in a rule."""

    CODE = 0       # the reply code alone
    STATUS = 1     # the enhanced status
    HINT = 2       # a weak phrase: a word that refusals of every kind use
    COMMON = 3     # words that many servers print
    RECEIVER = 4   # words or circumstances of one receiver, filter or relay
    OPERATOR = 5   # the operator's own file


class RuleProblem(NamedTuple):
    """A problem and its fix, in `text`. `id` is the rule that has it; None = the file, or two rules."""

    text: str
    id: str | None = None
    file: str = ""

    def __str__(self) -> str:
        rule = f"rule {self.id!r}" if self.id is not None else ""
        return ": ".join(filter(None, (self.file, rule, self.text)))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a refusal besides its words. Hosts are in lower case; None = unknown."""

    status: EnhancedStatus | None = None
    code: int | None = None
    remote: str | None = None
    reporter: str | None = None
    stage: str | None = None


_STATUS = re.compile(r"([245x])\.(\d{1,3})\.(?:(\d{1,3})(?:-(\d{1,3}))?|x)")


@dataclass(frozen=True, slots=True)
class StatusPattern:
    """`5.1.1`, `x.1.1` (class 4 or 5), `5.7.x` (any detail) or `5.7.606-649`."""

    classes: tuple[int, ...]
    subject: int
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a pattern. Raises ValueError if `text` has none of the four forms."""
        found = _STATUS.fullmatch(text)
        if found is None:
            raise ValueError(text)
        classes = (4, 5) if found[1] == "x" else (int(found[1]),)
        first, last = int(found[3] or 0), int(found[4] or found[3] or 999)
        return cls(classes, int(found[2]), first, last)

    def matches(self, status: EnhancedStatus) -> bool:
        if status.class_ not in self.classes or status.subject != self.subject:
            return False
        return self.first <= status.detail <= self.last


def parse_codes(text: str) -> range:
    """Returns the reply codes that `550`, `55x` or `5xx` means. Raises ValueError for anything else."""
    if not re.fullmatch(r"[245](?:\d\d|\dx|xx)", text):
        raise ValueError(text)
    width = 10 ** text.count("x")
    low = int(text.replace("x", "0"))
    return range(low, low + width)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The further conditions of a rule. An empty field requires nothing; a field about something unknown fails."""

    statuses: tuple[StatusPattern, ...] = ()
    codes: tuple[range, ...] = ()
    remotes: tuple[str, ...] = ()
    reporters: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return sum(map(bool, (self.statuses, self.codes, self.remotes, self.reporters, self.stages)))

    def hold(self, told: Circumstances) -> bool:
        return (
            (not self.statuses or (told.status is not None and any(s.matches(told.status) for s in self.statuses)))
            and (not self.codes or (told.code is not None and any(told.code in codes for codes in self.codes)))
            and (not self.remotes or is_within(told.remote, self.remotes))
            and (not self.reporters or is_within(told.reporter, self.reporters))
            and (not self.stages or told.stage in self.stages)
        )


def is_within(host: str | None, domains: tuple[str, ...]) -> bool:
    """Checks whether `host` is one of `domains` or below one."""
    return host is not None and any(host == domain or host.endswith("." + domain) for domain in domains)


class Pattern(Protocol):
    """A compiled regular expression, of `re` or of RE2."""

    def search(self, text: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as written in its file.

    All of `text` must occur, and one of `any_of` if it is not empty; none of `unless` may. All are folded by
    `fold`. `pattern` is searched for in the folded reply once all these hold.
    """

    id: str
    reason: Reason
    precedence: Precedence
    file: str
    source: str
    text: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    pattern: Pattern | None = None
    conditions: Conditions = Conditions()
    examples: tuple[str, ...] = ()
    not_examples: tuple[str, ...] = ()

    def wordings(self) -> tuple["Wording", ...]:
        """Returns one wording for each of `any_of`; one if it is empty."""
        if not self.any_of:
            return (Wording(self, self.text),)
        return tuple(Wording(self, (*self.text, chosen)) for chosen in self.any_of)


# The taxonomy's order if two reasons fit: a named cause beats one that is only counted or forbidden, a quota beats
# "user unknown", a sender's fault beats a recipient's. Used only if everything else is equal.
_EXACTNESS = (
    Reason.UNKNOWN, Reason.MESSAGE_EXPIRED, Reason.NETWORK_ERROR, Reason.SYSTEM_ERROR, Reason.PROTOCOL_ERROR,
    Reason.INVALID_RECIPIENT, Reason.INVALID_DOMAIN, Reason.MAILBOX_UNAVAILABLE, Reason.MAILBOX_DISABLED,
    Reason.MAILBOX_MOVED, Reason.DOMAIN_REFUSES_MAIL, Reason.SYSTEM_FULL, Reason.MAILBOX_FULL, Reason.MAIL_LOOP,
    Reason.RECIPIENT_FILTERED, Reason.POLICY, Reason.CONTENT_REJECTED, Reason.NOT_RFC_COMPLIANT, Reason.SECURITY,
    Reason.RELAY_DENIED, Reason.SENDER_REJECTED, Reason.SPAM, Reason.MESSAGE_TOO_LARGE, Reason.TOO_MANY_RECIPIENTS,
    Reason.RATE_LIMITED, Reason.GREYLISTED, Reason.BAD_REPUTATION, Reason.BLOCKLISTED, Reason.MISSING_PTR,
    Reason.AUTH_FAILURE, Reason.TLS_FAILURE, Reason.VIRUS, Reason.ALREADY_SUPPRESSED,
)  # fmt: skip
_SYMPTOMS = frozenset({
    Reason.UNKNOWN, Reason.MESSAGE_EXPIRED, Reason.NETWORK_ERROR, Reason.SYSTEM_ERROR, Reason.PROTOCOL_ERROR,
    Reason.POLICY, Reason.CONTENT_REJECTED,
})  # fmt: skip
_EXACTNESS_OF = {reason: place for place, reason in enumerate(_EXACTNESS)}


@dataclass(frozen=True, slots=True)
class Wording:
    """One set of phrases of a rule that must all occur."""

    rule: Rule
    phrases: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int, int, int, int, str]:
        """The rank; higher wins: the place of the rule, its weight, the longest text, the most conditions, the reason.

        Among words that many servers print a named cause beats a symptom (`rate limited because unauthenticated`), and
        a hard reason yields to both: `user unknown` beside `blacklisted` or `over quota` says nothing on the address.
        """
        rule = self.rule
        length = sum(map(len, self.phrases))
        return rule.precedence, self._weight, length, rule.conditions.count, _EXACTNESS_OF[rule.reason], rule.id

    @property
    def _weight(self) -> int:
        if self.rule.precedence >= Precedence.RECEIVER:
            return 0
        if self.rule.reason.bounce_type is BounceType.HARD:
            return 1
        return 2 if self.rule.reason in _SYMPTOMS else 3

    def ties_with(self, other: "Wording") -> bool:
        """Checks whether two wordings with different reasons differ in nothing else that an operator can see."""
        return (
            self.rule.reason is not other.rule.reason
            and self.rule.precedence is other.rule.precedence
            and sorted(self.phrases) == sorted(other.phrases)
            and self.rule.pattern == other.rule.pattern
            and self.rule.unless == other.rule.unless
            and self.rule.conditions == other.rule.conditions
        )
