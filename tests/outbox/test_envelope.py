"""CloudEvents, read by the package of those who wrote the specification."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_http_event, from_structured_event

from bounce_watcher.model.ledger import NoticeType, OutboxItem
from bounce_watcher.outbox.webhook.sender import Envelope, Sender, envelope
from bounce_watcher.outbox.webhook.target import Format, WebhookTarget
from tests.families import for_each
from tests.outbox.samples import AT, item, occurrence, target
from tests.servers.receiver import SECRET, Received, Receiver

EVENTS = (Format.STRUCTURED, Format.BINARY)


def events(form: Format, url: str = "https://platform.example/hook") -> WebhookTarget:
    return replace(target(url=url), format=form)


def read(headers: Mapping[str, str], body: bytes) -> BaseCloudEvent:
    return from_http_event(HTTPMessage(dict(headers), body))


def opened(made: Envelope) -> BaseCloudEvent:
    return read(made.headers, made.body.encode())


def test_the_standard_form_is_what_was_written_down() -> None:
    assert envelope(item(), target()) == Envelope({"content-type": "application/json"}, item().body)


@pytest.mark.parametrize("form", EVENTS)
def test_an_event_and_its_attributes(form: Format) -> None:
    event = opened(envelope(item(), events(form)))
    assert event.get_attributes() == {
        "specversion": "1.0", "id": "msg_0001", "source": "/bounce-watcher", "type": "recipient.suppressed", "time": AT,
        "subject": "marketing", "datacontenttype": "application/json",
    }
    assert event.get_data() == {
        "type": "recipient.suppressed", "timestamp": "2026-11-24T06:00:00Z", "recipient": "user@example.org",
        "stream": "marketing", "because": "1 of 1", "reason": "invalid_recipient", "until": None, "sequence": 7,
    }


def test_where_what_stands() -> None:
    structured, binary = (envelope(item(), events(form)) for form in EVENTS)
    assert structured.headers == {"content-type": "application/cloudevents+json"}
    assert set(json.loads(structured.body)) == {
        "specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data",
    }
    assert binary.headers == {
        "content-type": "application/json", "ce-specversion": "1.0", "ce-id": "msg_0001",
        "ce-source": "/bounce-watcher", "ce-type": "recipient.suppressed", "ce-time": "2026-11-24T06:00:00Z",
        "ce-subject": "marketing",
    }
    assert json.loads(binary.body) == json.loads(structured.body)["data"]
    for made in (structured, binary):
        read_as = from_structured_event if made is structured else from_binary_event
        assert read_as(HTTPMessage(made.headers, made.body.encode())).get_id() == "msg_0001"


@pytest.mark.parametrize("form", EVENTS)
def test_whose_events_they_are(form: Format) -> None:
    ours = replace(
        events(form), cloudevents_source="https://bounces.example.com/eu?x=%20", cloudevents_type_prefix="com.example"
    )
    event = opened(envelope(item(), ours))
    assert event.get_source() == "https://bounces.example.com/eu?x=%20"
    assert event.get_type() == "com.example.recipient.suppressed"
    assert event.get_data()["type"] == "recipient.suppressed"  # type: ignore[index, call-overload]


@for_each("form", EVENTS)
@for_each("stream", ['Rechnungen "Süd"', "100% news", "новости", "a b"])
def test_a_stream_of_any_name(form: Format, stream: str) -> None:
    made = envelope(replace(item(), stream=stream), events(form))
    assert all(value.isascii() and value.isprintable() and " " not in value for value in made.headers.values())
    assert opened(made).get_subject() == stream


@pytest.mark.parametrize("form", EVENTS)
def test_an_alert_has_no_subject(form: Format) -> None:
    alert = replace(item(), type=NoticeType.ALERT_RAISED, recipient=None, stream=None,
                    body='{"type":"alert.raised","timestamp":"…","data":{"alert":"outage","subject":"mx.example"}}')
    event = opened(envelope(alert, events(form)))
    assert (event.get_type(), event.get_subject()) == ("alert.raised", None)
    assert event.get_data() == {
        "type": "alert.raised", "timestamp": "2026-11-24T06:00:00Z", "alert": "outage", "subject": "mx.example",
    }


def test_no_header_holds_the_address() -> None:
    made = envelope(item(), events(Format.BINARY))
    assert "user" not in str(made.headers)
    assert "user@example.org" in made.body


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=9))).replace(microsecond=999_999)
    for form in EVENTS:
        assert opened(envelope(replace(item(), created_at=elsewhere), events(form))).get_time() == AT


@pytest.mark.parametrize("form", Format)
def test_the_same_at_each_try(form: Format) -> None:
    tried = replace(item(), attempts=3, last_answer="HTTP 500", next_attempt_at=AT + timedelta(hours=1))
    assert envelope(tried, events(form)) == envelope(item(), events(form))


@pytest.mark.parametrize("form", EVENTS)
def test_what_has_been_forgotten_says_nothing_more(form: Format) -> None:
    event = opened(envelope(replace(item(), body="{}"), events(form)))
    assert event.get_data() == {"type": "recipient.suppressed", "timestamp": "2026-11-24T06:00:00Z"}


# ── on the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────

def received(receiver: Receiver, form: Format, sent: OutboxItem) -> Received:
    with Sender(events(form, receiver.url)) as sender:
        sender.send([sent], datetime.now(UTC))
    (request,) = receiver.requests
    return request


@pytest.mark.parametrize("form", EVENTS)
def test_it_is_signed_as_it_is_sent(receiver: Receiver, form: Format) -> None:
    sent = item(data=dict(occurrence().data) | {"diagnostic": "550 Empfänger unbekannt"})
    request = received(receiver, form, sent)
    assert (request.secret, request.id) == (SECRET, sent.id)
    event = read(request.headers, request.body)
    assert (event.get_id(), event.get_time()) == (sent.id, AT)
    assert event.get_data()["diagnostic"] == "550 Empfänger unbekannt"  # type: ignore[index, call-overload]


@pytest.mark.parametrize("form", EVENTS)
def test_a_test_of_the_endpoint_takes_the_same_form(receiver: Receiver, form: Format) -> None:
    with Sender(events(form, receiver.url)) as sender:
        sender.test(datetime.now(UTC))
    (request,) = receiver.requests
    assert request.verified
    event = read(request.headers, request.body)
    assert event.get_id() == request.id
    assert event.get_type() == "endpoint.test"
    assert event.get_data()["target"] == "platform"  # type: ignore[index, call-overload]
