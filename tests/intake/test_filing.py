"""What keeps settled mail in its folder: it is read once, copied once, told with the mend, and filed when it can be."""

import imaplib
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import patch

import pytest
from imapclient import IMAPClient

from bounce_watcher.intake.imap import copies, filing, selecting
from bounce_watcher.intake.imap.account import PasswordLogin
from bounce_watcher.intake.imap.selecting import Rights, Settlement, read_rights
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.message import CopyBegun, Destination, Unfiled
from tests.families import for_each
from tests.intake.conftest import account_on
from tests.intake.passes import Memory, bounces, drain, in_the_way, read, session_of
from tests.intake.scripted import ScriptedServer, Talk, scripted
from tests.servers.dovecot import Dovecot, Layout

FETCHED = ['* 1 FETCH (UID 5 RFC822.SIZE 3 INTERNALDATE "01-Feb-2026 10:00:00 +0000" BODY[]<0> {3}', "abc)", "{tag} OK"]
WAITS = {"UID SEARCH": ["* SEARCH 5", "{tag} OK"], "UID FETCH": FETCHED}


def passed(server: ScriptedServer, memory: Memory) -> tuple[int, str | None]:
    """How many messages a pass read, all settled; and what was in the way."""
    with session_of(server.account(), unfiled=memory) as session:
        read_ = 0
        for page in session.pages():
            session.settle({Destination.PROCESSED: page})
            read_ += len(page)
        return read_, in_the_way(session)


def heard(server: ScriptedServer, *words: str) -> list[str]:
    return [command for command in server.heard if command.startswith(words)]


# ── rights ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@for_each(("answer", "letters"), [
    (b"INBOX lrswipkxtecda", "lrswipkxtecda"),
    (b'"Bounces Processed" lrs', "lrs"),
    (b'INBOX ""', ""),
    (b"INBOX lrswipcda", "lrswipcdatek"),  # RFC 2086: d is to delete and to expunge, c to create
    (b'"INBOX" "adiklprsw"', "adiklprswte"),  # Courier's
    (b"INBOX lrswikxtcdan", "lrswikxtcdan"),  # Cyrus's without the right to expunge
    (b" lr", "lr"),  # behind a literal
])
def test_rights_are_read(answer: bytes, letters: str) -> None:
    assert read_rights(answer) == Rights(frozenset(letters))


@pytest.mark.parametrize("answer", [None, b"", (b"x", b"y")])
def test_an_answer_that_tells_no_rights_takes_none_away(answer: object) -> None:
    assert read_rights(answer).missing(frozenset("te")) == ()


def test_without_the_right_to_expunge_nothing_is_expunged_and_nothing_copied_twice() -> None:
    script = WAITS | {"MYRIGHTS": ["* MYRIGHTS INBOX lrs", "{tag} OK"], "STATUS": STATUS, "LIST": THERE}
    memory = Memory()
    with scripted(lambda talk: talk.serve(script, "IMAP4rev1 UIDPLUS ACL")) as server:
        first, *others = [passed(server, memory) for _ in range(4)]
    told = ("mailbox returns: folder INBOX: its user lacks the right to delete messages (t) and to expunge (e), so "
            "settled mail stays there; grant it (SETACL, RFC 4314), or set another folder")
    assert first == (1, told)
    assert others == [(0, told)] * 3
    assert heard(server, "UID COPY") == ['UID COPY 5 "Bounces/Processed"']
    assert heard(server, "UID STORE", "UID EXPUNGE") == []


STATUS = ['* STATUS "Bounces/Processed" (UIDVALIDITY 3 UIDNEXT 10)', "{tag} OK"]
THERE = ['* LIST () "/" "Bounces/Processed"', '* LIST () "/" "Bounces/Review"', "{tag} OK"]


