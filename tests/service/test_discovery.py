"""Where the mailbox of an address may be: what the DNS tells, what is known of providers, what is tried."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from dns.resolver import Resolver

from bounce_watcher.intake.imap.account import Security
from bounce_watcher.intake.mailbox_providers import (
    PROVIDERS,
    LoginWith,
    provider_of_domain,
    provider_of_exchangers,
    provider_of_host,
)
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.service.setup.discovery import Greeting, ServerCandidate, first_to_greet, greet, places, ways
from tests.families import for_each
from tests.servers.nameserver import Nameserver, ask_only, free_port


def found(nameserver: Nameserver, *lines: str, domain: str = "example.com") -> list[ServerCandidate]:
    nameserver.serve({}, more=lines)
    return places(domain, nameserver.resolver)


def nobody() -> Resolver:
    return ask_only(free_port())


# ── the DNS ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_srv_records_go_first_in_their_order(nameserver: Nameserver) -> None:
    first, second, *more = found(
        nameserver,
        "srv-host=_imaps._tcp.example.com,later.example.com,993,20,1",
        "srv-host=_imaps._tcp.example.com,sooner.example.com,9993,10,1",
        "mx-host=example.com,mx.example.com,10",
    )
    assert (first.host, first.port, first.security, first.is_sure) == ("sooner.example.com", 9993, Security.TLS, True)
    assert second.host == "later.example.com"
    assert [each.host for each in more] == ["imap.example.com", "mail.example.com", "mx.example.com"]


def test_a_server_elsewhere_wants_a_person(nameserver: Nameserver) -> None:
    """RFC 6186 section 6: or who changes the DNS is given the password."""
    first, *_ = found(nameserver, "srv-host=_imaps._tcp.example.com,imap.evilexample.com,993,0,1")
    assert (first.host, first.is_sure) == ("imap.evilexample.com", False)


def test_starttls_has_a_service_of_its_own(nameserver: Nameserver) -> None:
    first, *_ = found(nameserver, "srv-host=_imap._tcp.example.com,imap.example.com,143,0,1")
    assert (first.host, first.port, first.security) == ("imap.example.com", 143, Security.STARTTLS)


@pytest.mark.parametrize("exchanger, host", [
    ("aspmx.l.google.com", "imap.gmail.com"),
    ("example-com.mail.protection.outlook.com", "outlook.office365.com"),
    ("example-com.o-v1.mx.microsoft", "outlook.office365.com"),
    ("in1-smtp.messagingengine.com", "imap.fastmail.com"),
    ("mx01.mail.icloud.com", "imap.mail.me.com"),
    ("mta5.am0.yahoodns.net", "imap.mail.yahoo.com"),
    ("mxext1.mailbox.org", "imap.mailbox.org"),
    ("mx00.ionos.de", "imap.ionos.de"),
    ("mx00.kundenserver.de", "imap.ionos.de"),
    ("mx.zoho.eu", "imappro.zoho.eu"),
])
def test_a_known_provider_by_the_mx(nameserver: Nameserver, exchanger: str, host: str) -> None:
    (place,) = found(nameserver, f"mx-host=example.com,{exchanger},10")
    assert (place.host, place.port, place.security, place.is_sure) == (host, 993, Security.TLS, True)


def test_a_dns_that_is_away_leaves_the_usual_names() -> None:
    assert [each.host for each in places("example.com", nobody)] == ["imap.example.com", "mail.example.com"]


def test_this_machine_itself_needs_no_dns() -> None:
    assert [each.host for each in places("localhost", nobody)] == ["localhost"]


# ── providers ───────────────────────────────────────────────────────────────────────────────────────────────────────

@for_each("domain, name", [
    ("gmail.com", "Gmail"), ("GMAIL.com", "Gmail"), ("example.onmicrosoft.com", "Microsoft 365"),
    ("hotmail.com", "Outlook.com"), ("icloud.com", "iCloud"), ("notgmail.com", None), ("example.org", None),
])
def test_a_provider_by_its_own_domains(domain: str, name: str | None) -> None:
    provider = provider_of_domain(domain)
    assert (provider.name if provider else None) == name


def test_the_more_specific_exchanger_decides() -> None:
    personal = provider_of_exchangers(["hotmail-com.olc.protection.outlook.com"])
    company = provider_of_exchangers(["example-com.mail.protection.outlook.com"])
    assert (personal and personal.name, company and company.name) == ("Outlook.com", "Microsoft 365")
    assert provider_of_exchangers(["mx.example.org"]) is None
    assert provider_of_exchangers([]) is None


def test_a_host_of_a_companys_own_is_microsoft_365s() -> None:
    provider = provider_of_host("outlook.office365.com")
    assert provider is not None
    assert provider.name == "Microsoft 365"


def test_whoever_refuses_the_accounts_own_password_has_advice() -> None:
    for each in PROVIDERS:
        assert each.source
        assert each.access is LoginWith.PASSWORD or each.advice, each.name
        assert (each.access is LoginWith.OAUTH2) <= (each.oauth2 is not None), each.name
        assert each.host or each.access is LoginWith.NONE, each.name


# ── ways to a server ────────────────────────────────────────────────────────────────────────────────────────────────

def test_without_encryption_is_no_way_but_here() -> None:
    assert list(ways(ServerCandidate("imap.example.com", ""))) == [(993, Security.TLS), (143, Security.STARTTLS)]
    assert (143, Security.NONE) in set(ways(ServerCandidate("127.0.0.1", "")))
    assert list(ways(ServerCandidate("imap.example.com", "", security=Security.NONE))) == []
    assert list(ways(ServerCandidate("imap.example.com", "", 1993, Security.TLS))) == [(1993, Security.TLS)]


@contextmanager
def answering(greeting: bytes, abilities: bytes) -> Iterator[int]:
    """A server on loopback that says its abilities, and no more."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rwb") as stream:
                    stream.write(greeting + b"\r\n")
                    stream.flush()
                    for line in stream:
                        tag, _, command = line.strip().partition(b" ")
                        if command.upper() != b"CAPABILITY":
                            break
                        stream.write(b"* CAPABILITY IMAP4rev1 " + abilities + b"\r\n" + tag + b" OK done\r\n")
                        stream.flush()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def asked(greeting: bytes, abilities: bytes) -> Greeting:
    with answering(greeting, abilities) as port:
        return greet(ServerCandidate("127.0.0.1", "", port, Security.NONE))


