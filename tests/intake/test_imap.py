"""The contract of a session on a real Dovecot: with MOVE, with UIDPLUS alone, with neither."""

import imaplib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import imapclient
import pytest

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.selecting import Settlement
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.message import Destination, RawMessage
from tests.intake.conftest import Account, account_on
from tests.intake.passes import Memory, bounce, bounces, crlf, drain, in_the_way, read, session_of
from tests.servers.dovecot import PASSWORD, Dovecot, Layout

VARIANTS = {
    "move": (Settlement.MOVE, Layout()),
    "move, levels by /": (Settlement.MOVE, Layout(separator="/")),
    "move, all below INBOX.": (Settlement.MOVE, Layout(prefix="INBOX.")),
    "uidplus": (Settlement.EXPUNGE, Layout(separator="/", prefix="INBOX/", hidden=frozenset({"MOVE"}))),
    "neither": (Settlement.KEYWORD, Layout(hidden=frozenset({"MOVE", "UIDPLUS"}))),
}


@pytest.fixture(scope="module")
def variants(start_dovecot: Callable[[Layout], Dovecot]) -> dict[str, Dovecot]:
    return {name: start_dovecot(layout) for name, (_, layout) in VARIANTS.items()}


class Mailbox:
    """The user's mailbox of one variant, empty at the start of a test."""

    def __init__(self, server: Dovecot, settlement: Settlement) -> None:
        self.server = server
        self.settlement = settlement
        self.account: Callable[..., ImapAccount] = partial(account_on, server)
        server.clear()

    def left(self) -> list[bytes]:
        """The messages in INBOX that no keyword says are settled."""
        return [message.content for message in read(self.account())]

    def in_folder(self, folder: str) -> list[bytes]:
        """Sorted: a copy gets a file name of its own."""
        return sorted(self.server.messages("bounces", folder))


@pytest.fixture(params=VARIANTS)
def mailbox(request: pytest.FixtureRequest, variants: dict[str, Dovecot]) -> Mailbox:
    return Mailbox(variants[request.param], VARIANTS[request.param][0])


def test_every_message_comes_once_whole_and_in_order_of_arrival(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(12))
    messages = read(mailbox.account())
    assert [message.content for message in messages] == [crlf(bounce(number)) for number in range(12)]
    assert [message.uid for message in messages] == list(range(1, 13))
    assert {message.size for message in messages} == {len(crlf(bounce(0))), len(crlf(bounce(10)))}
    assert not any(message.is_truncated for message in messages)


def test_a_message_tells_where_and_when_it_was_received(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", [bounce(1)], received_at=datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC))
    [message] = read(mailbox.account())
    assert (message.source, message.mailbox, message.stream) == ("returns/INBOX", "returns", "marketing")
    assert message.received_at == datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC)
    assert message.received_at.tzinfo is UTC
    assert message.uidvalidity


def test_reading_marks_nothing(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(3))
    read(mailbox.account())
    flags = _client(mailbox.server).get_flags([1, 2, 3])
    assert all(set(each) <= {b"\\Recent"} for each in flags.values())


def test_settled_messages_go_where_they_are_sent_and_come_no_more(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(6))
    with session_of(mailbox.account()) as session:
        [page] = session.pages()
        selected = session._selection.enter("INBOX")
        assert selected is not None
        assert selected.settlement is mailbox.settlement
        session.settle({
            Destination.PROCESSED: page[:3], Destination.REVIEW: [page[3]], Destination.QUARANTINE: [page[5]],
        })
    assert mailbox.in_folder("Bounces/Processed") == bounces(3)
    assert mailbox.in_folder("Bounces/Review") == [bounce(3)]
    assert mailbox.in_folder("Bounces/Quarantine") == [bounce(5)]
    assert mailbox.left() == [crlf(bounce(4))]


def test_folders_are_made_where_the_server_wants_them_and_subscribed(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(1))
    drain(mailbox.account())
    assert "Bounces/Processed" in mailbox.server.folders("bounces")
    assert any(name.endswith("Bounces/Processed") for name in mailbox.server.subscriptions("bounces"))


def test_what_others_marked_deleted_is_never_expunged(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(3))
    with session_of(mailbox.account()) as session:
        [page] = session.pages()
        _client(mailbox.server).add_flags([2], [imapclient.DELETED])
        session.settle({Destination.PROCESSED: [page[0], page[2]]})
    assert bounce(1) in mailbox.server.messages("bounces")


def test_a_message_that_vanished_meanwhile_is_left_out(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(6))
    with session_of(mailbox.account(page_messages=2)) as session:
        pages = session.pages()
        taken = list(next(pages))
        other = _client(mailbox.server)
        other.add_flags([2, 3], [imapclient.DELETED])
        other.expunge()
        taken += [message for page in pages for message in page]
        session.settle({Destination.PROCESSED: taken})
    assert [message.uid for message in taken] == [1, 2, 4, 5, 6]
    assert mailbox.in_folder("Bounces/Processed") == sorted(bounce(number) for number in (0, 3, 4, 5))


