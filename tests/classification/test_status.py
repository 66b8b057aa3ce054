"""What the numbers alone mean."""

import pytest

from bounce_watcher.classification.status import reason_of_code, reason_of_status
from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.verdict import BounceType, Reason
from tests.families import for_each


def status(text: str) -> EnhancedStatus:
    found = EnhancedStatus.find(text)
    assert found is not None
    return found


@for_each(
    ("text", "reason"),
    [
        ("5.1.1", Reason.INVALID_RECIPIENT),
        ("4.1.1", Reason.MAILBOX_UNAVAILABLE),
        ("5.1.2", Reason.INVALID_DOMAIN),
        ("4.1.2", Reason.NETWORK_ERROR),
        ("5.1.3", Reason.INVALID_RECIPIENT),
        ("5.1.6", Reason.MAILBOX_MOVED),
        ("5.1.8", Reason.SENDER_REJECTED),
        ("5.1.10", Reason.INVALID_RECIPIENT),
        ("5.2.1", Reason.MAILBOX_DISABLED),
        ("4.2.1", Reason.MAILBOX_UNAVAILABLE),
        ("4.2.2", Reason.MAILBOX_FULL),
        ("5.2.2", Reason.MAILBOX_FULL),
        ("5.2.3", Reason.MESSAGE_TOO_LARGE),
        ("4.3.1", Reason.SYSTEM_FULL),
        ("5.3.4", Reason.MESSAGE_TOO_LARGE),
        ("4.4.1", Reason.NETWORK_ERROR),
        ("5.4.4", Reason.NETWORK_ERROR),
        ("5.4.6", Reason.MAIL_LOOP),
        ("4.4.7", Reason.MESSAGE_EXPIRED),
        ("5.5.3", Reason.TOO_MANY_RECIPIENTS),
        ("5.6.5", Reason.CONTENT_REJECTED),
        ("5.7.1", Reason.POLICY),
        ("4.7.1", Reason.UNKNOWN),
        ("5.7.26", Reason.AUTH_FAILURE),
        ("5.7.25", Reason.MISSING_PTR),
        ("4.7.28", Reason.RATE_LIMITED),
        ("5.7.515", Reason.AUTH_FAILURE),
        ("4.7.550", Reason.RATE_LIMITED),
        ("4.7.650", Reason.BAD_REPUTATION),
        ("5.7.620", Reason.BLOCKLISTED),
        ("5.7.133", Reason.POLICY),
        ("5.0.0", Reason.UNKNOWN),
        ("5.1.0", Reason.UNKNOWN),
    ],
)
def test_a_status_alone(text: str, reason: Reason) -> None:
    assert reason_of_status(status(text)) is reason


def test_a_detail_that_nobody_registered_is_never_hard() -> None:
    known = {1, 2, 3, 6, 10}
    for subject in range(10):
        for detail in set(range(1000)) - known:
            reason = reason_of_status(EnhancedStatus(5, subject, detail))
            if reason.bounce_type is BounceType.HARD:
                assert (subject, detail) in {(7, 17), (7, 18)}  # RRVS: the address or the domain has a new owner
    assert reason_of_status(EnhancedStatus(5, 6, 999)) is Reason.CONTENT_REJECTED


def test_no_status_of_class_4_is_hard() -> None:
    reasons = {reason_of_status(EnhancedStatus(4, subject, detail)) for subject in range(10) for detail in range(1000)}
    assert all(reason.bounce_type is not BounceType.HARD for reason in reasons)


def test_no_reply_code_alone_is_hard() -> None:
    assert all(reason_of_code(code).bounce_type is not BounceType.HARD for code in range(200, 600))
    assert reason_of_code(550) is Reason.UNKNOWN


@for_each(
    ("code", "reason"),
    [
        (420, Reason.MAILBOX_UNAVAILABLE),
        (421, Reason.SYSTEM_ERROR),
        (430, Reason.SYSTEM_ERROR),
        (452, Reason.SYSTEM_FULL),
        (499, Reason.MESSAGE_EXPIRED),
        (517, Reason.SENDER_REJECTED),
        (522, Reason.MAILBOX_FULL),
        (541, Reason.POLICY),
        (571, Reason.POLICY),
        (511, Reason.UNKNOWN),
        (540, Reason.UNKNOWN),
        (554, Reason.UNKNOWN),
    ],
)
def test_a_reply_code_alone(code: int, reason: Reason) -> None:
    assert reason_of_code(code) is reason


@pytest.mark.parametrize("code", [521, 556])
def test_rfc_7504_needs_code_and_status(code: int) -> None:
    assert reason_of_status(status("5.3.2"), code) is Reason.DOMAIN_REFUSES_MAIL
    assert reason_of_status(status("5.1.10"), code) is Reason.DOMAIN_REFUSES_MAIL
    assert reason_of_status(status("5.3.2"), 554) is Reason.SYSTEM_ERROR
    assert reason_of_code(code) is Reason.UNKNOWN


@pytest.mark.parametrize("stage", ["DATA", "DOT"])
def test_after_the_data_an_address_status_is_a_filters(stage: str) -> None:
    assert reason_of_status(status("5.1.1"), 550, stage) is Reason.RECIPIENT_FILTERED
    assert reason_of_status(status("5.2.1"), 550, stage) is Reason.RECIPIENT_FILTERED
    assert reason_of_status(status("5.1.1"), 550, "RCPT") is Reason.INVALID_RECIPIENT
