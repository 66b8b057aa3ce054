"""SMTP servers on loopback that refuse in words of their own, as servers out there do.

    with running(REFUSALS) as sink:
        … mail to anybody@r07.example.org through a relay that sends it to sink.host(domain), sink.port …

Each refusal lives at an address of its own in 127/8: relays avoid a host that turns them away. At 127.0.0.1, where all
other domains live, the local part picks the refusal of each recipient, and everybody who is not in the table gets the
mail. What comes for example.com, reports that is, is taken everywhere and goes over LMTP to the mailbox.
"""

import contextlib
import re
import selectors
import smtplib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bounce_watcher.model.verdict import Reason

HOME = "example.com"
"""The domain of the return path."""
UNNAMED = frozenset({"CONNECT", "EHLO", "STARTTLS"})
"""Stages at which nobody is named yet."""
BEFORE_RCPT = UNNAMED | {"MAIL"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reply: `text` as on the wire, lines ended by "\\n", with `{recipient}` where the address is to stand.

    `stage` is what it answers: CONNECT, EHLO, STARTTLS, MAIL, RCPT, DATA or DOT (the end of the data). `status` is the
    enhanced status in the text, None where it has none. `reason` is what any reader would make of the words. `charset`
    is how the reply is written.
    """

    id: str
    text: str
    status: str | None
    reason: Reason
    stage: str = "RCPT"
    charset: str = "utf-8"

    @property
    def code(self) -> int:
        return int(self.text[:3])

    @property
    def is_final(self) -> bool:
        return self.code >= 500

    @property
    def domain(self) -> str:
        return f"{self.id}.example.org"

    def words(self, recipient: str) -> tuple[str, ...]:
        """What each line says, without its code and the status behind it."""
        lines = (line[4:].strip() for line in self.text.format(recipient=recipient).splitlines())
        return tuple(line.removeprefix(self.status or "").strip() for line in lines)

    def reply(self, recipient: str) -> bytes:
        return "\r\n".join(self.text.format(recipient=recipient).splitlines()).encode(self.charset)


@dataclass
class Sink:
    """Running servers, all at one port. `accepted` are the recipients whose mail was taken, in order.

    `hosts` has the address of each refusal's domain; `insists` are those among the domains to which mail may go over
    TLS only. `lmtp_port` and `mailbox` are where reports are handed over.
    """

    refusals: Mapping[str, Refusal]
    lmtp_port: int = 0
    mailbox: str = ""
    port: int = 0
    accepted: list[str] = field(default_factory=list)

    @property
    def hosts(self) -> dict[str, str]:
        return {refusal.domain: f"127.0.1.{number}" for number, refusal in enumerate(self.refusals.values(), 1)}

    @property
    def insists(self) -> list[str]:
        return [refusal.domain for refusal in self.refusals.values() if refusal.stage == "STARTTLS"]

    def host(self, domain: str) -> str:
        return self.hosts.get(domain, "127.0.0.1")

    def take(self, recipients: list[str], content: bytes) -> None:
        home = [recipient for recipient in recipients if recipient.endswith(f"@{HOME}")]
        self.accepted.extend(recipient for recipient in recipients if recipient not in home)
        if home:
            with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=20) as mailbox:
                mailbox.sendmail("", [self.mailbox], content)


class _Session:
    """One connection. A command answers with whole lines that lack only the last end of line."""

    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink, self.connection = sink, connection
        host = connection.getsockname()[0]
        domain = next((domain for domain, address in sink.hosts.items() if address == host), "")
        self.refusal = sink.refusals.get(domain.partition(".")[0])
        self.sender, self.recipients = "", list[str]()

    def run(self) -> None:
        commands: dict[bytes, Callable[[str], bytes]] = {
            b"EHLO": self.ehlo, b"HELO": self.ehlo, b"STARTTLS": self.starttls, b"MAIL": self.mail, b"RCPT": self.rcpt,
            b"DATA": self.data, b"RSET": self.reset, b"QUIT": self.quit,
        }
        self.connection.settimeout(30)
        with self.connection, contextlib.suppress(OSError), self.connection.makefile("rb") as self.lines:
            refused = self.refused("CONNECT")
            goes_on = self.say(refused or b"220 mx.example.org ESMTP") and not refused
            while goes_on and (line := self.lines.readline(4_096).strip()):
                verb, _, argument = line.partition(b" ")
                command = commands.get(verb.upper(), self.unknown)
                goes_on = self.say(command(argument.decode("utf-8", "replace")))

    def say(self, reply: bytes) -> bool:
        """False where the reply ends the connection."""
        self.connection.sendall(reply + b"\r\n")
        return not reply.startswith((b"221", b"421"))

    def refused(self, stage: str, recipient: str = "") -> bytes | None:
        name, _, domain = recipient.partition("@")
        if domain == HOME and stage not in BEFORE_RCPT:
            return None
        refusal = self.refusal or self.sink.refusals.get(name)
        return refusal.reply(recipient) if refusal and refusal.stage == stage else None

    def ehlo(self, argument: str) -> bytes:
        offers = ["mx.example.org", "SIZE 33554432", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        offers += ["STARTTLS"] * (self.refused("STARTTLS") is not None)
        *others, last = offers
        answer = "".join(f"250-{offer}\r\n" for offer in others) + f"250 {last}"
        return self.refused("EHLO") or answer.encode()

    def starttls(self, argument: str) -> bytes:
        return self.refused("STARTTLS") or self.unknown(argument)

    def mail(self, argument: str) -> bytes:
        self.sender, self.recipients = _path(argument), []
        refused = self.refused("MAIL", self.sender) if self.sender else None
        return refused or b"250 2.1.0 Sender ok"

    def rcpt(self, argument: str) -> bytes:
        recipient = _path(argument)
        if refused := self.refused("RCPT", recipient):
            return refused
        self.recipients.append(recipient)
        return b"250 2.1.5 Recipient ok"

    def data(self, argument: str) -> bytes:
        if not self.recipients:
            return b"503 5.5.1 Nobody to send it to"
        if refused := self.refused_to_all("DATA"):
            return refused
        self.say(b"354 Go on")
        content = b"".join(self.message())
        if refused := self.refused_to_all("DOT"):
            return refused
        self.sink.take(self.recipients, content)
        return b"250 2.0.0 Taken"

    def reset(self, argument: str) -> bytes:
        self.sender, self.recipients = "", []
        return b"250 2.0.0 Forgotten"

    def quit(self, argument: str) -> bytes:
        return b"221 2.0.0 Bye"

    def unknown(self, argument: str) -> bytes:
        return b"502 5.5.1 Unknown command"

    def refused_to_all(self, stage: str) -> bytes | None:
        return next(filter(None, (self.refused(stage, each) for each in self.recipients)), None)

    def message(self) -> Iterator[bytes]:
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            yield line.removeprefix(b".")


def _path(argument: str) -> str:
    """The address of `FROM:<address> …` or `TO:<address> …`."""
    match = re.search(r"<([^<>]*)>", argument)
    return match[1] if match else ""


@contextlib.contextmanager
def running(refusals: Iterable[Refusal], lmtp_port: int = 0, mailbox: str = "") -> Iterator[Sink]:
    sink = Sink({refusal.id: refusal for refusal in refusals}, lmtp_port, mailbox)
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for host in ("127.0.0.1", *sink.hosts.values()):
            listening = stack.enter_context(socket.create_server((host, sink.port), backlog=64))
            sink.port = listening.getsockname()[1]
            selector.register(listening, selectors.EVENT_READ)
        thread = threading.Thread(target=_accept, args=(sink, selector, ended))
        thread.start()
        try:
            yield sink
        finally:
            ended.set()
            thread.join()


def _accept(sink: Sink, selector: selectors.BaseSelector, ended: threading.Event) -> None:
    while not ended.is_set():
        for key, _ in selector.select(0.02):
            assert isinstance(key.fileobj, socket.socket)
            connection, _ = key.fileobj.accept()
            threading.Thread(target=_Session(sink, connection).run, daemon=True).start()