def test_two_folders_are_read_and_settled_across_each_other(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(3))
    mailbox.server.deliver("bounces", [bounce(number) for number in (7, 8, 9)], "Returns/Old")
    with session_of(mailbox.account(folders=("INBOX", "Returns/Old"), page_messages=2)) as session:
        taken: list[RawMessage] = []
        before: list[RawMessage] = []
        for page in session.pages():  # as the service does: the next page is drawn before this one is settled
            session.settle({Destination.PROCESSED: before})
            before = list(page)
            taken += page
        session.settle({Destination.PROCESSED: before})
    assert [message.source for message in taken] == ["returns/INBOX"] * 3 + ["returns/Returns/Old"] * 3
    assert mailbox.in_folder("Bounces/Processed") == sorted(bounce(number) for number in (0, 1, 2, 7, 8, 9))
    assert read(mailbox.account(folders=("INBOX", "Returns/Old"))) == []


def test_a_changed_uidvalidity_moves_no_wrong_mail(mailbox: Mailbox) -> None:
    """Between the page and its settlement the server numbers anew, and UID 1 now means another message."""
    mailbox.server.deliver("bounces", bounces(4))
    with suppress(TemporaryFailure), session_of(mailbox.account()) as session:
        [page] = session.pages()
        session.settle({Destination.REVIEW: page[3:]})
        first = min((mailbox.server.folder("bounces") / "cur").iterdir(), key=lambda path: path.name)
        first.unlink()
        mailbox.server.renumber("bounces")
        session.settle({Destination.PROCESSED: page[:1]})
    assert not {bounce(1), bounce(2)} & set(mailbox.in_folder("Bounces/Processed"))
    assert {crlf(bounce(1)), crlf(bounce(2))} <= set(mailbox.left())


def test_messages_of_an_older_uidvalidity_stay_and_are_read_again(mailbox: Mailbox) -> None:
    mailbox.server.deliver("bounces", bounces(3))
    stale = read(mailbox.account())
    mailbox.server.renumber("bounces")
    with session_of(mailbox.account()) as session:
        session.settle({Destination.PROCESSED: stale})
        assert session.unfinished
    assert mailbox.in_folder("Bounces/Processed") == []
    assert sorted(mailbox.left()) == sorted(crlf(content) for content in bounces(3))


def test_a_crash_between_copy_and_removal_loses_nothing(mailbox: Mailbox) -> None:
    """The message is in both places then; the next pass takes it away from the first."""
    mailbox.server.deliver("bounces", bounces(2))
    with session_of(mailbox.account()) as session:
        [page] = session.pages()
        session.settle({Destination.PROCESSED: page[:1]})
        processed = session.hierarchy.name("Bounces/Processed")
    _client(mailbox.server).copy([2], processed)
    assert [message.content for message in drain(mailbox.account())] == [crlf(bounce(1))]
    assert mailbox.left() == []
    assert mailbox.in_folder("Bounces/Processed") == [bounce(0), bounce(1), bounce(1)]


# What does not depend on how mail is settled


def test_five_thousand_messages_in_pages(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(5000))
    with session_of(account(page_messages=400)) as session:
        sizes = []
        for page in session.pages():
            session.settle({Destination.PROCESSED: page})
            sizes.append(len(page))
    assert sum(sizes) == 5000
    assert max(sizes) == 400
    assert len(dovecot.messages("bounces", "Bounces/Processed")) == 5000
    assert dovecot.messages("bounces") == []