def test_where_only_a_keyword_may_be_written_it_is() -> None:
    select = ["* 1 EXISTS", "* OK [UIDVALIDITY 7] .", r"* OK [PERMANENTFLAGS (\Seen \*)] .", "{tag} OK [READ-WRITE] ."]
    script = WAITS | {"MYRIGHTS": ["* MYRIGHTS INBOX lrsw", "{tag} OK"], "SELECT": select, "STATUS": STATUS,
                      "LIST": THERE}
    memory = Memory()
    with scripted(lambda talk: talk.serve(script, "IMAP4rev1 MOVE ACL")) as server:
        _, told = passed(server, memory)
    assert heard(server, "UID MOVE", "UID COPY", "UID STORE") == [
        'UID COPY 5 "Bounces/Processed"', "UID STORE 5 +FLAGS.SILENT ($BounceSettled)"
    ]
    assert memory.all() == []
    assert "lacks the right to delete messages (t)" in (told or "")


def test_a_refused_expunge_leaves_what_was_copied_settled() -> None:
    """A server that tells no rights, and refuses."""
    script = WAITS | {"STATUS": STATUS, "LIST": THERE, "UID EXPUNGE": ["{tag} NO Permission denied"]}
    memory = Memory()
    with scripted(lambda talk: talk.serve(script, "IMAP4rev1 UIDPLUS")) as server:
        passes = [passed(server, memory) for _ in range(4)]
    assert [number for number, _ in passes] == [1, 0, 0, 0]
    assert all("folder INBOX can't be filed in Bounces/Processed" in (told or "") for _, told in passes)
    assert all("Permission denied" in (told or "") for _, told in passes)
    assert len(heard(server, "UID COPY")) == 1
    assert len(heard(server, "UID EXPUNGE")) == 4
    assert memory.all() == [Unfiled(Destination.PROCESSED, copied=True)]


# ── a destination that takes nothing ────────────────────────────────────────────────────────────────────────────────

OVER = ["{tag} NO [OVERQUOTA] Over quota"]


@pytest.mark.parametrize(("ability", "command"), [("MOVE", "UID MOVE"), ("UIDPLUS", "UID COPY")])
def test_a_full_destination_stops_no_reading(ability: str, command: str) -> None:
    numbers = range(1, 7)
    search = [f"* SEARCH {' '.join(map(str, numbers))}", "{tag} OK"]
    fetched = [f'* {n} FETCH (UID {n} RFC822.SIZE 3 INTERNALDATE "01-Feb-2026 10:00:00 +0000" BODY[] "abc")'
               for n in numbers]
    script = {
        "SELECT": ["* 6 EXISTS", "* OK [UIDVALIDITY 7] .", "{tag} OK [READ-WRITE] ."], "UID SEARCH": search,
        "UID FETCH": [*fetched, "{tag} OK"], "STATUS": STATUS, "LIST": THERE,
        "GETQUOTAROOT": ["* QUOTAROOT x processed", "* QUOTA processed (STORAGE 100 100)", "{tag} OK"],
        f'{command} 1 "BOUNCES/PROCESSED': OVER, f'{command} 1:3 "BOUNCES/PROCESSED': OVER,
    }
    memory = Memory()
    with (
        scripted(lambda talk: talk.serve(script, f"IMAP4rev1 QUOTA {ability}")) as server,
        session_of(server.account(page_messages=2), unfiled=memory) as session,
    ):
        for page in session.pages():
            session.settle({Destination.PROCESSED: page[:1], Destination.REVIEW: page[1:]})
        told = in_the_way(session)
        assert session.waiting().messages == 0
    assert told == (
        "mailbox returns: folder Bounces/Processed is full, so settled mail waits where it is (STORAGE of quota root "
        "processed: 100 of 100 KiB used); make room there or raise its quota, then it is filed automatically"
    )
    assert heard(server, f'{command} 1 "', f'{command} 3 "', f'{command} 5 "') == [f'{command} 1 "Bounces/Processed"']
    assert len([each for each in heard(server, command) if "Review" in each]) == 3
    assert sorted(memory.kept["returns/INBOX", 7]) == [1, 3, 5]


@pytest.fixture(scope="module")
def copying(start_dovecot: Callable[[Layout], Dovecot]) -> Dovecot:
    return start_dovecot(Layout(hidden=frozenset({"MOVE"})))


