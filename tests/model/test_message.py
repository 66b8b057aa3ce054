"""One mail has one digest, wherever it was kept in between; another mail has another."""

import pytest

from bounce_watcher.model.message import DIGEST_BYTES, message_digest
from tests.families import for_each

MAIL = b"From: a@example.org\nSubject: hi\n\nFrom here on\n> From quoted\nend\n"
CUT = 1024 * 1024  # the usual cap


@for_each(
    "same",
    [
        MAIL.replace(b"\n", b"\r\n"),
        MAIL.rstrip() + b"\n\n \n",
        b"From bounces@example.org  Sat Oct  4 08:00:09 2025\n" + MAIL,
        b">From bounces@example.org  Sat Oct  4 08:00:09 2025\r\n" + MAIL.replace(b"\n", b"\r\n"),
        MAIL.replace(b"\nFrom here", b"\n>From here"),
        MAIL.replace(b"\nFrom here", b"\n>>From here"),
    ],
)
def test_what_a_store_does_to_a_mail_makes_no_other_mail(same: bytes) -> None:
    assert message_digest(same) == message_digest(MAIL)


@pytest.mark.parametrize(
    "other",
    [
        b"Received: from a by b\n" + MAIL,
        MAIL.replace(b"> From quoted", b"From quoted"),
        MAIL.replace(b"Subject", b"Subject:"),
        MAIL + b"more\n",
    ],
)
def test_another_mail_has_another_digest(other: bytes) -> None:
    assert message_digest(other) != message_digest(MAIL)


def test_reports_that_are_alike_for_long_and_differ_then_are_two() -> None:
    original = MAIL + b"x" * 76 + b"\n" * 60_000
    assert message_digest(original + b"Status: 5.1.1\n") != message_digest(original + b"Status: 5.2.2\n")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_cut_mail_has_the_digest_of_the_whole(line_end: bytes) -> None:
    whole = (b"From a@example.org\n" + MAIL + b"\n" * 3 * DIGEST_BYTES + b"end").replace(b"\n", line_end)
    assert message_digest(whole[:CUT]) == message_digest(whole)
