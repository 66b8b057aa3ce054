"""Sets up everything that the demo needs, in a temporary folder and on loopback, and takes it down again."""

import base64
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bounce_watcher.config import Settings, load
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.demo.imap import PASSWORD, USER, deliver, running_imap_server
from bounce_watcher.service.demo.receiver import Receiver, listening
from bounce_watcher.service.demo.samples import RETURN_PATH, STREAM, Sample, samples

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
        _write(config, CONFIG.format(
            imap_port=imap_port, user=USER, password=PASSWORD, stream=STREAM, return_path=RETURN_PATH,
            token_key=secrets.token_hex(32), webhook_url=webhook_url, webhook_secret=secret,
            web_port=web_port, web_token=web_token,
        ))
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


def _write(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, as it holds secrets."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