def test_what_could_not_be_filed_is_filed_when_there_is_room(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(3))
    account, memory = account_on(copying), Memory()
    real = IMAPClient.copy

    def full(client: IMAPClient, *arguments: object) -> object:
        raise IMAPClient.Error("copy failed: [OVERQUOTA] Quota exceeded")

    with patch.object(IMAPClient, "copy", full):
        assert len(drain(account, unfiled=memory)) == 3
        copying.deliver("bounces", [b"Subject: another\n\nhello\n"])
        assert len(drain(account, unfiled=memory)) == 1
    assert (copying.count("bounces"), copying.count("bounces", "Bounces/Processed")) == (4, 0)
    assert real is IMAPClient.copy
    assert drain(account, unfiled=memory) == []
    assert (copying.count("bounces"), copying.count("bounces", "Bounces/Processed")) == (0, 4)
    assert memory.all() == []


# ── a pass that was killed ──────────────────────────────────────────────────────────────────────────────────────────

class Killed(BaseException):
    pass


def killed(*_: object) -> None:
    raise Killed


def test_after_a_kill_between_copy_and_expunge_nothing_is_copied_again(copying: Dovecot) -> None:
    copying.clear()
    same = [b"Subject: alike\n\nuser@example.org is unknown\n"] * 2
    copying.deliver("bounces", [*bounces(30), *same])
    account, memory = account_on(copying, page_messages=8), Memory()
    with patch.object(filing, "take_away", killed), pytest.raises(Killed):
        drain(account, unfiled=memory)
    assert (copying.count("bounces"), copying.count("bounces", "Bounces/Processed")) == (32, 8)
    assert len(drain(account, unfiled=memory)) == 24
    assert copying.count("bounces") == 0
    assert sorted(copying.messages("bounces", "Bounces/Processed")) == sorted([*bounces(30), *same])
    assert memory.all() == []


def test_after_a_kill_the_copies_of_a_folder_that_nothing_can_leave_are_known_for_good(copying: Dovecot) -> None:
    """Though a person takes them out of the destination meanwhile."""
    copying.clear()
    copying.deliver("bounces", bounces(4))
    account, memory = account_on(copying), Memory()
    with patch.object(filing, "take_away", killed), pytest.raises(Killed):
        drain(account, unfiled=memory)
    with patch.object(selecting, "_way_out", lambda *_, **__: (Settlement.KEPT, None)):
        drain(account, unfiled=memory)
        assert memory.all() == [Unfiled(Destination.PROCESSED, copied=True)] * 4
        copying.doveadm("expunge", "-u", "bounces", "mailbox", "Bounces.Processed", "all")
        drain(account, unfiled=memory)
    assert copying.count("bounces", "Bounces/Processed") == 0
    assert copying.count("bounces") == 4


def test_what_cannot_be_looked_for_holds_up_no_reading(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(4))
    account, memory = account_on(copying), Memory()
    with patch.object(filing, "take_away", killed), pytest.raises(Killed):
        drain(account, unfiled=memory)
    copying.deliver("bounces", [b"Subject: new\n\nhello\n"])
    gone = patch.object(copies, "copied", side_effect=imaplib.IMAP4.abort("gone"))
    with gone, session_of(account, unfiled=memory) as session:
        [page] = session.pages()
        session.settle({Destination.PROCESSED: page})
        assert [message.content for message in page] == [b"Subject: new\r\n\r\nhello\r\n"]
        assert "waits where it is, as trying again failed" in (in_the_way(session) or "")
    drain(account, unfiled=memory)
    assert copying.count("bounces") == 0
    assert copying.count("bounces", "Bounces/Processed") == 5


def test_a_copy_that_never_came_is_made_again(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(5))
    account, memory = account_on(copying), Memory()
    with patch.object(IMAPClient, "copy", killed), pytest.raises(Killed):
        drain(account, unfiled=memory)
    assert [each.begun is not None for each in memory.all()] == [True] * 5
    assert drain(account, unfiled=memory) == []
    assert copying.count("bounces") == 0
    assert sorted(copying.messages("bounces", "Bounces/Processed")) == bounces(5)


