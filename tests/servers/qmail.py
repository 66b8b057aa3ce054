"""What qmail would report. No qmail: Debian has none. A stand-in that speaks SMTP as qmail-remote does, one recipient a
session, and writes the report as qmail-send does, in QSBMF (https://cr.yp.to/proto/qsbmf.txt), in the words of both.

It does not try again: what is refused for the time being is reported as it would be at the end of the queue's lifetime.
"""

import smtplib
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from email.utils import formatdate

from tests.servers.relay import Mail, Relay

_HEAD = """\
Received: (qmail 4242 invoked for bounce); {date}
Date: {date}
From: MAILER-DAEMON@out.example.com
To: {sender}
Subject: failure notice

Hi. This is the qmail-send program at out.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

"""
_FOOT = """\
--- Below this line is a copy of the message.

Return-Path: <{sender}>
"""
_EXPIRED = b"I'm not going to try again; this message has been in the queue too long.\n"


def _steps(host: str, sender: str, recipient: str, content: bytes) -> Iterator[tuple[bytes, str]]:
    """What is sent, and what qmail-remote prints where the answer is a refusal; the greeting answers to nothing."""
    yield b"", f"Connected to {host} but greeting failed.\n"
    yield b"HELO out.example.com\r\n", f"Connected to {host} but my name was rejected.\n"
    yield f"MAIL FROM:<{sender}>\r\n".encode(), f"Connected to {host} but sender was rejected.\n"
    yield f"RCPT TO:<{recipient}>\r\n".encode(), f"{host} does not like recipient.\n"
    yield b"DATA\r\n", f"{host} failed on DATA command.\n"
    yield content + b"\r\n.\r\n", f"{host} failed after I sent the message.\n"


def _deliver(host: str, port: int, sender: str, recipient: str, content: bytes) -> bytes | None:
    """The paragraph of the report, None where the mail was taken."""
    with closing(socket.create_connection((host, port), 20)) as connection, connection.makefile("rb") as answers:
        for sent, complaint in _steps(host, sender, recipient, content):
            connection.sendall(sent)
            answer = _reply(answers)
            if answer[:1] in b"45":
                rest = f"Giving up on {host}.\n".encode() if "recipient" in complaint else b""
                # Greeting and name are refused for the time being only, whatever the code says.
                is_final = answer[:1] == b"5" and not complaint.endswith(("greeting failed.\n", "name was rejected.\n"))
                return complaint.encode() + b"Remote host said: " + answer + rest + (b"" if is_final else _EXPIRED)
    return None


def _reply(answers: Iterable[bytes]) -> bytes:
    """All lines of one reply, as they came but for the CR."""
    lines = list[bytes]()
    for line in answers:
        lines.append(line.replace(b"\r", b""))
        if line[3:4] != b"-":
            break
    return b"".join(lines)


class QmailLike(Relay):
    """No process: `send` does it all."""

    warns = False
    has_aliases = False
    is_believed = False

    def start(self) -> None: ...

    def send(self, mails: Iterable[Mail]) -> None:
        for mail in mails:
            content = mail.message().as_bytes().replace(b"\n", b"\r\n")
            paragraphs = [paragraph for each in mail.recipients if (paragraph := self._paragraph(mail, each, content))]
            if paragraphs:
                self._report(mail, b"".join(paragraphs), content)

    def _paragraph(self, mail: Mail, recipient: str, content: bytes) -> bytes:
        host = self.sink.host(recipient.partition("@")[2])
        words = _deliver(host, self.sink.port, mail.sender, recipient, content)
        # qmail-send breaks up empty lines within the words: they would end the paragraph.
        return f"<{recipient}>:\n".encode() + words.replace(b"\n\n", b"\n/\n") + b"\n" if words else b""

    def _report(self, mail: Mail, paragraphs: bytes, content: bytes) -> None:
        head, foot = _HEAD.format(sender=mail.sender, date=formatdate()), _FOOT.format(sender=mail.sender)
        report = head.encode() + paragraphs + foot.encode() + content.replace(b"\r\n", b"\n")
        with smtplib.SMTP("127.0.0.1", self.sink.port, "out.example.com", timeout=20) as client:
            client.sendmail("", [mail.sender], report)

    def log(self) -> str:
        return ""

    def queued(self) -> int:
        return 0

    def makes_up(self, status: str | None, action: str) -> bool:
        """It writes text alone."""
        return status is None
