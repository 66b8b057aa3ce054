"""The last hop's reply, dug out of what each MTA wraps around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.model.verdict import SmtpReply
from bounce_watcher.parsing.smtp_reply import MAX_DIAGNOSTIC, one_line, read_reply
from tests.families import for_each

SAID = "host mx.example.org[192.0.2.7] said: "
EXIM = "SMTP error from remote mail server"
REPEATED = ["550-", "550 5.1.1 ", "host ", "said: ", "(in reply to ", "4.2.2 ", "[", "'550 ", "1.", "-> 550 "]


def told(reply: SmtpReply) -> tuple[str, int | None, str | None]:
    return reply.text, reply.code, str(reply.status) if reply.status else None


@for_each(
    ("diagnostic", "text", "code", "status"),
    [
        ("smtp; 550 5.1.1 User unknown", "550 5.1.1 User unknown", 550, "5.1.1"),
        ("SMTP;550 5.1.1 User unknown", "550 5.1.1 User unknown", 550, "5.1.1"),
        ("LMTP; 452 4.2.2 Over quota", "452 4.2.2 Over quota", 452, "4.2.2"),
        ("x-unix; Command died with status 1", "Command died with status 1", None, None),
        (
            "550-5.1.1 one line\n 550-5.1.1 and another\n 550 5.1.1 and the last",
            "550-5.1.1 one line and another and the last",
            550,
            "5.1.1",
        ),
        ("554_5.7.1_no_such_thing for a_b", "554 5.7.1 no such thing for a_b", 554, "5.7.1"),
        ("550-first 550-second 550 third", "550-first second third", 550, None),
        ("550 a text of 550 words", "550 a text of words", 550, None),
        (
            f"X-Postfix; {SAID}550 5.1.1 <ada@example.org>: no (in reply to RCPT TO command)",
            "550 5.1.1 <ada@example.org>: no",
            550,
            "5.1.1",
        ),
        (f"{SAID}recipient storage full (in reply to RCPT TO command)", "recipient storage full", None, None),
        ("host mx.example.org[192.0.2.7] refused to talk to me: 554 5.7.1 go away", "554 5.7.1 go away", 554, "5.7.1"),
        (
            f"{EXIM} after RCPT TO:<ada@example.org>: host mx.example.org [192.0.2.7]: 550 5.1.1 no",
            "550 5.1.1 no",
            550,
            "5.1.1",
        ),
        (
            "SMTP error from remote server for RCPT TO command, host: mx.example.org (192.0.2.7) reason: 550 5.1.1 no",
            "550 5.1.1 no",
            550,
            "5.1.1",
        ),
        (
            f"host mx.example.org [192.0.2.7] {EXIM} after MAIL FROM:<b@example.com> SIZE=2022: 553 5.7.1 no",
            "553 5.7.1 no",
            553,
            "5.7.1",
        ),
        ("host 'mx.example.org' rejected command 'EHLO' with code 550 (5.1.1) 'no'", "550 (5.1.1) 'no'", 550, "5.1.1"),
        (
            "550 5.0.350 Remote server returned an error -> 550 5.1.1 user unknown",
            "550 5.1.1 user unknown",
            550,
            "5.1.1",
        ),
        (
            "554 5.4.4 Remote Server returned '550 5.1.1 user doesn't exist'",
            "550 5.1.1 user doesn't exist",
            550,
            "5.1.1",
        ),
        (
            '451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect."',
            "421 4.2.1 Unable to connect.",
            421,
            "4.2.1",
        ),
        ("Remote host said: 550 no I'm not going to try again; this message is old.", "550 no", 550, None),
        ("The response was: 550 5.1.1 nobody", "550 5.1.1 nobody", 550, "5.1.1"),
        ("192.0.2.7 does not like recipient. Remote host said: 550 no Giving up on 192.0.2.7.", "550 no", 550, None),
        (
            f"450 4.1.1 <ada@example.org>: Recipient address rejected: undeliverable address: {SAID}550 5.2.1 gone",
            "550 5.2.1 gone",
            550,
            "5.2.1",
        ),
        (
            "while talking to mx.example.org: >>> RCPT To:<ada@example.org> <<< 550 5.1.1 no",
            "550 5.1.1 no",
            550,
            "5.1.1",
        ),
        ("550 Backend Replied [host.example]: 5.7.1 no", "5.7.1 no", 550, "5.7.1"),
        ("failed,5.1.1 (bad destination),smtp;553 Relaying disallowed", "553 Relaying disallowed", 553, None),
        ("550 #5.1.0 Address rejected", "550 #5.1.0 Address rejected", 550, "5.1.0"),
        ("sorry, no mailbox here (#5.1.1)", "sorry, no mailbox here (#5.1.1)", None, "5.1.1"),
        ("220-mx 421 4.2.1 Service refused", "220-mx Service refused", 421, "4.2.1"),
        ("connect to [5.1.1.1]: no", "connect to [5.1.1.1]: no", None, None),
        ("550 we took 250 2.1.5 for an answer", "550 we took 250 2.1.5 for an answer", 550, None),
        ("we returned 450 messages", "we returned 450 messages", None, None),
        ("", "", None, None),
    ],
)
def test_reply(diagnostic: str, text: str, code: int | None, status: str | None) -> None:
    assert told(read_reply(diagnostic)) == (text, code, status)


@for_each(
    ("diagnostic", "stage"),
    [
        (f"{SAID}550 no (in reply to RCPT TO command)", "RCPT"),
        (f"{SAID}550 no (in reply to MAIL FROM command)", "MAIL"),
        (f"{SAID}550 no (in reply to DATA command)", "DATA"),
        (f"{SAID}550 no (in reply to end of DATA command)", "DOT"),
        (f"{SAID}550 no (in reply to EHLO command)", "EHLO"),
        ("host mx.example.org[192.0.2.7] refused to talk to me: 554 no", "CONNECT"),
        (f"{EXIM} after RCPT TO:<ada@example.org>: host x: 550 no", "RCPT"),
        (f"{EXIM} after pipelined DATA: 550 no", "DATA"),
        (f"{EXIM} after initial connection: 554 no", "CONNECT"),
        ("lost connection with mx.example.org[192.0.2.7] while sending end of data", "DOT"),
        ("192.0.2.7 does not like recipient. Remote host said: 550 no", "RCPT"),
        ("Connected to 192.0.2.7 but sender was rejected. Remote host said: 550 no", "MAIL"),
        ("192.0.2.7 failed after I sent the message. Remote host said: 550 no", "DOT"),
        ("550 the mailer ran after data were lost", "DATA"),
        ("550 nothing told", None),
        ("the following mail to ada could not be delivered: 550 no", None),
        ("SMTP error following MAIL command: 550 no", "MAIL"),
        ("mx.example.org [192.0.2.7] did not like our RCPT TO: 550 no", "RCPT"),
        ("mx.example.org [192.0.2.7] did not like our final DATA: 554 no", "DOT"),
        ("host mx.example.org rejected command 'RCPT TO:<ada@example.org>' with code 550 (5.1.1) 'no'", "RCPT"),
        ("rejected recipient <ada@example.org> (Error following RCPT command): [550 no]", "RCPT"),
        ("5.0.0 (Remote SMTP server has rejected address)", "RCPT"),
        ("Connected to 192.0.2.7 but failed on DATA command", "DATA"),
        ("the server sent: RCPT TO:<ada@example.org> Remote server replied: 550 no", "RCPT"),
        (">>> DATA <<< 550 no <<< 503 Need RCPT", "RCPT"),
        ("Sorry, most progress was RCPT TO response; remote host 192.0.2.7 said: 550 no", "RCPT"),
        ("Remote host said: 550 5.1.1 no [RCPT_TO]", "RCPT"),
        ("Remote host said: 554 no [BODY]", "DOT"),
        ("The error that the other server returned was: 550 550 no (state 14).", "RCPT"),
        ("The error that the other server returned was: 550 550 no (state 17).", "DATA"),
        ("550 no (state 99)", None),
        ("Body of message generated response: 554 no", "DOT"),
    ],
)
def test_stage(diagnostic: str, stage: str | None) -> None:
    assert read_reply(diagnostic).stage == stage


@for_each(
    ("diagnostic", "code"),
    [
        ("rejected with code 550 (5.1.1) 'no such user'", 550),
        ("TLS is required (code 454)", 454),
        ("Error, ERROR_CODE :550, ERROR_CODE :no such user", 550),
        ("error 550: no such user", 550),
        ("[550] no such user", 550),
        ("#550 5.1.1 no such user ##", 550),
        ("> 550 no such user", 550),
        ("Remote server replied: 550 no such user", 550),
        ("It answered as follows: [550 no such user]", 550),
        ("connect to mx.example.org[550:1::2]: no", None),
        ("too much (550 MB) in #550kB", None),
        ("error 550.1: no", None),
    ],
)
def test_a_code_that_stands_apart(diagnostic: str, code: int | None) -> None:
    assert read_reply(diagnostic).code == code


@for_each(
    "diagnostic",
    [
        "host MX.Example.org[192.0.2.7] said: 550 no",
        "Diagnostic code: smtp;550 no Remote system: dns;mx.example.org (TCP|192.0.2.1|19454|192.0.2.7|25)",
        "mx.example.org gave this error: not here -> 550 no",
        "user@example.net mx.example.org Remote Server returned '550 5.1.351 not here -> 550 no'",
    ],
)
def test_host(diagnostic: str) -> None:
    assert read_reply(diagnostic).host == "mx.example.org"


def test_what_is_no_host() -> None:
    assert read_reply("550 no host here [192.0.2.7]").host is None


def test_what_is_longer_than_the_cap_is_not_read() -> None:
    assert len(one_line("x" * 10 * MAX_DIAGNOSTIC)) == MAX_DIAGNOSTIC
    assert read_reply("550 " + "x" * MAX_DIAGNOSTIC + " said: 451 4.2.2 no").code == 550


@given(st.text(max_size=500))
def test_reading_is_total(text: str) -> None:
    reply = read_reply(text)
    assert "\n" not in reply.text
    assert len(reply.text) <= len(text)


@pytest.mark.timeout(5)
@for_each("piece", REPEATED)
def test_no_repetition_makes_it_slow(piece: str) -> None:
    for _ in range(20):
        read_reply(piece * (MAX_DIAGNOSTIC // len(piece)))


@for_each(("command", "stage"), [("RCPT TO", "RCPT"), ("MAIL FROM", "MAIL"), ("TEXT", "DOT")])
def test_the_command_of_united_internets_notices(command: str, stage: str) -> None:
    text = f"SMTP error from remote server for {command} command, host: mx.example.org (192.0.2.7) reason: 550 no"
    assert read_reply(text).stage == stage
