"""README's receiver, run as it stands there, against what we send."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Response
from werkzeug.serving import make_server

from bounce_watcher.model.ledger import Disposition, NoticeType, Occurrence, OutboxItem
from bounce_watcher.outbox.webhook.notice import notices
from bounce_watcher.outbox.webhook.sender import Sender
from tests.docs.pages import README, marked
from tests.outbox.samples import AT, target
from tests.servers.receiver import SECRET

OTHER_SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass
class Shown:
    """README's receiver on a port. `answers` are what it answered, in order."""

    url: str
    answers: list[tuple[int, str]] = field(default_factory=list)

    def sent(self, item: OutboxItem, secret: str = SECRET) -> tuple[int, str]:
        with Sender(target(url=self.url, secrets=(secret,))) as sender:
            [attempt] = sender.send([item], datetime.now(UTC))  # the receiver refuses what is older than five minutes
        assert (attempt.disposition is Disposition.DELIVERED) is (self.answers[-1][0] == 200), attempt
        return self.answers[-1]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(marked(README, "receiver").text, "README.md", "exec"), names)
    app = names["app"]
    server = make_server("127.0.0.1", 0, app)
    it = Shown(f"http://127.0.0.1:{server.server_port}/hooks/bounces")

    def note(response: Response) -> Response:
        it.answers.append((response.status_code, response.get_data(as_text=True)))
        return response

    app.after_request(note)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield it
    server.shutdown()
    thread.join()
    server.server_close()


def item(sequence: int, recipient: str = "user@example.org") -> OutboxItem:
    data: dict[str, object] = {"reason": "invalid_recipient", "because": "1 of 1", "until": None}
    occurrence = Occurrence(NoticeType.SUPPRESSED, AT, recipient, "marketing", sequence, data)
    (made,) = notices(occurrence, [target()], lambda: f"msg_{sequence}")
    return made


def test_it_takes_what_verifies(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown.sent(item(7)) == (200, "ok")
    assert "recipient.suppressed user@example.org marketing 1 of 1" in capsys.readouterr().out


def test_it_drops_what_it_has_seen(shown: Shown) -> None:
    assert [shown.sent(item(number)) for number in (7, 7, 6, 8)] == [
        (200, "ok"), (200, "seen"), (200, "seen"), (200, "ok"),
    ]
    assert shown.sent(item(1, "other@example.org")) == (200, "ok")


def test_it_refuses_what_another_has_signed(shown: Shown) -> None:
    assert shown.sent(item(7), OTHER_SECRET) == (400, "bad signature")
    assert shown.sent(item(7)) == (200, "ok")


def test_it_answers_where_the_first_configuration_sends(shown: Shown) -> None:
    assert shown.url.endswith("/hooks/bounces")
    assert 'url = "https://platform.example.com/hooks/bounces"' in README
