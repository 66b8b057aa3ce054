"""Reports that prove what they speak of, and such as only pretend to, through the service."""

from datetime import UTC, datetime, timedelta

from bounce_watcher.attribution.return_path import make_header_token, make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from tests.attribution.signing import KEY_NAME, MAIL, rsa_key, signed
from tests.integration.house import House

KEY = "0123456789abcdef0123456789abcdef"
SETTINGS = AttributionSettings("returns@bounces.example.com", (KEY.encode(),))
FOREIGN = AttributionSettings("returns@bounces.example.com", (b"a key that is not theirs",))
CONFIG = f"""
[attribution]
return_path = "returns@bounces.example.com"
token_key = "{KEY}"

[[attribution.dkim_key]]
name = "{KEY_NAME}"
record = "{rsa_key()[1]}"
"""
NOW = datetime.now(UTC)
LONG_AGO = (NOW - timedelta(days=91)).date()


def bounce(recipient: str, to: str = "returns@bounces.example.com", original: bytes = b"Subject: x\n") -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example.net\nTo: {to}\nSubject: Undelivered Mail Returned to Sender\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nYour mail could not be delivered.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: Recipient address rejected: User unknown\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\n"
    ).encode() + original + b"\n--b--\n"


def complaint(original: bytes) -> bytes:
    """As feedback loops write them: the person is blacked out."""
    return (
        b"From: feedback@provider.example\nTo: fbl@example.com\nSubject: FW: news\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
        b"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\n\n"
        b"--b\nContent-Type: message/rfc822\n\n" + original + b"\n--b--\n"
    )


def token(recipient: str) -> bytes:
    return make_header_token(SETTINGS, recipient, "offers", day=NOW.date()).encode()


PROVEN = {
    "user@example.org": bounce("user@example.org", original=signed().rstrip(b"\n") + b"\n"),
    "gone@example.org": bounce("gone@example.org", make_return_path(SETTINGS, "gone@example.org", day=NOW.date())),
    "angry@example.org": complaint(b"To: [redacted]\nX-BW-Token: " + token("angry@example.org") + b"\n\nhello"),
}
DOUBTED = {
    "victim@example.org": bounce("victim@example.org", make_return_path(FOREIGN, "victim@example.org")),
    "old@example.org": bounce("old@example.org", make_return_path(SETTINGS, "old@example.org", day=LONG_AGO)),
}
UNPROVEN = {
    "boss@example.org": bounce("boss@example.org"),
    "ceo@example.org": bounce("ceo@example.org", original=signed().replace(b"user@", b"ceo@").rstrip(b"\n") + b"\n"),
    "aunt@example.org": bounce("aunt@example.org", original=signed(MAIL).rstrip(b"\n") + b"\n"),
}
NAMELESS = complaint(b"To: redacted@example.org\nSubject: news\n\nhello")


def test_what_is_proven_counts_and_what_pretends_goes_to_review(house: House) -> None:
    house.more = CONFIG + '[policy.evidence]\nhard = "signature"\ncomplaint = "signature"\n'
    house.configure()
    mail = [*PROVEN.values(), *DOUBTED.values(), *UNPROVEN.values(), NAMELESS]
    house.dovecot.deliver(house.user, mail, received_at=NOW)

    [mailbox, *_] = house.rows("poll")
    assert (mailbox["messages"], mailbox["doubted"], mailbox["quarantined"]) == (len(mail), len(DOUBTED), 0)

    assert {row["recipient"] for row in house.suppressions()} == set(PROVEN)
    assert set(house.folder("review")) == {*DOUBTED.values(), NAMELESS}
    events = {event["recipient"]: event for event in house.events()}
    assert set(events) == PROVEN.keys() | DOUBTED.keys() | UNPROVEN.keys()
    assert [events[name]["evidence"] for name in PROVEN] == ["signature", "token", "signature"]
    assert events["angry@example.org"]["stream"] == "offers"
    for name in DOUBTED:
        assert events[name]["counted"].startswith("forged or misattributed: ")
    for name in UNPROVEN:
        assert events[name]["counted"] == "evidence too weak (report; needs signature)"


def test_what_the_mailboxs_server_calls_forged_goes_to_review(house: House) -> None:
    house.more = CONFIG + '[policy.evidence]\nhard = "report"\n'
    house.mailbox_keys = 'trusted_authserv_id = "mx.example.com"'
    house.configure()
    forged = b"Authentication-Results: mx.example.com;\n\tdmarc=fail (p=REJECT) header.from=mx.example.net\n"
    foreign = b"Authentication-Results: mx.example.org; none\n"
    passed = b"Authentication-Results: mx.example.com; spf=softfail; dkim=pass header.d=mx.example.net\n"
    victim = forged + bounce("victim@example.org")
    house.dovecot.deliver(house.user, [
        victim,
        forged + PROVEN["gone@example.org"],
        passed + forged.replace(b"mx.example.com", b"mx.example.net") + bounce("left@example.org"),
        foreign + forged + bounce("moved@example.org"),
    ], received_at=NOW)

    [mailbox, *_] = house.rows("poll")
    assert mailbox["doubted"] == 1
    assert house.folder("review") == [victim]
    assert {row["recipient"] for row in house.suppressions()} == {
        "gone@example.org", "left@example.org", "moved@example.org",
    }
    [event] = [event for event in house.events() if event["recipient"] == "victim@example.org"]
    assert event["evidence"] == "prose"
    assert event["counted"] == (
        "forged or misattributed: the mailbox's server says its From is not mx.example.net (dmarc=fail)"
    )


def test_a_token_is_judged_by_the_time_of_its_report(house: House) -> None:
    """Mail that lay in the mailbox for months while nobody read it has not run out."""
    house.more = CONFIG
    house.configure()
    house.dovecot.deliver(house.user, [DOUBTED["old@example.org"]], received_at=NOW - timedelta(days=90))
    house.call("poll")
    assert [row["recipient"] for row in house.suppressions()] == ["old@example.org"]
    assert house.folder("review") == []
