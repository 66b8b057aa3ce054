"""What a platform reports about its own mail: what it sent, and what was delivered."""

from dataclasses import dataclass
from datetime import date, datetime

LONGEST_MESSAGE_ID = 998  # octets: RFC 5322 section 2.1.1 allows no longer line


@dataclass(frozen=True, slots=True)
class SentMail:
    """One mail to one recipient. `message_id` is as `bare_message_id` returns it; `at` is aware."""

    message_id: str
    recipient: str
    stream: str
    at: datetime
    sending: str | None = None


@dataclass(frozen=True, slots=True)
class SentCount:
    """The number of mails of a stream and sending to a receiving domain on a day (UTC). `sending` "" = not split."""

    day: date
    stream: str
    domain: str
    count: int
    sending: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail that the recipient's server accepted at `at` (aware)."""

    recipient: str
    stream: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SentOutcome:
    """What a report of sent mail added: new mails, known mails, figures set, and bounces that it proved late."""

    new: int = 0
    known: int = 0
    counts: int = 0
    proven: int = 0

    def __add__(self, other: "SentOutcome") -> "SentOutcome":
        return SentOutcome(
            self.new + other.new, self.known + other.known, self.counts + other.counts, self.proven + other.proven
        )


@dataclass(frozen=True, slots=True)
class DeliveredOutcome:
    """What deliveries changed: recipients that got mail after their bounces, and suppressions that this ended."""

    reset: int = 0
    released: int = 0

    def __add__(self, other: "DeliveredOutcome") -> "DeliveredOutcome":
        return DeliveredOutcome(self.reset + other.reset, self.released + other.released)


def bare_message_id(text: str) -> str:
    """Returns a Message-ID without its angle brackets and the white space around them."""
    return text.strip().removeprefix("<").removesuffix(">").strip()
