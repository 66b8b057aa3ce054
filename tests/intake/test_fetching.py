"""Answers to FETCH as servers write them, in the form in which imaplib hands them over."""

import imaplib
from datetime import UTC, datetime
from typing import cast

import pytest

from bounce_watcher.intake.imap.fetching import Fetched, beginning, continuation, fetch


class Wire:
    def __init__(self, *data: object, status: str = "OK") -> None:
        self._answer = status, list(data)
        self.commands: list[tuple[str, ...]] = []

    def uid(self, *command: str) -> tuple[str, list[object]]:
        self.commands.append(command)
        return self._answer


def _fetch(wire: Wire, *uids: int) -> dict[int, Fetched]:
    return fetch(cast(imaplib.IMAP4, wire), uids, beginning(1000))


def test_the_command_names_the_uids_as_ranges_and_peeks() -> None:
    wire = Wire(None)
    fetch(cast(imaplib.IMAP4, wire), [1, 2, 3, 9], beginning(1000))
    fetch(cast(imaplib.IMAP4, wire), [9], continuation(1000, 500))
    assert wire.commands == [
        ("FETCH", "1:3,9", "(RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.1000>)"),
        ("FETCH", "9", "(BODY.PEEK[]<1000.500>)"),
    ]


def test_size_and_date() -> None:
    wire = Wire(b'1 (UID 7 RFC822.SIZE 17 INTERNALDATE " 4-Nov-2026 01:33:41 +0200")')
    assert _fetch(wire, 7) == {7: Fetched(size=17, received_at=datetime(2026, 11, 3, 23, 33, 41, tzinfo=UTC))}


def test_a_body_as_literal_with_the_uid_before_or_behind() -> None:
    wire = Wire((b"1 (UID 7 BODY[]<0> {5}", b"Hello"), b")", (b"2 (BODY[]<0> {5}", b"World"), b" UID 8)")
    assert {uid: fetched.body for uid, fetched in _fetch(wire, 7, 8).items()} == {7: b"Hello", 8: b"World"}


def test_what_stands_in_the_message_is_never_taken_for_the_answer() -> None:
    wire = Wire((b"1 (UID 7 BODY[]<0> {36}", b'9 (UID 8 RFC822.SIZE 1 BODY[] "x")'), b")")
    assert list(_fetch(wire, 7, 8)) == [7]


@pytest.mark.parametrize(("text", "body"), [
    (rb'BODY[]<0> ""', b""), (rb'BODY[]<1000> ""', b""), (rb'BODY[] "a \"b\" \\ c"', rb'a "b" \ c'),
])
def test_short_bodies_come_without_a_literal(text: bytes, body: bytes) -> None:
    assert _fetch(Wire(b"1 (UID 7 " + text + b")"), 7) == {7: Fetched(body=body)}


def test_a_message_that_another_expunged_is_left_out() -> None:
    wire = Wire(b"1 (UID 7 BODY[]<0> NIL)", (b"2 (UID 8 BODY[]<0> {1}", b"x"), b")")
    assert _fetch(wire, 7, 8) == {8: Fetched(body=b"x")}


def test_answers_nobody_asked_for_are_passed_over() -> None:
    flags = rb"3 (FLAGS (\Seen))", rb"4 (UID 9 FLAGS (\Seen))"
    wire = Wire(*flags, b"5 (UID 7 RFC822.SIZE 3)", b"6 (UID 8 RFC822.SIZE 3)")
    assert list(_fetch(wire, 7, 9)) == [7]


def test_no_answer_means_that_no_message_is_left() -> None:
    assert _fetch(Wire(None), 7) == {}


@pytest.mark.parametrize("date", ["", "99-Foo-2026 01:33:41 +0200", "01-Jan-0001 00:00:00 +1400"])
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    assert _fetch(Wire(f'1 (UID 7 RFC822.SIZE 17 INTERNALDATE "{date}")'.encode()), 7) == {7: Fetched(size=17)}


def test_a_refusal_is_raised() -> None:
    with pytest.raises(imaplib.IMAP4.error, match="SERVERBUG"):
        _fetch(Wire(b"[SERVERBUG] Internal error", status="NO"), 7)
