"""Servers that hang, drip, break off, lack things or talk nonsense. None may hold a pass beyond its deadline."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bounce_watcher.intake.imap.account import Grant, OAuth2Account
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.model.message import Destination
from tests.families import for_each
from tests.intake.passes import NOON, drain, read, session_of
from tests.intake.scripted import Talk, scripted

SHORT = {"timeout": timedelta(seconds=0.3), "pass_deadline": timedelta(seconds=0.4)}
MESSAGE = ['* 1 FETCH (UID 5 RFC822.SIZE 3 INTERNALDATE "01-Feb-2026 10:00:00 +0000" BODY[]<0> {3}', "abc)", "{tag} OK"]


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


def silent(talk: Talk) -> None:
    talk.over.wait()


def dripping(talk: Talk) -> None:
    """One byte of a greeting that never ends, always sooner than any socket time-out."""
    while not talk.over.wait(0.05):
        talk.connection.sendall(b"x")


def dripping_in_mid_way(talk: Talk) -> None:
    talk.serve({"UID SEARCH": ["* SEARCH 5", "{tag} OK"], "UID FETCH": []})
    talk.say("* 1 FETCH (UID 5 BODY[]<0> {1000000}")
    dripping(talk)


def silent_at_log_in(talk: Talk) -> None:
    talk.serve({"LOGIN": []})
    talk.over.wait()


@pytest.mark.parametrize("script", [silent, dripping, dripping_in_mid_way, silent_at_log_in])
def test_a_server_that_hangs_or_drips_ends_in_a_temporary_failure_in_time(script: object) -> None:
    with scripted(script) as server, ends_within(3), pytest.raises(TemporaryFailure) as caught:  # type: ignore[arg-type]
        read(server.account(**SHORT))
    assert "no answer in time" in str(caught.value) or "longer than pass_deadline" in str(caught.value)


def test_a_server_that_hangs_while_mail_is_settled_ends_in_time() -> None:
    def script(talk: Talk) -> None:
        talk.serve({
            "UID SEARCH": ["* SEARCH 5", "{tag} OK"],
            "UID FETCH": MESSAGE,
            "UID MOVE": [],
        })
        talk.over.wait()

    with scripted(script) as server, ends_within(3), pytest.raises(TemporaryFailure, match="filing mail of INBOX"):
        drain(server.account(**SHORT))


def test_a_hung_server_does_not_delay_the_end_of_a_finished_pass() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"UID SEARCH": ["* SEARCH", "{tag} OK"], "LOGOUT": []})
        talk.over.wait()

    with scripted(script) as server, ends_within(3):
        assert read(server.account(**SHORT)) == []


@pytest.mark.parametrize("lines", [
    ["* BYE too many connections"],
    ["HTTP/1.1 400 Bad Request"],
    [""],
    ["* OK hello"],
    ["\x00\xff\x00" * 50],
])
def test_a_greeting_that_is_none_is_a_temporary_failure(lines: list[str]) -> None:
    with scripted(lambda talk: talk.say(*lines)) as server, pytest.raises(TemporaryFailure) as caught:
        read(server.account(**SHORT))
    assert str(caught.value).startswith("mailbox returns: connecting: ")
    assert "\n" not in str(caught.value)


@for_each("command", [
    "NAMESPACE", "SELECT", "UID SEARCH", "UID FETCH",
])
@for_each("answer", [
    ["{tag} BAD what?"],
    ["{tag} NO [SERVERBUG] sorry"],
    ["* BYE sorry"],
    ["* SEARCH x", "* 1 FETCH (UID", "* NAMESPACE ((((", "* 1 EXISTS x", "{tag} OK"],
    ["* SEARCH 5 (MODSEQ", "* 1 FETCH (UID 5 BODY[] {99999999", "* NAMESPACE NIL", "{tag} OK"],
])
def test_no_answer_makes_anything_but_an_error_of_ours(command: str, answer: list[str]) -> None:
    def script(talk: Talk) -> None:
        talk.serve({
            command: answer,
            "UID SEARCH": ["* SEARCH 5", "{tag} OK"],
            "UID FETCH": MESSAGE,
        } | {command: answer})

    with scripted(script) as server:
        try:
            messages = read(server.account(**SHORT))
        except BounceWatcherError as failure:
            assert "\n" not in str(failure)
        else:
            assert [message.content for message in messages] in ([], [b"abc"])


def test_a_server_that_knows_no_partial_fetch_and_estimates_sizes() -> None:
    """Exchange has been seen to guess RFC822.SIZE."""
    def script(talk: Talk) -> None:
        talk.serve({
            "UID SEARCH": ["* SEARCH 5", "{tag} OK"],
            "UID FETCH": ['* 1 FETCH (RFC822.SIZE 7 INTERNALDATE "x" BODY[] {6}', "abcdef UID 5)", "{tag} OK"],
        })

    with scripted(script) as server:
        [whole] = read(server.account())
        [cut] = read(server.account(max_message_bytes=4))
    assert (whole.content, whole.size, whole.is_truncated) == (b"abcdef", 6, False)
    assert whole.received_at == NOON
    assert (cut.content, cut.size, cut.is_truncated) == (b"abcd", 7, True)


def test_a_destination_is_made_when_the_server_asks_for_it() -> None:
    """TRYCREATE, though LIST told that the folder is there."""
    refused = []

    def script(talk: Talk) -> None:
        answers = {
            "LIST": ['* LIST () "/" Bounces/Processed', "{tag} OK"],
            "UID SEARCH": ["* SEARCH 5", "{tag} OK"],
            "UID FETCH": MESSAGE,
            "UID MOVE": ["{tag} NO [TRYCREATE] no such folder"],
            "CREATE": [],
        }
        talk.serve(answers)
        refused.append(True)

    with scripted(script) as server, pytest.raises(TemporaryFailure):
        drain(server.account())
    assert refused
    assert [command for command in server.heard if command.startswith(("UID MOVE", "CREATE"))] == [
        'UID MOVE 5 "Bounces/Processed"', 'CREATE "Bounces/Processed"'
    ]


def test_a_server_without_namespace_tells_its_delimiter_by_list() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"LIST": ['* LIST (\\Noselect) "." ""', "{tag} OK"]}, "IMAP4rev1 MOVE")

    with scripted(script) as server, session_of(server.account()) as session:
        assert session.hierarchy.name("Bounces/Review") == "Bounces.Review"


def test_a_server_without_levels() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"NAMESPACE": ['* NAMESPACE (("" NIL)) NIL NIL', "{tag} OK"]})

    with scripted(script) as server, session_of(server.account()) as session:
        assert session.hierarchy.name("Bounces/Review") == "Bounces-Review"


def test_the_login_command_where_there_is_no_sasl() -> None:
    with scripted(lambda talk: talk.serve({})) as server:
        with session_of(server.account()):
            pass
        assert 'LOGIN bounces "secret-17"' in server.heard
        with pytest.raises(PermanentFailure, match="beyond ASCII"):
            read(server.account(password=SecretStr("pässwörd")))


@for_each(("answer", "kind"), [
    ("{tag} NO [AUTHENTICATIONFAILED] no", PermanentFailure),
    ("{tag} NO [UNAVAILABLE] the database is down", TemporaryFailure),
    ("{tag} NO [ALERT] Too many simultaneous connections. (Failure)", TemporaryFailure),
    ("{tag} NO [LIMIT] later", TemporaryFailure),
    ("{tag} BAD unknown: LOGIN bounces secret-17", PermanentFailure),
    ("* BYE secret-17 is no good", TemporaryFailure),
])
def test_a_refusal_is_told_apart_and_never_repeats_the_password(
    answer: str, kind: type[BounceWatcherError]
) -> None:
    script = {"LOGIN": [answer]}
    with scripted(lambda talk: talk.serve(script)) as server, pytest.raises(BounceWatcherError) as caught:
        read(server.account(**SHORT))
    assert isinstance(caught.value, kind)
    assert "secret-17" not in str(caught.value)


def test_a_user_name_that_is_an_address_stays_out_of_the_text() -> None:
    script = {"LOGIN": ["{tag} NO user bounces@example.org is unknown"]}
    with scripted(lambda talk: talk.serve(script)) as server, pytest.raises(PermanentFailure) as caught:
        read(server.account(username="bounces@example.org"))
    assert "example.org" not in str(caught.value)


def test_only_settled_uids_are_named_in_commands() -> None:
    def script(talk: Talk) -> None:
        numbers = (1, 5), (2, 6), (3, 8)
        talk.serve({
            "SELECT": ["* 3 EXISTS", "* OK [UIDVALIDITY 7] .", "{tag} OK [READ-WRITE] ."],
            "UID SEARCH": ["* SEARCH 5 6 8", "{tag} OK"],
            "UID FETCH 5:6,8 ": [*(f'* {n} FETCH (UID {uid} BODY[] "abc")' for n, uid in numbers), "{tag} OK"],
        }, "IMAP4rev1 UIDPLUS")

    with scripted(script) as server, session_of(server.account()) as session:
        [page] = session.pages()
        session.settle({Destination.PROCESSED: page[:2]})
        session.settle({Destination.REVIEW: page[2:]})
    changing = [command for command in server.heard if command.startswith(("UID COPY", "UID STORE", "UID EXPUNGE"))]
    assert changing == [
        'UID COPY 5:6 "Bounces/Processed"', r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 5:6",
        'UID COPY 8 "Bounces/Review"', r"UID STORE 8 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 8",
    ]
    assert "EXPUNGE" not in server.heard and "CLOSE" not in server.heard


def test_a_token_endpoint_that_drips_ends_in_time() -> None:
    def script(talk: Talk) -> None:
        talk.connection.recv(10_000)
        talk.connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
        dripping(talk)

    with scripted(script) as server, ends_within(3), pytest.raises(TemporaryFailure, match=r"OAuth2 at 127\.0\.0\.1"):
        account = OAuth2Account(Grant.CLIENT_CREDENTIALS, f"http://127.0.0.1:{server.port}/token", "client-1")
        TokenStore().token(account, NOON, timedelta(seconds=0.3))
