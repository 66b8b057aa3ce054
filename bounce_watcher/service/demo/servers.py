"""The demo's servers: IMAP (pymap, in memory), and the receiving side of a webhook, both on loopback.

The receiver checks signatures with the `standardwebhooks` package, and keeps what arrives.
"""

import asyncio
import json
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from anyio.from_thread import start_blocking_portal
from imapclient import IMAPClient
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pysasl.hashing import BuiltinHash
from standardwebhooks import Webhook, WebhookVerificationError

USER, PASSWORD = "bounces", "demo"  # no secret: a slow password hash (a quarter of a second) would protect nothing

# the arguments that pymap's own command line would parse
_ARGUMENTS = {
    "host": "127.0.0.1", "port": 0, "debug": False, "cert": None, "key": None, "tls": False, "proxy_protocol": None,
    "passlib_cfg": None, "demo_data": False, "demo_user": USER, "demo_password": PASSWORD,
}


@contextmanager
def running_imap_server() -> Iterator[int]:
    """Yields the port of a server that runs until the end of the block. It then forgets everything."""
    with start_blocking_portal(name="demo imap") as portal, ExitStack() as stack:
        try:
            port = stack.enter_context(portal.wrap_async_context_manager(_imap_server()))
        except Exception as failure:
            raise RuntimeError("the embedded IMAP server did not start") from failure
        yield port


@asynccontextmanager
async def _imap_server() -> AsyncIterator[int]:
    backend, config = await DictBackend.init(Namespace(**_ARGUMENTS), hash_context=BuiltinHash(rounds=1))
    config.apply_context()
    answer = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(IMAPServer(backend.login, config))
    before = asyncio.all_tasks()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            connections = asyncio.all_tasks() - before
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)


@contextmanager
def logged_in(port: int) -> Iterator[IMAPClient]:
    client = IMAPClient("127.0.0.1", port, ssl=False, timeout=10)
    try:
        client.login(USER, PASSWORD)
        client.normalise_times = False
        yield client
    finally:
        client.shutdown()


def deliver(port: int, mail: Iterable[tuple[bytes, datetime]]) -> None:
    """Puts messages into INBOX, each with its time of arrival (INTERNALDATE), in one MULTIAPPEND (RFC 3502)."""
    with logged_in(port) as client:
        client.multiappend("INBOX", [{"msg": content, "date": at} for content, at in mail])


def contents(port: int, folder: str) -> list[bytes]:
    """Returns every message of a folder; empty if there is no such folder."""
    with logged_in(port) as client:
        if not client.folder_exists(folder):
            return []
        client.select_folder(folder, readonly=True)
        found = client.fetch(client.search(), ["BODY.PEEK[]"])
        return [items[b"BODY[]"] for items in found.values()]


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
        hook = Hook(headers.get("webhook-id", ""), verified=False)
        with suppress(WebhookVerificationError):
            self._webhook.verify(body, headers)
            document = json.loads(body)
            hook = Hook(hook.id, True, document["type"], document["data"])
        with self._lock:
            self._hooks.append(hook)
        self.on_arrival(hook)
        return hook.verified


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
