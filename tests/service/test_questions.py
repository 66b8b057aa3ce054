"""What an analysing process may ask, and that tokens and DKIM keys prove there what they prove here."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.return_path import claims, fits, make_header_token, make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.message import RawMessage
from bounce_watcher.pipeline import Toolkit
from bounce_watcher.service.analysis import analyser
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.questions import ARE_OURS, DKIM_KEY, MAX_NAME, Answers, Questions, without_secrets
from bounce_watcher.service.analysis.worker import analyse_one
from tests.families import for_each
from tests.mail import mailbag

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)
SETTINGS = AttributionSettings(
    "returns@bounces.example.com", (b"new key of sixteen", b"old key of sixteen"),
    own_domains=frozenset({"example.com"}),
)
OLD = replace(SETTINGS, token_keys=SETTINGS.token_keys[1:])
FORGED = replace(SETTINGS, token_keys=(b"another's key, long",))
LONG = f"{'a.very.long.name' * 3}@department.of.a.very.long.domain.example.org"

REPORT = """Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

From: news@example.com
To: {recipient}
X-BW-Token: {header}

--b--
"""


def report(to: str, recipient: str, header: str = "none") -> bytes:
    return REPORT.format(to=to, recipient=recipient, header=header).encode()


def reports() -> list[bytes]:
    """With tokens of every form, ours and others', in either place, in plain sight and not."""
    made = [report("returns@bounces.example.com", "user@example.org")]
    for settings in (SETTINGS, OLD, FORGED):
        for recipient in ("user@example.org", LONG):
            path = make_return_path(settings, recipient, "news", day=DAY)
            header = make_header_token(settings, recipient, "news", day=DAY)
            made += [report(path, recipient), report("returns@bounces.example.com", recipient, header),
                     report(path, "somebody.else@example.org"), report(path.upper(), recipient),
                     report("x@example.com", recipient, f"{header[:20]}\n {header[20:]}")]
    return made


def test_a_process_without_keys_finds_what_one_with_keys_finds() -> None:
    contents = [*reports(), *(content for content, _ in mailbag(60))]
    page = [RawMessage(f"test#{number}", content, NOW, "returns") for number, content in enumerate(contents)]
    toolkit = Toolkit(load_builtin(), SETTINGS)
    with Analyser(SETTINGS, 1) as made:
        found = made.result(made.submit(page))
    assert found == [analyse_one(raw, toolkit) for raw in page]
    events = [event for each in found if each.record for event in each.record.events]
    assert {Evidence.TOKEN, Evidence.SIGNATURE, Evidence.REPORT} <= {event.evidence for event in events}
    assert any(event.doubt for event in events)


def test_what_is_asked_ahead_is_what_will_be_asked() -> None:
    """Each question alone waits until the service has a moment."""
    for content in (report(make_return_path(SETTINGS, "user@example.org", "news", "s1", day=DAY), "user@example.org"),
                    report("x@example.com", "u@example.org", make_header_token(SETTINGS, "u@example.org", day=DAY))):
        assert any(fits(SETTINGS.token_keys, data, written) for data, written in claims(content))
    assert list(claims(b"r" * 100_000 + b"=" * 100_000)) == []


class Wire:
    """A connection whose other end answers at once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[bytes] = []

    def send_bytes(self, message: bytes) -> None:
        self.asked.append(message)

    def recv_bytes(self) -> bytes:
        return self._answers(self.asked[-1])


def answers(key_of: KeyOf = no_key) -> Answers:
    return Answers(SETTINGS, key_of)


def noting(asked: list[str]) -> KeyOf:
    """A resolver that knows nothing and notes what it is asked."""
    def ask(name: str) -> None:
        asked.append(name)

    return ask


def test_a_page_of_tokens_is_one_question() -> None:
    wire = Wire(answers())
    questions = Questions(wire)  # type: ignore[arg-type]
    tokens = [make_return_path(SETTINGS, f"u{number}@example.org", day=DAY).encode() for number in range(100)]
    questions.ask_ahead(tokens)
    assert all(any(questions.fits(*claim) for claim in claims(token)) for token in tokens)
    assert len(wire.asked) == 1
    data, written = next(claims(make_return_path(SETTINGS, "another@example.org", day=DAY).encode()))
    assert questions.fits(data, written)
    assert not questions.fits(data, "a" * 12)
    assert len(wire.asked) == 3


def asked_about(written: str, data: bytes) -> bytes:
    return answers()(ARE_OURS + f"{written} {data.hex()}".encode())


def test_who_asks_for_a_part_of_a_signature_learns_nothing() -> None:
    """Or the whole could be guessed a character at a time."""
    data, written = next(claims(make_return_path(SETTINGS, "user@example.org", day=DAY).encode()))
    assert asked_about(written, data) == b"1"
    for part in (written[:1], written[:10], written[:-1], written + "a", ""):
        assert asked_about(part, data) == b"0", part


def test_keys_of_own_domains_alone_are_looked_up() -> None:
    """A name that is looked up is a message to whoever answers for it."""
    asked: list[str] = []
    ask = answers(noting(asked))
    assert ask(DKIM_KEY + b"s1._domainkey.example.com") == b"0"
    for name in (b"s1._domainkey.example.net", b"secret.example.com", b"a._domainkey.b._domainkey.example.com", b""):
        assert ask(DKIM_KEY + name) == b"0"
    assert asked == ["s1._domainkey.example.com"]


@for_each("message", [
    b"", b"x", DKIM_KEY + b"a" * (MAX_NAME + 1), DKIM_KEY + b"\xff", ARE_OURS + b"aaaa no hex",
    ARE_OURS + b"a" * 20_000_000,
])
def test_what_is_no_question_has_no_answer(message: bytes) -> None:
    with pytest.raises(ValueError):
        answers()(message)


def test_dkim_keys_are_asked_for_by_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(analyser, "key_lookup", lambda settings: noting(asked))
    signed = (
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from:to; bh=eA==; b=eA==\n"
        "From: news@example.com\nTo: user@example.org"
    )
    content = report("x@example.com", "user@example.org").replace(
        b"From: news@example.com\nTo: user@example.org", signed.encode()
    )
    with Analyser(SETTINGS, 1) as made:
        made.result(made.submit([RawMessage("test#1", content, NOW)]))
    assert asked == ["s1._domainkey.example.com"]


def test_settings_without_secrets_are_the_same_but_for_these() -> None:
    assert without_secrets(SETTINGS) == replace(SETTINGS, token_keys=())
