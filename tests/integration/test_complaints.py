"""Complaints whose person a feedback loop struck out: whom the platform's own list of sent mail tells, and whom not."""

from datetime import UTC, datetime

from tests.integration.house import House
from tests.integration.test_authenticity import complaint

NOW = datetime.now(UTC)
SENT = """message_id,recipient,stream,campaign
<known@news.example.com>,angry@example.org,offers,spring
<forged@news.example.com>,victim@example.org,offers,spring
<list@news.example.com>,one@example.org,offers,spring
<list@news.example.com>,other@example.org,offers,spring
"""
FORGED = b"Authentication-Results: mx.example.com; dmarc=fail header.from=provider.example\n"


def nameless(message_id: str) -> bytes:
    return complaint(f"To: [redacted]\nMessage-ID: <{message_id}@news.example.com>\nSubject: news\n\nhello".encode())


def test_the_platforms_own_list_tells_whose_complaint_it_is(house: House) -> None:
    house.mailbox_keys = 'trusted_authserv_id = "mx.example.com"'
    house.configure()
    (house.root / "sent.csv").write_text(SENT)
    house.process("import-sent", str(house.root / "sent.csv"))
    known, unknown = nameless("known"), nameless("unknown")
    several, forged = nameless("list"), FORGED + nameless("forged")
    house.dovecot.deliver(house.user, [known, unknown, several, forged], received_at=NOW)

    [mailbox, *_] = house.rows("poll")
    assert (mailbox["messages"], mailbox["events"], mailbox["doubted"], mailbox["quarantined"]) == (4, 1, 1, 0)
    assert house.folder("processed") == [known]
    assert set(house.folder("review")) == {unknown, several, forged}
    [event] = house.events()
    assert {name: event[name] for name in ("kind", "recipient", "stream", "evidence", "counted")} == {
        "kind": "complaint", "recipient": "angry@example.org", "stream": "offers", "evidence": "known_message",
        "counted": True,
    }
    [suppression] = house.suppressions()
    assert (suppression["recipient"], suppression["reason"]) == ("angry@example.org", "complaint")

    house.dovecot.deliver(house.user, [known], received_at=NOW)  # as after a crash between the commit and the move
    [mailbox, *_] = house.rows("poll")
    assert (mailbox["messages"], mailbox["events"]) == (1, 0)
    assert house.folder("processed") == [known, known]
