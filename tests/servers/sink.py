"""An SMTP server on loopback that refuses each recipient in words of its own, as servers out there do.

    with running(REFUSALS) as sink:
        … mail to r07@any.domain through a relay that sends everything to sink.port …

The local part picks the refusal. What is refused at MAIL FROM is picked by the tag of the sender, who must then be
`returns+r07@…`. Everybody who is not in the table gets the mail.
"""

import contextlib
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bounce_watcher.model.verdict import Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reply: `text` as on the wire, lines ended by "\\n", with `{recipient}` where the address is to stand.

    `stage` is the command that it answers: MAIL, RCPT or DOT (the end of the data). `status` is the enhanced status in
    the text, None where it has none. `reason` is what any reader would make of the words.
    """

    id: str
    text: str
    status: str | None
    reason: Reason
    stage: str = "RCPT"

    @property
    def code(self) -> int:
        return int(self.text[:3])

    @property
    def is_final(self) -> bool:
        return self.code >= 500

    def words(self, recipient: str) -> tuple[str, ...]:
        """What each line says, without its code and the status behind it."""
        lines = (line[4:].strip() for line in self.text.format(recipient=recipient).splitlines())
        return tuple(line.removeprefix(self.status or "").strip() for line in lines)

    def reply(self, recipient: str) -> str:
        return "\r\n".join(self.text.format(recipient=recipient).splitlines())


@dataclass
class Sink:
    """A running sink. `accepted` are the recipients whose mail was taken, in order."""

    refusals: dict[str, Refusal]
    port: int = 0
    accepted: list[str] = field(default_factory=list)

    def refusal(self, address: str | None, stage: str) -> str | None:
        name = (address or "").partition("@")[0].rpartition("+")[2]
        refusal = self.refusals.get(name)
        return refusal.reply(address or "") if refusal and refusal.stage == stage else None

    # aiosmtpd's hooks: what they return goes out as the reply.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := self.refusal(address, "MAIL"):
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := self.refusal(address, "RCPT"):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        for address in envelope.rcpt_tos:
            if refused := self.refusal(address, "DOT"):
                return refused
        self.accepted.extend(envelope.rcpt_tos)
        return "250 2.0.0 Taken"


class _Controller(Controller):
    """On a port that the system picks; never TLS, so that both sides print what was said."""

    def _create_server(self) -> Any:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=self._socket)


@contextlib.contextmanager
def running(refusals: Iterable[Refusal]) -> Iterator[Sink]:
    sink = Sink({refusal.id: refusal for refusal in refusals})
    controller = _Controller(sink, hostname="127.0.0.1", server_hostname="mx.example.org", enable_SMTPUTF8=True)
    controller.start()
    sink.port = controller.port
    try:
        yield sink
    finally:
        controller.stop()