def test_what_lay_in_the_destination_before_is_no_copy(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(3), "Bounces/Processed")
    copying.deliver("bounces", bounces(3))
    account, memory = account_on(copying), Memory()
    with patch.object(IMAPClient, "copy", killed), pytest.raises(Killed):
        drain(account, unfiled=memory)
    drain(account, unfiled=memory)
    assert sorted(copying.messages("bounces", "Bounces/Processed")) == sorted([*bounces(3), *bounces(3)])


def test_a_destination_that_was_made_anew_holds_no_copy(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(2))
    account, memory = account_on(copying), Memory()
    numbers = [message.uid for message in read(account)]
    with session_of(account) as session:
        selected = session._selection.enter("INBOX")
    assert selected is not None
    memory.keep("returns/INBOX", selected.uidvalidity, [uid for uid in numbers if uid],
                Unfiled(Destination.PROCESSED, begun=CopyBegun(1, 1)))
    assert drain(account, unfiled=memory) == []
    assert sorted(copying.messages("bounces", "Bounces/Processed")) == bounces(2)


def test_mail_that_somebody_else_took_away_is_forgotten(copying: Dovecot) -> None:
    copying.clear()
    account, memory = account_on(copying), Memory()
    with session_of(account) as session:
        selected = session._selection.enter("INBOX")
    assert selected is not None
    memory.keep("returns/INBOX", selected.uidvalidity, [1, 2], Unfiled(Destination.REVIEW))
    assert drain(account, unfiled=memory) == []
    assert memory.all() == []


# ── bodies that come short ──────────────────────────────────────────────────────────────────────────────────────────

def short(size: int, part: str, whole: str) -> dict[str, list[str]]:
    def answer(item: str, body: str) -> list[str]:
        told = f'* 1 FETCH (UID 5 RFC822.SIZE {size} INTERNALDATE "01-Feb-2026 10:00:00 +0000" {item} {{{len(body)}}}'
        return [told, f"{body})", "{tag} OK"]

    return {
        "UID SEARCH": ["* SEARCH 5", "{tag} OK"], "UID FETCH 5 (BODY.PEEK[])": answer("BODY[]", whole),
        "UID FETCH": answer("BODY[]<0>", part),
    }


@pytest.mark.parametrize("part", ["", "a" * 100, "a" * 700])
def test_a_message_that_comes_short_is_asked_for_whole_once_and_stays(part: str) -> None:
    memory = Memory()
    with scripted(lambda talk: talk.serve(short(1371, part, part))) as server:
        assert passed(server, memory) == (
            0, f"mailbox returns: folder INBOX: the server gives {len(part)} of the 1,371 bytes of message UID 5, "
               "which stays there unread; look at it with a mail program")
    assert heard(server, "UID FETCH 5 (BODY.PEEK[])") == ["UID FETCH 5 (BODY.PEEK[])"]
    assert heard(server, "UID MOVE") == []
    assert memory.all() == []


def test_a_server_that_gives_no_parts_is_read_whole() -> None:
    with scripted(lambda talk: talk.serve(short(1371, "", "x" * 1371))) as server:
        [message] = read(server.account())
    assert message.content == b"x" * 1371


def test_an_empty_message_is_not_short() -> None:
    with scripted(lambda talk: talk.serve(short(0, "", ""))) as server:
        assert [message.content for message in read(server.account())] == [b""]


# ── logging in ──────────────────────────────────────────────────────────────────────────────────────────────────────

PLAIN = "IMAP4rev1 MOVE AUTH=PLAIN"


@pytest.mark.parametrize("answer", [["+ ", "{tag} NO mechanism not available"], ["+ ", "{tag} BAD internal error"], []])
def test_a_server_whose_auth_plain_is_broken_is_logged_in_by_login(answer: list[str]) -> None:
    def script(talk: Talk) -> None:
        talk.serve({"AUTHENTICATE": answer}, PLAIN)
        with suppress(OSError):  # who went away by itself hears no more
            talk.connection.sendall(b"an end of line that is none\n")

    with scripted(script) as server:
        with session_of(server.account()) as session:
            assert session._connection.fell_back_to is PasswordLogin.LOGIN
        assert len(heard(server, "AUTHENTICATE PLAIN")) == 1
        assert heard(server, "LOGIN") == ['LOGIN bounces "secret-17"']
        with session_of(server.account(auth=PasswordLogin.LOGIN)):
            pass
        assert len(heard(server, "AUTHENTICATE PLAIN")) == 1