@pytest.mark.parametrize("abilities, access", [
    (b"AUTH=PLAIN", {LoginWith.PASSWORD}),
    (b"", {LoginWith.PASSWORD}),  # the LOGIN command, RFC 3501 section 6.2.3
    (b"LOGINDISABLED", set()),
    (b"LOGINDISABLED AUTH=XOAUTH2", {LoginWith.OAUTH2}),
    (b"AUTH=PLAIN AUTH=OAUTHBEARER", {LoginWith.PASSWORD, LoginWith.OAUTH2}),
])
def test_what_a_server_takes_for_a_log_in(abilities: bytes, access: set[LoginWith]) -> None:
    assert asked(b"* OK hello", abilities).access == access


def test_the_first_that_answers_wins() -> None:
    with answering(b"* OK hello", b"AUTH=PLAIN") as port:
        silent, there = ServerCandidate("127.0.0.1", "", 9, Security.NONE), ServerCandidate(
            "127.0.0.1", "", port, Security.NONE
        )
        greeting = first_to_greet([silent, there])
    assert greeting is not None
    assert greeting.place == there
    assert first_to_greet([silent]) is None
    assert first_to_greet([]) is None


def test_what_is_no_imap_is_no_server() -> None:
    with pytest.raises(BounceWatcherError):
        asked(b"220 mx.example.org ESMTP", b"")