def test_pages_are_bounded_in_bytes(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", [b"Subject: big\n\n" + b"x" * 60_000 + b"\n"] * 5)
    with session_of(account(page_bytes=130_000)) as session:
        assert [len(page) for page in session.pages()] == [2, 2, 1]


def test_an_oversized_message_is_read_as_far_as_the_cap(dovecot: Dovecot, account: Account) -> None:
    content = b"Subject: giant\n\n" + b"0123456789abcde\n" * 300_000
    dovecot.deliver("bounces", [bounce(1), content, bounce(2)])
    for page_bytes in (16 * 1024 * 1024, 250_000):  # a beginning as long as the cap, and one that is shorter
        small, giant, other = read(account(max_message_bytes=60_000, page_bytes=page_bytes))
        assert giant.content == crlf(content)[:60_000]
        assert giant.size == len(crlf(content))
        assert giant.is_truncated
        assert not small.is_truncated
        assert not other.is_truncated


@pytest.mark.parametrize("around", [-1, 0, 1, 999, 1000, 1001])
def test_a_message_longer_than_its_beginning_comes_whole(dovecot: Dovecot, account: Account, around: int) -> None:
    content = b"Subject: long\n\n"
    content += b"x" * (1000 + around - len(crlf(content)))
    dovecot.deliver("bounces", [content, bounce(1), content])
    messages = read(account(page_messages=10, page_bytes=10_000))  # beginnings of 1,000 bytes
    assert [message.content for message in messages] == [crlf(content), crlf(bounce(1)), crlf(content)]
    assert [message.size for message in messages] == [len(message.content) for message in messages]


def test_an_empty_message_comes_too(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", [b"", bounce(1)])
    assert [message.content for message in read(account())] == [b"", crlf(bounce(1))]


def test_a_folder_created_meanwhile_or_gone_meanwhile_is_no_trouble(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(4))
    with session_of(account(page_messages=2)) as session:
        for page in session.pages():
            session.settle({Destination.PROCESSED: page})
            _client(dovecot).delete_folder("Bounces.Processed")
    assert dovecot.messages("bounces") == []


def test_a_message_that_the_server_cannot_read_blocks_no_other(dovecot: Dovecot, account: Account) -> None:
    """Dovecot answers with BYE and closes the connection."""
    dovecot.deliver("bounces", bounces(9))
    read(account())  # moves the files from new to cur
    _unreadable(dovecot, 4)
    assert [message.uid for message in drain(account())] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert len(dovecot.messages("bounces", "Bounces/Processed")) == 8


def test_a_message_that_fails_only_when_its_page_is_read_blocks_no_other(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(9))
    read(account())  # moves the files from new to cur
    taken: list[int | None] = []
    with session_of(account(page_messages=3)) as session:
        for number, page in enumerate(session.pages()):
            if number == 0:
                _unreadable(dovecot, 4)
            taken += [message.uid for message in page]
    assert taken == [1, 2, 3, 4, 6, 7, 8, 9]


def _unreadable(server: Dovecot, number: int) -> None:
    files = sorted((server.folder("bounces") / "cur").iterdir(), key=lambda path: path.name)
    files[number].chmod(0)


def test_a_server_that_went_away_is_a_temporary_failure_and_it_goes_on_afterwards(
    start_dovecot: Callable[[Layout], Dovecot],
) -> None:
    server = start_dovecot(Layout(separator="/"))
    server.deliver("bounces", bounces(10))
    with pytest.raises(TemporaryFailure), session_of(account_on(server, page_messages=2)) as session:
        pages = session.pages()
        session.settle({Destination.PROCESSED: next(pages)})
        server.stop()
        session.settle({Destination.PROCESSED: next(pages)})
    with pytest.raises(TemporaryFailure, match=r"mailbox returns: connecting: .*refused"):
        read(account_on(server))
    server.start()
    assert len(drain(account_on(server))) == 8
    assert len(server.messages("bounces", "Bounces/Processed")) == 10


def test_a_server_restarted_between_pages_is_not_even_noticed(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout(separator="/"))
    server.deliver("bounces", bounces(6))
    with session_of(account_on(server, page_messages=2)) as session:
        pages = session.pages()
        taken = list(next(pages))
        server.stop()
        server.start()
        taken += [message for page in pages for message in page]
        session.settle({Destination.PROCESSED: taken})
    assert sorted(server.messages("bounces", "Bounces/Processed")) == sorted(bounces(6))


def test_a_folder_that_is_not_there_is_told_when_the_others_are_read(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(2))
    with pytest.raises(PermanentFailure, match="no such folder on the server: returns/Returns; fix `folder`"):
        drain(account(folders=("Returns", "INBOX")))
    assert len(dovecot.messages("bounces", "Bounces/Processed")) == 2


def test_settled_mail_may_not_go_into_a_watched_folder(dovecot: Dovecot, account: Account) -> None:
    with pytest.raises(PermanentFailure, match="which is watched"):
        read(account(review_folder="inbox"))
    with pytest.raises(PermanentFailure, match="which is watched"):
        read(account(folders=("INBOX", "Bounces/Processed")))


def test_folder_names_of_any_script(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(1))
    drain(account(processed_folder="Rückläufer & mehr/Erledigt"))
    assert drain(account(folders=("Rückläufer & mehr/Erledigt",)))
    assert len(dovecot.messages("bounces", "Bounces/Processed")) == 1


def test_a_pass_stops_at_its_deadline_and_says_so(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(20))
    with session_of(account(page_messages=2, pass_deadline=timedelta(seconds=0.3))) as session:
        taken: list[RawMessage] = []
        for page in session.pages():
            session.settle({Destination.PROCESSED: page})
            taken += page
            session.overdue.wait(1)
    assert session.unfinished
    assert len(taken) == 2
    assert len(drain(account())) == 18


ACL = "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\nplugin {\n  acl = vfile\n}\n"


@pytest.fixture(scope="module")
def restricted(start_dovecot: Callable[[Layout], Dovecot]) -> Dovecot:
    """Without MOVE and UIDPLUS, and with access rights by folder, of which it tells nothing."""
    return start_dovecot(Layout(hidden=frozenset({"MOVE", "UIDPLUS"}), extra=ACL))


UNTOLD = frozenset({"I18NLEVEL=1"})  # with a list of its own the server announces no ACL
NOT_TAKEN = "folder Fixed: the server says OK to taking settled mail away, and leaves it there; give its user"
REFUSED = "settled mail of folder Fixed can't be filed in Bounces.Processed, and waits where it is (the server says: "


@pytest.mark.parametrize(("rights", "hidden", "told", "copies"), [
    *((rights, UNTOLD | {"MOVE"}, NOT_TAKEN, 3) for rights in ("lrs", "lrws", "lrwst", "lrwse")),
    *((rights, UNTOLD, REFUSED, 0) for rights in ("lrs", "lrws", "lrwst")),
])
def test_what_a_server_says_that_it_did_and_did_not_is_copied_once(
    start_dovecot: Callable[[Layout], Dovecot], rights: str, hidden: frozenset[str], told: str, copies: int
) -> None:
    server = start_dovecot(Layout(hidden=hidden, extra=ACL))
    server.deliver("bounces", bounces(3), "Fixed")
    (server.folder("bounces", "Fixed") / "dovecot-acl").write_text(f"owner {rights}\n")
    account, memory = account_on(server, folders=("Fixed",)), Memory()
    for waiting in (3, 0, 0):
        with session_of(account, unfiled=memory) as session:
            pages = [list(page) for page in session.pages()]
            for page in pages:
                session.settle({Destination.PROCESSED: page})
            assert sum(map(len, pages)) == waiting
            assert f"mailbox returns: {told}" in (in_the_way(session) or "")
    assert server.count("bounces", "Bounces/Processed") == copies
    (server.folder("bounces", "Fixed") / "dovecot-acl").unlink()
    assert drain(account, unfiled=memory) == []
    assert server.messages("bounces", "Fixed") == []
    assert sorted(server.messages("bounces", "Bounces/Processed")) == bounces(3)


def test_a_folder_that_nothing_can_leave_holds_up_no_other(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout(hidden=UNTOLD, extra=ACL))
    server.deliver("bounces", bounces(3), "Fixed")
    (server.folder("bounces", "Fixed") / "dovecot-acl").write_text("owner lrs\n")
    account, memory = account_on(server, folders=("Fixed", "INBOX")), Memory()
    for number in (1, 2):
        server.deliver("bounces", [b"Subject: %d\n\n" % number])
        drain(account, unfiled=memory)
        assert server.count("bounces", "Bounces/Processed") == number


@pytest.mark.parametrize(("rights", "told"), [
    ("lr", "folder Fixed is read-only, so settled mail stays there; give its user the right to change it"),
    ("lrst", None),
])
def test_mail_of_a_folder_that_may_not_be_changed_is_read_and_copied_once(
    restricted: Dovecot, rights: str, told: str | None
) -> None:
    restricted.clear()
    restricted.deliver("bounces", bounces(3), "Fixed")
    (restricted.folder("bounces", "Fixed") / "dovecot-acl").write_text(f"owner {rights}\n")
    account, memory = account_on(restricted, folders=("Fixed",)), Memory()
    assert len(drain(account, unfiled=memory)) == 3
    for _ in range(3):
        with session_of(account, unfiled=memory) as session:
            assert list(session.pages()) == []
            assert in_the_way(session) == (told and f"mailbox returns: {told}")
    assert sorted(restricted.messages("bounces", "Bounces/Processed")) == bounces(3)
    assert len(restricted.messages("bounces", "Fixed")) == 3


def test_a_broken_connection_is_a_temporary_failure_at_any_point(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(2))
    with pytest.raises(TemporaryFailure), session_of(account()) as session:
        [page] = session.pages()
        dovecot.doveadm("kick", "bounces")
        session.settle({Destination.PROCESSED: page})


def test_imapclient_still_lets_imaplib_be_quieted(account: Account) -> None:
    """`_imap.debug` is private to imapclient; at its 5 imaplib logs passwords and takes 2.5 times as long."""
    client = imapclient.IMAPClient(account().host, account().port, ssl=False)
    assert isinstance(client._imap, imaplib.IMAP4)
    assert client._imap.debug == 5
    client.shutdown()
    with session_of(account()) as session:
        assert session._connection.client._imap.debug == 0
        assert session._connection.client._imap is session._connection.wire


def _client(server: Dovecot) -> imapclient.IMAPClient:
    client = imapclient.IMAPClient("127.0.0.1", server.imap_port, ssl=False)
    client.login("bounces", PASSWORD)
    client.select_folder("INBOX")
    return client
