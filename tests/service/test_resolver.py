"""DKIM keys by way of a real name server, and by way of servers that hang, refuse or answer nonsense."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import wrap

import pytest
from dns.resolver import Resolver

from bounce_watcher.attribution.dkim import MAX_RECORD
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.finding import Evidence
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.analysis import resolver
from bounce_watcher.service.analysis.dkim_keys import KeyLookup
from bounce_watcher.service.analysis.resolver import txt_record
from tests.attribution.signing import KEY_NAME, rsa_key, signed
from tests.families import for_each
from tests.integration.test_authenticity import bounce
from tests.servers.nameserver import Nameserver, ask_only, free_port

NAME = "s1._domainkey.example.com"


# ── a server that answers ───────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("strings", [
    ("v=DKIM1; k=ed25519; p=AAAA",),
    ("v=DKIM1; k=ed25519; ", "p=AA", "AA"),
    ("v=DKIM1; p=" + "A" * 244, "B" * 255, "C" * 255, "D=="),  # does not fit into a datagram without EDNS
], ids=["one", "split", "by-tcp"])
def test_a_key_is_its_strings_put_together(nameserver: Nameserver, strings: tuple[str, ...]) -> None:
    nameserver.serve({NAME: strings})
    assert txt_record(NAME, nameserver.resolver) == "".join(strings)


def test_a_key_may_stand_behind_an_alias(nameserver: Nameserver) -> None:
    nameserver.serve({"s1.keys.example.com": ("v=DKIM1; p=AAAA",)}, {NAME: "s1.keys.example.com"})
    assert txt_record(NAME, nameserver.resolver) == "v=DKIM1; p=AAAA"


@pytest.mark.parametrize("name", [
    "absent._domainkey.example.com",
    "_domainkey.example.com",  # exists, as there are names below, and holds nothing
    f"{'.'.join(['a' * 60] * 5)}._domainkey.example.com", f"{'a' * 64}._domainkey.example.com", "a..b.example.com",
])
def test_a_name_without_a_record_and_one_that_cannot_be_have_none(nameserver: Nameserver, name: str) -> None:
    nameserver.serve({NAME: ("v=DKIM1; p=AAAA",)})
    assert txt_record(name, nameserver.resolver) is None


def test_who_makes_up_names_that_cannot_be_stops_no_questions(nameserver: Nameserver) -> None:
    nameserver.serve({NAME: ("v=DKIM1; p=AAAA",)})
    lookup = KeyLookup(partial(txt_record, resolver=nameserver.resolver))
    assert lookup(f"{'.'.join(['a' * 60] * 5)}._domainkey.example.com") is None
    assert lookup(NAME) == "v=DKIM1; p=AAAA"


def test_a_server_that_refuses_does_not_know(nameserver: Nameserver) -> None:
    nameserver.serve({})
    with pytest.raises(TemporaryFailure, match=r"example\.net"):
        txt_record("s1._domainkey.example.net", nameserver.resolver)


def test_the_system_is_asked_anew_each_time(nameserver: Nameserver) -> None:
    """Whoever runs for months sees other name servers than it began with."""
    nameserver.serve({NAME: ("v=DKIM1; p=AAAA",)})
    assert txt_record(NAME, nameserver.resolver) is not None
    nameserver.serve({NAME: ("v=DKIM1; p=BBBB",)})
    assert txt_record(NAME, nameserver.resolver) == "v=DKIM1; p=BBBB"


@pytest.mark.parametrize(("published", "evidence"), [(KEY_NAME, Evidence.SIGNATURE), ("s2._domainkey.example.com",
                                                                                     Evidence.REPORT)])
def test_a_bounce_is_proven_by_a_key_in_the_dns(nameserver: Nameserver, published: str, evidence: Evidence) -> None:
    nameserver.serve({published: wrap(rsa_key()[1], 255, drop_whitespace=False, break_on_hyphens=False)})
    toolkit = Toolkit(
        load_builtin(), AttributionSettings(own_domains=frozenset({"example.com"})),
        KeyLookup(partial(txt_record, resolver=nameserver.resolver)),
    )
    (only,) = analyse(bounce("user@example.org", original=signed().rstrip(b"\n") + b"\n"), toolkit).recipients
    assert (only.attribution.recipient, only.attribution.evidence) == ("user@example.org", evidence)


# ── servers that do not ─────────────────────────────────────────────────────────────────────────────────────────────

Reply = Callable[[bytes], list[bytes]]


@contextmanager
def answering(reply: Reply) -> Iterator[int]:
    """A server over UDP that sends these datagrams for each question; one over TCP that takes connections, no more."""
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.create_server(("127.0.0.1", port)):
        udp.bind(("127.0.0.1", port))
        thread = threading.Thread(target=_serve, args=(udp, reply))
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", port))
            thread.join()


def _serve(udp: socket.socket, reply: Reply) -> None:
    while True:
        question, client = udp.recvfrom(4096)
        if not question:
            return
        for datagram in reply(question):
            udp.sendto(datagram, client)


def header(question: bytes, flags: int, answers: int = 0) -> bytes:
    """The answer's beginning: its twelve bytes, and the question as it was asked (RFC 1035 section 4.1)."""
    return question[:2] + struct.pack(">HHHHH", flags, 1, answers, 0, 0) + question[12:]


