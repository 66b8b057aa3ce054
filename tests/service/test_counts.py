"""Numbers that only grow, and what stands at zero until then."""

from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.webhook.target import WebhookTarget
from bounce_watcher.service.state import Counts, What, expect

SETTINGS = Settings(
    SecretStr("sqlite:///none.db"),
    mailboxes=(ImapAccount("returns", "127.0.0.1", 9, Security.NONE, "bounces"),),
    webhooks=(WebhookTarget("shop", "https://shop.example.com/bounces", (SecretStr("whsec_x"),)),),
)


def test_what_may_be_counted_stands_at_zero() -> None:
    counts = Counts()
    expect(counts, SETTINGS)
    counted = counts.counted()
    assert {each for numbers in counted.values() for each in numbers.values()} == {0}
    assert counted[What.MESSAGES].keys() >= {("returns", "bounce"), ("returns", "other")}
    assert counted[What.FILED].keys() == {("returns", place) for place in ("processed", "review", "quarantine")}
    assert counted[What.TRIES].keys() >= {("shop", "delivered"), ("shop", "retry"), ("shop", "dead")}
    assert {reason for _, reason in counted[What.VERDICTS]} == {*(reason.value for reason in Reason), ""}


def test_expecting_again_takes_nothing_away() -> None:
    counts = Counts()
    counts.add(What.MESSAGES, "returns", "bounce", number=3)
    before = counts.counted()
    expect(counts, SETTINGS)
    counts.add(What.MESSAGES, "returns", "bounce")
    assert counts.counted()[What.MESSAGES]["returns", "bounce"] == 4
    assert before[What.MESSAGES] == {("returns", "bounce"): 3}, "what was given away stands still"
