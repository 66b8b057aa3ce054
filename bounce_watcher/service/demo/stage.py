"""Sets up the demo in a temporary folder and on loopback, takes it down again, and judges its result."""

import base64
import secrets
import socket
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.config import Settings, load
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, NoticeType, RecipientRecord, State, Suppression
from bounce_watcher.model.message import message_digest
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.demo.samples import RELEASED, RETURN_PATH, STREAM, SUPPRESSED, Sample, samples
from bounce_watcher.service.demo.servers import (
    PASSWORD,
    USER,
    Hook,
    Receiver,
    contents,
    deliver,
    listening,
    running_imap_server,
)
from bounce_watcher.service.opening import open_ledger

CONFIG = """\
# Made by `bounce-watcher demo`.
[database]
url = "sqlite:///ledger.db"

[[mailbox]]
name = "returns"
host = "127.0.0.1"
port = {imap_port}
security = "none"           # taken for loopback only
username = "{user}"
password = "{password}"
stream = "{stream}"
poll_every = "2s"

[attribution]
return_path = "{return_path}"
token_key = "{token_key}"
own_domains = ["example.com"]

[policy.evidence]
complaint = "report"        # feedback loops do not come to the return path

[[webhook]]
name = "platform"
url = "{webhook_url}"
secret = "{webhook_secret}"
events = ["recipient.suppressed", "recipient.released", "complaint.recorded"]

[web]
listen = "127.0.0.1:{web_port}"
token = "{web_token}"

[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """The demo, ready to run: `mail` is in INBOX, nothing has been read.

    `dashboard` is where the pages will be, `token` opens them.
    """

    config: Path
    settings: Settings
    imap_port: int
    webhook_url: str
    dashboard: str
    token: str
    receiver: Receiver
    mail: tuple[Sample, ...]


@contextmanager
def stage() -> Iterator[Stage]:
    """Runs servers with configuration and mail until the end of the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bounce-watcher-demo-")))
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        receiver = Receiver(secret)
        webhook_url = stack.enter_context(listening(receiver))
        imap_port = stack.enter_context(running_imap_server())
        web_port, web_token = _free_port(), secrets.token_urlsafe(24)
        config = folder / "config.toml"
        config.touch(mode=0o600)  # it holds secrets
        config.write_text(CONFIG.format(
            imap_port=imap_port, user=USER, password=PASSWORD, stream=STREAM, return_path=RETURN_PATH,
            token_key=secrets.token_hex(32), webhook_url=webhook_url, webhook_secret=secret,
            web_port=web_port, web_token=web_token,
        ), "utf-8")
        settings = load(config)
        mail = tuple(samples(settings.attribution, utcnow()))
        deliver(imap_port, ((sample.content, sample.at) for sample in mail))
        dashboard = f"http://127.0.0.1:{web_port}/"
        yield Stage(config, settings, imap_port, webhook_url, dashboard, web_token, receiver, mail)


def _free_port() -> int:
    """Returns a port that is free now. If somebody takes it before the service does, the service reports that."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# ── the result ──────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class JudgedMessage:
    """One message: its kind, the events that it made, and the folder where it is now."""

    sample: Sample
    kind: Kind
    events: tuple[BounceEvent, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """The result. `standing`: recipients with events that count. `problems`: what is not as expected, one line each."""

    judged: tuple[JudgedMessage, ...]
    suppressions: tuple[Suppression, ...]
    standing: tuple[RecipientRecord, ...]
    hooks: tuple[Hook, ...]
    problems: tuple[str, ...]


def outcome(stage: Stage) -> DemoOutcome:
    with open_ledger(stage.settings) as ledger:
        judged = tuple(_judged(stage, ledger))
        suppressions = tuple(ledger.lists.suppressions())
        standing = tuple(_standing(judged, ledger))
    hooks = stage.receiver.hooks
    return DemoOutcome(judged, suppressions, standing, hooks, tuple(_problems(judged, suppressions, hooks)))


def _standing(judged: tuple[JudgedMessage, ...], ledger: Ledger) -> Iterator[RecipientRecord]:
    """Yields the recipients with events that count or counted, the suppressed ones first."""
    addresses = sorted({event.recipient for each in judged for event in each.events})
    records = [record for address in addresses for record in ledger.lists.recipients(address)]
    for state in (State.SUPPRESSED, State.PENDING, State.RELEASED, State.WATCHING):
        yield from (record for record in records if record.state is state)


def _judged(stage: Stage, ledger: Ledger) -> Iterator[JudgedMessage]:
    toolkit = Toolkit(load_builtin(), stage.settings.attribution)
    account = stage.settings.mailboxes[0]
    names = (*account.folders, account.processed_folder, account.review_folder, account.quarantine_folder)
    folders = {message_digest(content): name for name in names for content in contents(stage.imap_port, name)}
    events = defaultdict[str, list[BounceEvent]](list)
    for event in ledger.lists.events(EventFilter()):
        events[event.message_digest].append(event)
    for sample in stage.mail:
        digest = message_digest(sample.content)
        kind = analyse(sample.content, toolkit).kind
        yield JudgedMessage(sample, kind, tuple(events[digest]), folders.get(digest, "nowhere"))


def _problems(
    judged: tuple[JudgedMessage, ...], suppressions: tuple[Suppression, ...], hooks: tuple[Hook, ...]
) -> Iterator[str]:
    for each in judged:
        if each.folder in ("INBOX", "nowhere"):
            yield f"the mail of {each.sample.at:%d %B %H:%M} lies {each.folder}"
    found = {each.recipient: each.reason for each in suppressions}
    for recipient in sorted(found.keys() | SUPPRESSED.keys()):
        if found.get(recipient) != SUPPRESSED.get(recipient):
            yield f"{recipient}: suppressed for {found.get(recipient)}, expected {SUPPRESSED.get(recipient)}"
    for hook in hooks:
        if not hook.verified:
            yield f"webhook {hook.id}: its signature is not good"
    came = Counter((hook.type, str(hook.data.get("recipient"))) for hook in hooks if hook.verified)
    for type_, recipient in expected_hooks():
        if came[type_, recipient] != 1:
            yield f"{type_} of {recipient}: arrived {came[type_, recipient]} times, expected once"


def expected_hooks() -> list[tuple[str, str]]:
    """Returns type and recipient of each expected webhook."""
    suppressed = [(NoticeType.SUPPRESSED.value, recipient) for recipient in SUPPRESSED]
    released = [(NoticeType.RELEASED.value, recipient) for recipient in sorted(RELEASED)]
    complained = [
        (NoticeType.COMPLAINT.value, recipient) for recipient, reason in SUPPRESSED.items() if reason == "complaint"
    ]
    return suppressed + released + complained