def text(*strings: bytes, length: int | None = None) -> bytes:
    """A TXT record of the name that was asked for; `length` may lie."""
    data = b"".join(bytes([len(each)]) + each for each in strings)
    return struct.pack(">HHHIH", 0xC00C, 16, 1, 60, len(data) if length is None else length) + data


HOSTILE: dict[str, Reply] = {
    "hangs": lambda _: [],
    "noise": lambda _: [b"\xff" * 40],
    "too-short": lambda question: [question[:5]],
    "its-own-question": lambda question: [question],
    "another-id": lambda question: [b"\0\0" + header(question, 0x8180)[2:]],
    "another-name": lambda question: [header(question.replace(b"example", b"exemple"), 0x8183)],
    "lies-about-length": lambda question: [header(question, 0x8180, 1) + text(b"v=DKIM1", length=900)],
    "points-at-itself": lambda question: [header(question, 0x8180, 1) + b"\xc0" + bytes([len(question)]) + b"\0" * 10],
    "more-answers-than-bytes": lambda question: [header(question, 0x8180, 65535)],
    "truncated-and-hangs": lambda question: [header(question, 0x8380)],
    "failure": lambda question: [header(question, 0x8182)],
    "refuses": lambda question: [header(question, 0x8185)],
}


@for_each("kind", HOSTILE)
def test_what_is_no_answer_is_given_up_in_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "ANSWER_SECONDS", 0.3)
    begun = time.monotonic()
    with answering(HOSTILE[kind]) as port, pytest.raises(TemporaryFailure, match=re.escape(NAME)):
        txt_record(NAME, lambda: ask_only(port))
    assert time.monotonic() - begun < 4  # dnspython itself would wait for five seconds


def test_a_system_without_name_servers(tmp_path: Path) -> None:
    with pytest.raises(TemporaryFailure):
        txt_record(NAME, lambda: Resolver(str(tmp_path / "resolv.conf")))


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "ANSWER_SECONDS", 0.3)
    port = free_port()
    with pytest.raises(TemporaryFailure):
        txt_record(NAME, lambda: ask_only(port))


@pytest.mark.parametrize(("strings", "found"), [
    ((b"v=DKIM1; n=\xff\xfe; p=AAAA",), "v=DKIM1; n=\ufffd\ufffd; p=AAAA"),
    ((b"",), ""),
    ((b"x" * 255,) * 17, None),
])
def test_what_a_record_may_hold(strings: tuple[bytes, ...], found: str | None) -> None:
    assert found is None or len(found) <= MAX_RECORD
    with answering(lambda question: [header(question, 0x8180, 1) + text(*strings)]) as port:
        assert txt_record(NAME, lambda: ask_only(port)) == found


def test_nonsense_before_the_answer_does_not_hide_it() -> None:
    """Anybody may send datagrams; what fits the question is taken."""
    answer = (b"v=DKIM1; p=AAAA",)
    with answering(lambda question: [b"\xff" * 40, header(question, 0x8180, 1) + text(*answer)]) as port:
        assert txt_record(NAME, lambda: ask_only(port)) == "v=DKIM1; p=AAAA"
