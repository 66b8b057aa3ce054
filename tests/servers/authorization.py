"""An OAuth2 token endpoint on loopback that hands out what a test puts into it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest


@dataclass
class TokenEndpoint:
    """`answers` are given in turn, the last one again and again; `requests` are the forms that came."""

    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    def grants(self, *tokens: str, expires_in: int = 3600) -> None:
        self.answers = [(200, {"access_token": token, "token_type": "Bearer", "expires_in": expires_in})
                        for token in tokens]

    def refuses(self, status: int, body: Any) -> None:
        """`body` is sent as JSON, or as it is if it is bytes."""
        self.answers = [(status, body)]

    def take(self, form: dict[str, str]) -> tuple[int, Any]:
        self.requests.append(form)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(endpoint: TokenEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = endpoint.take(dict(parse_qsl(body.decode())))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    return Handler


@pytest.fixture
def token_endpoint() -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
    endpoint.url = f"http://127.0.0.1:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()
