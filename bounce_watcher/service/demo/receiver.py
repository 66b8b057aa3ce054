"""The receiving side of a webhook: checks the signature with the `standardwebhooks` package, and keeps what arrives."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook as it arrived. `verified`: its signature is valid. `data` is empty if the body is no JSON."""

    id: str
    verified: bool
    type: str = ""
    data: dict[str, object] = field(default_factory=dict)


class Receiver:
    """A webhook receiver. Calls `on_arrival` with each webhook, in the server's thread."""

    def __init__(self, secret: str) -> None:
        self.on_arrival: Callable[[Hook], None] = lambda _: None
        self._webhook = Webhook(secret)
        self._hooks: list[Hook] = []
        self._lock = threading.Lock()

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The webhooks in order of arrival."""
        with self._lock:
            return tuple(self._hooks)

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        hook = self._checked(headers, body)
        with self._lock:
            self._hooks.append(hook)
        self.on_arrival(hook)
        return hook.verified

    def _checked(self, headers: dict[str, str], body: bytes) -> Hook:
        hook_id = headers.get("webhook-id", "")
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError:
            return Hook(hook_id, verified=False)
        document = json.loads(body)
        return Hook(hook_id, True, document["type"], document["data"])


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        good = self.receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(204 if good else 401)
        self.end_headers()

    def do_HEAD(self) -> None:
        self.send_response(405)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: the demo itself shows what arrived."""


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    """Yields the URL at which the receiver takes webhooks until the end of the block."""
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo receiver", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks/bounces"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