def test_a_wrong_password_is_shown_once() -> None:
    refused = {"AUTHENTICATE": ["+ ", "{tag} NO [AUTHENTICATIONFAILED] no"]}
    with scripted(lambda talk: talk.serve(refused, PLAIN)) as server, pytest.raises(PermanentFailure, match="refused"):
        read(server.account())
    assert heard(server, "LOGIN") == []


def test_where_both_ways_fail_the_first_is_told() -> None:
    refused = {"AUTHENTICATE": ["+ ", "{tag} NO out of order"], "LOGIN": ["{tag} NO not this way"]}
    with scripted(lambda talk: talk.serve(refused, PLAIN)) as server, pytest.raises(PermanentFailure, match="of order"):
        read(server.account())


def test_auth_plain_is_all_that_is_tried_where_it_is_asked_for() -> None:
    refused = {"AUTHENTICATE": ["+ ", "{tag} NO out of order"]}
    with scripted(lambda talk: talk.serve(refused, PLAIN)) as server, pytest.raises(PermanentFailure, match="of order"):
        read(server.account(auth=PasswordLogin.PLAIN))
    assert heard(server, "LOGIN") == []


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def namespaced(talk: Talk) -> None:
    talk.serve({
        "NAMESPACE": ['* NAMESPACE (("INBOX." ".")) (("~" ".")) (("#shared." "."))', "{tag} OK"],
        'LIST "" SHARED': ['* LIST () "." shared', "{tag} OK"],
        'LIST "" "SHARED"': ['* LIST () "." shared', "{tag} OK"],
        'LIST "" TEAM.RETURNS': ['* LIST () "." team.returns', "{tag} OK"],
        'LIST "" "TEAM.RETURNS"': ['* LIST () "." team.returns', "{tag} OK"],
        "LIST": ["{tag} OK"],
        "UID SEARCH": ["* SEARCH", "{tag} OK"],
    })


@for_each(("configured", "selected"), [
    ("shared", "shared"),
    ("#shared/list/returns", "#shared.list.returns"),
    ("#shared.list.returns", "#shared.list.returns"),
    ("inbox/sub", "INBOX.sub"),
    ("team/returns", "team.returns"),
    ("Returns", "INBOX.Returns"),
    ("Inbox", "INBOX"),
])
def test_a_folder_that_exists_as_written_is_meant(configured: str, selected: str) -> None:
    with scripted(namespaced) as server, session_of(server.account(folders=(configured,))) as session:
        assert list(session.pages()) == []
    assert heard(server, "SELECT") == [f'SELECT "{selected}"']


def test_a_quota_that_is_told_in_words_alone_is_one() -> None:
    script = WAITS | {"LIST": THERE, "UID MOVE": ["{tag} NO You exceed your mail quota."]}
    with scripted(lambda talk: talk.serve(script)) as server:
        _, told = passed(server, Memory())
    assert "Bounces/Processed is full" in (told or "") and "You exceed your mail quota." in (told or "")


def test_a_broken_connection_amid_a_copy_is_looked_into_by_the_next_pass(copying: Dovecot) -> None:
    copying.clear()
    copying.deliver("bounces", bounces(4))
    account, memory = account_on(copying), Memory()
    real = IMAPClient.copy

    def cut(client: IMAPClient, *arguments: object) -> None:
        real(client, *arguments)
        client.shutdown()
        raise OSError("gone")

    with patch.object(IMAPClient, "copy", cut), pytest.raises(TemporaryFailure):
        drain(account, unfiled=memory)
    assert drain(account, unfiled=memory) == []
    assert sorted(copying.messages("bounces", "Bounces/Processed")) == bounces(4)
    assert copying.count("bounces") == 0


