"""Requests for no more mail, from a real mailbox to the person who deals with them: none is lost, none suppresses."""

from datetime import UTC, datetime
from zlib import crc32

import pytest

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from tests.integration.house import House
from tests.mail import START, Letter, postfix

KEY = "0123456789abcdef0123456789abcdef"
OURS = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(KEY.encode(),))
USER, PRIVATE = "user@example.org", "private@example.net"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ATTRIBUTION = f"""
[attribution]
return_path = "returns@bounces.example.com"
token_key = "{KEY}"
verp_paths = ["news@bounces.example.com"]
"""


def token(recipient: str = USER) -> str:
    return make_return_path(OURS, recipient, "shop", "s1", day=NOW.date())


def asking(to: str, sender: str = USER, subject: str = "unsubscribe", text: str = "", more: str = "") -> bytes:
    name = crc32(f"{to} {sender} {subject} {text}".encode())
    return (
        f"Return-Path: <{sender}>\nFrom: Somebody <{sender}>\nTo: {to}\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n"
        f"Subject: {subject}\nMessage-ID: <{name}@example.org>\n{more}\n{text}\n"
    ).encode()


def feedback(type_: str, recipient: str = USER, original_rcpt: bool = True) -> bytes:
    rcpt = f"Original-Rcpt-To: <{recipient}>\n" if original_rcpt else ""
    return f"""Return-Path: <>
From: feedbackloop@fbl.example.org
To: fbl@example.com
Date: Mon, 2 Mar 2026 10:00:00 +0000
Subject: FW: The news of March
Message-ID: <{type_}@fbl.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is a report on a mail of yours.

--b
Content-Type: message/feedback-report

Feedback-Type: {type_}
User-Agent: FBL/1.0
Version: 1
{rcpt}Source-IP: 192.0.2.1

--b
Content-Type: message/rfc822

Return-Path: <bounces@example.com>
From: Example News <news@example.com>
To: undisclosed@fbl.example.org.invalid
Subject: The news of March
Message-ID: <march.1@example.com>

Hello!

--b--
""".encode()


MAIL = [
    asking(token()),
    asking(token(), PRIVATE, "Unsubscribe: r77x"),
    asking("news+user=example.org@bounces.example.com", PRIVATE, "abmelden"),
    asking("news@example.com", subject="Re: The news of March", text="Please remove me."),
    asking("news@example.com", "tanaka@example.jp", "配信停止"),
    asking("news@example.com", "dupont@example.fr", "Désabonnement"),
    asking("news@example.com", "user2@example.org", more="X-Apple-Unsubscribe: true\n"),
    feedback("opt-out"),
    feedback("opt-out-list", original_rcpt=False),
]
"""By List-Unsubscribe's mailto with a token, also where the mail was read at another address; by plain VERP; by words
of people; by a mail program; by providers."""


@pytest.fixture
def filled(house: House) -> House:
    house.more = ATTRIBUTION
    house.configure()
    house.dovecot.deliver(house.user, MAIL, received_at=NOW)
    return house


def test_every_request_goes_to_review_with_who_asked_and_suppresses_nobody(filled: House) -> None:
    said = filled.process("poll")
    assert sorted(filled.folder("review")) == sorted(MAIL)
    assert f"{len(MAIL)} new opt-outs" in said
    assert [each["recipient"] for each in filled.events()] == [USER], "of the feedback report that names somebody"
    assert filled.suppressions() == []
    assert [each for each in filled.receiver.requests if each.type != "complaint.recorded"] == []

    (group,) = filled.rows("review", "list")
    assert (group["id"], group["kind"], group["mails"], group["recipients"]) == ("opt-outs", "opt_out", 9, 5)
    (shown,) = filled.rows("review", "show", "opt-outs")
    found = {(each["by"], each["recipient"], each["evidence"], each["sender"], each["stream"])
             for each in shown["opt_outs"]}
    assert found == {
        ("mail", USER, "token", USER, "shop"), ("mail", USER, "token", PRIVATE, "shop"),
        ("mail", USER, "verp", PRIVATE, "news"), ("mail", None, None, USER, "news"),
        ("mail", None, None, "tanaka@example.jp", "news"), ("mail", None, None, "dupont@example.fr", "news"),
        ("mail", None, None, "user2@example.org", "news"),
        ("feedback_report", USER, "report", "feedbackloop@fbl.example.org", "news"),
        ("feedback_report", None, None, "feedbackloop@fbl.example.org", "news"),
    }
    of_user = [asked for row in filled.rows("recipients", "show", USER) for asked in row["opt_outs"]]
    assert len(of_user) == 5
    assert len([asked for row in filled.rows("recipients", "show", PRIVATE) for asked in row["opt_outs"]]) == 2


def test_the_same_mail_is_one_record_by_whatever_way_it_comes(filled: House) -> None:
    filled.process("poll")
    before = filled.rows("review", "show", "opt-outs")
    folder = filled.root / "mail"
    folder.mkdir()
    for number, content in enumerate(MAIL):
        (folder / f"{number}.eml").write_bytes(content)
    filled.call("import", str(folder))
    filled.dovecot.deliver(filled.user, MAIL, received_at=NOW)
    filled.call("poll")
    filled.call("reclassify")
    assert filled.rows("review", "show", "opt-outs") == before


def test_done_is_done_and_another_request_waits_again(filled: House) -> None:
    filled.process("poll")
    assert "marked as done: 9 opt-outs" in filled.process("review", "done", "--all", "--because", "taken off the lists")
    assert filled.rows("review", "list", "--all") == []
    filled.call("poll")
    filled.call("reclassify")
    assert filled.rows("review", "list") == []
    again = asking(token(), text="I said so before.")
    filled.dovecot.deliver(filled.user, [again], received_at=NOW)
    filled.call("poll")
    (group,) = filled.rows("review", "list")
    assert group["mails"] == 1


def test_bounces_of_the_same_person_count_as_if_nobody_had_asked(house: House) -> None:
    house.more = ATTRIBUTION + '\n[policy.evidence]\nhard = "report"\n'
    house.configure()
    letter = Letter(1, USER, f"550 5.1.1 <{USER}>: User unknown", START)
    house.dovecot.deliver(house.user, [*MAIL[:2], postfix(letter).encode()], received_at=NOW)
    house.process("poll")
    (standing,) = house.suppressions()
    assert (standing["recipient"], standing["reason"]) == (USER, "invalid_recipient")
    told = [each.data["sequence"] for each in house.receiver.requests if each.type == "recipient.suppressed"]
    assert told == [2], "1 told of the bounce itself"
