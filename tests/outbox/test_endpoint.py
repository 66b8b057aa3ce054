"""How a target is reached: its URL, its fingerprint, a proxy in between."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Disposition
from bounce_watcher.outbox.http.client import endpoint_url, proxy_for
from bounce_watcher.outbox.webhook.sender import Sender
from tests.families import for_each
from tests.outbox.samples import item, target
from tests.servers.receiver import SECRET, Receiver

URL = "https://me:pw@platform.example/hook?token=abc"


def proxy_of(url: str) -> httpx.URL | None:
    proxy = proxy_for(target(url=url), httpx.URL(url))
    return proxy.url if proxy else None


def test_the_fingerprint_follows_the_url_alone_and_does_not_show_it() -> None:
    here = target("a", URL).fingerprint
    assert here == target("b", URL, secrets=(SECRET, SECRET), timeout=1).fingerprint
    assert here != target("a", URL + "d").fingerprint
    assert re.fullmatch(r"[0-9a-f]{64}", here)


@pytest.mark.parametrize("url", ["ftp://host.example/", "host.example/hook", "http:///hook", "http://[::1/", ""])
def test_a_url_that_is_none_for_http_is_refused(url: str) -> None:
    with pytest.raises(PermanentFailure, match="webhook platform: url is no http or https URL"):
        endpoint_url(target(url=url))


def test_no_proxy_unless_one_is_named() -> None:
    assert proxy_of(URL) is None


@for_each(
    ("environment", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, URL, "http://proxy.example:3128"),
        ({"https_proxy": "proxy.example:3128"}, URL, "http://proxy.example:3128"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, URL, None),
        ({"ALL_PROXY": "http://proxy.example:3128"}, URL, "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "platform.example"}, URL, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".example"}, URL, None),
        ({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "*"}, URL, None),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, "http://127.0.0.1:8080/", None),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, "http://[::1]/", None),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, "http://localhost/", None),
    ],
)
def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == (httpx.URL(proxy) if proxy else None)


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1080", "http://[::1", "ftp://proxy.example"])
def test_a_proxy_that_speaks_no_http_is_refused(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(PermanentFailure, match="webhook platform: the proxy in the environment"):
        proxy_of(URL)


def test_a_request_goes_by_the_proxy(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:pw@127.0.0.1:{receiver.port}")
    with Sender(target(url="http://platform.example/hook?a=1")) as sender:
        assert sender.send([item()], datetime.now(UTC))[0].disposition is Disposition.DELIVERED
    (request,) = receiver.requests
    assert request.path == "http://platform.example/hook?a=1"
    assert request.headers["proxy-authorization"] == "Basic bWU6cHc="
    assert request.verified


def test_a_proxy_that_opens_no_tunnel(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{receiver.port}")
    with Sender(target(url=URL)) as sender:
        made = sender.send([item()], datetime.now(UTC))[0]
    assert made.disposition is Disposition.RETRY
    assert made.answer.startswith("the proxy refused: 501 ")
