"""A platform on loopback: it keeps a list as its documentation says, and answers as told where a test wants trouble.

Each kind has one subclass in `vendors/`, written after the vendor's published description of its API and never after
our own code: what a real platform would refuse, it refuses.
"""

import json
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from base64 import b64decode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

KEY = "k3y-that-nobody-may-see"
"""The one secret that vendors of these tests know; a vendor with several derives the others from it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came. `target` is the undecoded path and query; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float = 0.0
    """In seconds of the monotonic clock."""

    @property
    def path(self) -> str:
        """Undecoded, without the query."""
        return urlsplit(self.target).path

    @property
    def segments(self) -> list[str]:
        """The parts of the path, each decoded."""
        return [unquote(part) for part in self.path.split("/")[1:]]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none or is not said to be."""
        if not re.match(r"application/(vnd\.api\+)?json\b", self.headers.get("content-type", "")):
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else None

    @property
    def basic(self) -> tuple[str, str] | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        user, _, password = b64decode(token).decode().partition(":")
        return user, password


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call is answered. `hang` in seconds passes before; `disconnect` breaks the connection off instead."""

    status: int = 200
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: float = 0.0
    disconnect: bool = False

    @property
    def content(self) -> bytes:
        return self.body if self.document is None else json.dumps(self.document).encode()


@dataclass(frozen=True, slots=True)
class Trouble:
    """A refusal that the vendor documents. `dead`: it is about the one change asked for and no later try will help."""

    answer: Answer
    dead: bool = False


class Vendor(ABC):
    """`listed` is what the vendor's list holds, as addresses in lower case.

    `troubles` are its documented refusals of a whole call, by name, apart from what every API has (401, 429, 5xx).
    `refuses`: an address that it never takes, though the call around it may succeed; None where it takes all.
    `keeps`: an address that it holds and forbids to release; None where it forbids none.
    `reads_body`: whether the success of its calls can be told from the body, so that other JSON is no success.
    """

    kind: ClassVar[str]
    troubles: ClassVar[Mapping[str, Trouble]] = {}
    refuses: ClassVar[str | None] = None
    keeps: ClassVar[str | None] = None
    reads_body: ClassVar[bool] = True

    def __init__(self) -> None:
        self.listed: set[str] = set()
        self.calls: list[Call] = []
        self.wiped = False
        self._script: deque[Answer] = deque()
        self._always: Answer | None = None
        self._lock = threading.Lock()
        self.url = ""

    @abstractmethod
    def handle(self, call: Call) -> Answer:
        """What the vendor does and answers when nothing is wrong on its side. Runs under a lock."""

    @abstractmethod
    def keys(self, key: str = KEY) -> str:
        """The lines of TOML that a [[platform]] of this kind needs beside name, kind and url."""

    def secrets(self) -> tuple[str, ...]:
        """What must be seen nowhere."""
        return (KEY,)

    def prepare(self, *addresses: str) -> None:  # noqa: B027  (most need nothing)
        """Makes the vendor ready to suppress these: where it knows contacts, they are made known here."""

    def then(self, *answers: Answer) -> None:
        """The next calls are answered so, one each, and have no effect."""
        self._script.extend(answers)

    def always(self, answer: Answer | None) -> None:
        """Every call is answered so, until None."""
        self._always = answer

    def take(self, call: Call) -> Answer:
        with self._lock:
            self.calls.append(call)
            if self._script:
                return self._script.popleft()
            return self._always or self.handle(call)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed is no error of the vendor's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


V = TypeVar("V", bound=Vendor)


@contextmanager
def serving(vendor: V) -> Iterator[V]:
    """The vendor on a free port of loopback; `vendor.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: else its body waits for the acknowledgement of its head, 40 ms

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = vendor.take(Call(self.command, self.path, headers, body, time.monotonic()))
            if answer.hang:
                closing.wait(answer.hang)
            if answer.disconnect or closing.is_set():
                self.close_connection = True
                return
            self.send_response(answer.status)
            kind = {} if answer.document is None else {"content-type": "application/json"}
            for name, value in {**kind, **answer.headers, "content-length": str(len(answer.content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...

    closing = threading.Event()
    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        closing.set()
        server.shutdown()
        server.server_close()


def vendor_fixture(of: type[Vendor]) -> Any:
    """The fixture `vendor` of a module about this one; `desk` is then its desk."""
    @pytest.fixture
    def vendor() -> Iterator[Vendor]:
        with serving(of()) as it:
            yield it

    return vendor
