"""Where a request may go, whatever names and addresses are made to look like."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address

import httpcore
import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bounce_watcher.outbox.http.deadline import DeadlineTransport, deadline
from bounce_watcher.outbox.http.exchange import one_line
from bounce_watcher.outbox.http.reach import AddressRange, Reach, host_fault, is_public, kind_of, normal_host
from tests.families import for_each
from tests.servers.receiver import Receiver, redirect

PUBLIC = "93.184.216.34"


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

@for_each("address", [
    PUBLIC, "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:93.184.216.34", "64:ff9b::5db8:d822",
    "2002:5db8:d822::1",
])
def test_public(address: str) -> None:
    assert is_public(address)


@for_each(("address", "kind"), [
    ("0.0.0.0", AddressRange.UNSPECIFIED), ("0.1.2.3", AddressRange.UNSPECIFIED), ("::", AddressRange.UNSPECIFIED),
    ("10.0.0.0", AddressRange.PRIVATE), ("10.255.255.255", AddressRange.PRIVATE),
    ("172.16.0.1", AddressRange.PRIVATE), ("172.31.255.255", AddressRange.PRIVATE),
    ("192.168.1.1", AddressRange.PRIVATE),
    ("fc00::1", AddressRange.PRIVATE), ("fdff::1", AddressRange.PRIVATE),
    ("127.0.0.1", AddressRange.LOOPBACK), ("127.255.255.254", AddressRange.LOOPBACK), ("::1", AddressRange.LOOPBACK),
    ("169.254.0.1", AddressRange.LINK_LOCAL), ("fe80::1", AddressRange.LINK_LOCAL),
    ("fe80::1%eth0", AddressRange.LINK_LOCAL),
    ("febf::1", AddressRange.LINK_LOCAL),
    ("169.254.169.254", AddressRange.METADATA), ("fd00:ec2::254", AddressRange.METADATA),
    ("fd20:ce::254", AddressRange.METADATA),
    ("100.100.100.200", AddressRange.METADATA), ("168.63.129.16", AddressRange.METADATA),
    ("192.0.0.192", AddressRange.METADATA),
    ("100.64.0.1", AddressRange.SHARED), ("100.127.255.255", AddressRange.SHARED),
    ("224.0.0.1", AddressRange.MULTICAST), ("239.255.255.250", AddressRange.MULTICAST),
    ("ff02::1", AddressRange.MULTICAST),
    ("240.0.0.1", AddressRange.RESERVED), ("255.255.255.255", AddressRange.RESERVED),
    ("198.18.0.1", AddressRange.RESERVED),
    ("192.0.2.1", AddressRange.RESERVED), ("198.51.100.1", AddressRange.RESERVED),
    ("203.0.113.1", AddressRange.RESERVED),
    ("192.88.99.1", AddressRange.RESERVED), ("2001:db8::1", AddressRange.RESERVED), ("3fff::1", AddressRange.RESERVED),
    ("fec0::1", AddressRange.RESERVED), ("100::1", AddressRange.RESERVED), ("5f00::1", AddressRange.RESERVED),
    ("4000::1", AddressRange.RESERVED),
    ("::ffff:127.0.0.1", AddressRange.LOOPBACK), ("::ffff:7f00:1", AddressRange.LOOPBACK),
    ("::ffff:169.254.169.254", AddressRange.METADATA),
    ("::10.0.0.1", AddressRange.RESERVED), ("::7f00:1", AddressRange.RESERVED),
    ("2002:7f00:1::", AddressRange.LOOPBACK), ("2002:a9fe:a9fe::1", AddressRange.METADATA),
    ("64:ff9b::a00:1", AddressRange.PRIVATE), ("64:ff9b::127.0.0.1", AddressRange.LOOPBACK),
    ("64:ff9b:1::1", AddressRange.RESERVED),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", AddressRange.RESERVED), ("::ffff:0:127.0.0.1", AddressRange.RESERVED),
    ("", AddressRange.RESERVED), ("nonsense", AddressRange.RESERVED), ("127.1", AddressRange.RESERVED),
])
def test_not_public(address: str, kind: AddressRange) -> None:
    assert kind_of(address) is kind
    assert not is_public(address)


# ── hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TRICKS = [
    ("2130706433", "four decimal numbers"), ("017700000001", "four decimal numbers"),
    ("0x7f000001", "four decimal numbers"), ("0X7F000001", "four decimal numbers"),
    ("127.1", "four decimal numbers"), ("127.0.1", "four decimal numbers"), ("0", "four decimal numbers"),
    ("0177.0.0.1", "four decimal numbers"), ("0x7f.1", "four decimal numbers"), ("0x7f.0x0.0x0.0x1", "four decimal"),
    ("127.0.0.01", "four decimal numbers"), ("127.0.0.1.", "four decimal numbers"), ("127.1.", "four decimal numbers"),
    ("256.256.256.256", "four decimal numbers"), ("1.2.3.4.5", "four decimal numbers"), ("foo.0x", "four decimal"),
    ("foo.09", "four decimal numbers"), ("127.0.0.1..", "four decimal numbers"),
    ("127。0。0。1", "write it as 127.0.0.1"), ("127.0.0｡1", "write it as 127.0.0.1"),
    ("１２７.0.0.1", "write it as 127.0.0.1"), ("①②⑦.⓪.⓪.①", "write it as 127.0.0.1"),
    ("ⓛocalhost", "write it as localhost"), ("localhost。", "write it as localhost."),
    ("%31%32%37.0.0.1", "without %"), ("127.0.0.1%2f", "without %"), ("fe80::1%25eth0", "without %"),
    ("0:0:0:0:0:0:0:1", "write it as ::1"), ("::0001", "write it as ::1"),
    ("::ffff:127.0.0.1", "write it as 127.0.0.1"), ("::ffff:7f00:1", "write it as 127.0.0.1"),
    ("FD00:0::1", "write it as fd00::1"), ("[::1]", "write it as ::1"),
    ("0xA9FEA9FE", "four decimal numbers"), ("2852039166", "four decimal numbers"),
    ("169.254.43518", "four decimal numbers"), ("0251.0376.0251.0376", "four decimal numbers"),
    ("127.0.0x1", "four decimal numbers"), ("10.1", "four decimal numbers"), ("08.8.8.8", "four decimal numbers"),
    ("𝟏𝟐𝟕.0.0.1", "write it as 127.0.0.1"), ("127．0．0．1", "write it as 127.0.0.1"),
    ("１６９.254.１６９.254", "write it as 169.254.169.254"), ("ｌｏｃａｌｈｏｓｔ", "write it as localhost"),
    ("127.0.0.1%00", "without %"), ("::1%lo", "without %"), ("0:0:0:0:0:ffff:a00:1", "write it as 10.0.0.1"),
    ("::ffff:169.254.169.254", "write it as 169.254.169.254"), ("::FFFF:127.0.0.1", "write it as 127.0.0.1"),
    ("::127.0.0.1", "write it as ::7f00:1"), ("64:ff9b::10.0.0.1", "write it as 64:ff9b::a00:1"),
]  # fmt: skip


@for_each(("host", "mend"), TRICKS)
def test_an_address_in_disguise_is_found_out(host: str, mend: str) -> None:
    assert mend in (host_fault(host) or "")


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An IPv4 address in one to four parts, each in octal, decimal or hex, as inet_aton(3) takes them."""
    address, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))
    parts = [address >> (24 - 8 * at) & 0xFF for at in range(count - 1)]
    parts.append(address & (1 << 8 * (5 - count)) - 1)
    return ".".join(draw(st.sampled_from(("%d", "0%o", "0x%x", "0X%X"))) % part for part in parts)


@given(spellings())
def test_whatever_the_resolver_takes_for_an_address_is_written_plainly_or_found_out(host: str) -> None:
    plain = socket.inet_ntoa(socket.inet_aton(host))
    assert (host_fault(host) is None) is (host == plain)


@given(st.ip_addresses(v=4))
def test_an_address_is_what_it_is_however_it_is_carried(address: IPv4Address) -> None:
    number = int(address)
    carried = [
        IPv6Address(0xFFFF << 32 | number), IPv6Address(0x64FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80),
    ]
    assert {kind_of(str(each)) for each in carried} == {kind_of(str(address))}
    assert not any(Reach().admits(str(each), str(each)) for each in carried if not is_public(str(address)))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_holds_for_not_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    assume(not (isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)))
    assert address.is_global or not is_public(str(address))


@for_each("host", [
    "platform.example", "platform.example.", "bücher.example", "xn--bcher-kva.example", "127.0.0.1", "::1", "fd00::1",
    "FD00::1", "localhost", "127.0.0.1.example", "10-0-0-1.example", "0x7f.example", "1.example", "x.0xyz",
])
def test_a_plain_host_is_none(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize(("host", "normal"), [
    ("Hooks.Example.", "hooks.example"), ("Bücher.example", "xn--bcher-kva.example"), ("FD00:0::1", "fd00::1"),
    ("127.0.0.1", "127.0.0.1"), ("a" * 70 + "ü.example", "a" * 70 + "ü.example"),
])
def test_hosts_are_compared_by_their_normal_form(host: str, normal: str) -> None:
    assert normal_host(host) == normal


# ── who may connect where ───────────────────────────────────────────────────────────────────────────────────────────

@for_each(("host", "address"), [
    ("platform.example", PUBLIC), (PUBLIC, PUBLIC), ("127.0.0.1", "127.0.0.1"), ("127.8.9.1", "127.8.9.1"),
    ("::1", "::1"), ("10.1.2.3", "10.1.2.3"), ("192.168.0.9", "192.168.0.9"), ("fd12::1", "fd12::1"),
    ("FD12::1", "fd12::1"), ("localhost", "127.0.0.1"), ("localhost", "::1"),
])
def test_what_needs_no_permission(host: str, address: str) -> None:
    assert Reach().admitted(host, [address]) == [address]


@for_each(("host", "address"), [
    ("platform.example", "127.0.0.1"), ("platform.example", "10.0.0.1"), ("platform.example", "169.254.169.254"),
    ("platform.example", "::ffff:10.0.0.1"), ("localhost", "10.0.0.1"), ("localhost", "169.254.169.254"),
    ("localhost.", "127.0.0.1"), ("foo.localhost", "127.0.0.1"), ("localhost.localdomain", "127.0.0.1"),
    ("ip6-localhost", "::1"), ("169.254.169.254", "169.254.169.254"), ("169.254.7.7", "169.254.7.7"),
    ("fe80::1", "fe80::1"), ("fd00:ec2::254", "fd00:ec2::254"), ("100.64.0.1", "100.64.0.1"), ("0.0.0.0", "0.0.0.0"),
    ("::", "::"), ("255.255.255.255", "255.255.255.255"), ("224.0.0.1", "224.0.0.1"),
    ("2002:a00:1::1", "2002:a00:1::1"), ("64:ff9b::a00:1", "64:ff9b::a00:1"), ("127.0.0.1.", "127.0.0.1"),
    ("2130706433", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"),
    ("127.0.0.1.nip.example", "127.0.0.1"),
    ("::ffff:7f00:1", "::ffff:127.0.0.1"), ("10.0.0.1", "10.0.0.2"), ("platform.example", "no address"),
])  # fmt: skip
def test_what_needs_permission(host: str, address: str) -> None:
    assert not Reach().admits(host, address)
    assert Reach(frozenset({normal_host(host)})).admits(host, address)


def test_an_address_may_be_allowed_for_whatever_name_leads_there() -> None:
    reach = Reach(frozenset({"10.0.0.1"}))
    assert reach.admits("platform.example", "10.0.0.1")
    assert not reach.admits("platform.example", "10.0.0.2")


def test_an_allowed_name_allows_no_name_below_or_above_it() -> None:
    reach = Reach(frozenset({"hooks.example"}))
    assert [reach.admits(name, "10.0.0.1") for name in ("hooks.example", "a.hooks.example", "example")] == [
        True, False, False,
    ]


# ── on the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────

class Names:
    """Name servers under the hand of somebody: each look-up of any name gets the next answer."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def post(url: str, names: Names, *allowed: str, proxy: str | None = None) -> int:
    """The status of one request; a refused or failed connection raises httpcore.ConnectError."""
    reach = Reach(frozenset(allowed))
    through = httpx.Proxy(proxy) if proxy else None
    with DeadlineTransport(ssl.create_default_context(), through, reach, names) as transport:
        request = httpx.Request("POST", url, content=b"{}", extensions={"timeout": deadline(2)})
        with closing(transport.handle_request(request)) as response:
            return response.status_code


def refusal(url: str, names: Names, *allowed: str, proxy: str | None = None) -> str:
    with pytest.raises(httpcore.ConnectError) as caught:
        post(url, names, *allowed, proxy=proxy)
    return str(caught.value)


def test_a_name_that_leads_inside_is_refused_with_its_address_and_the_mend(receiver: Receiver) -> None:
    told = refusal(f"http://platform.example:{receiver.port}/hook", Names(["127.0.0.1"]))
    assert told == (
        "platform.example is at 127.0.0.1, which is loopback and not of the internet; if it is meant, add "
        'allow_hosts = ["platform.example"] to its table'
    )
    assert receiver.connections == 0


def test_a_long_name_does_not_crowd_out_the_mend() -> None:
    host = ".".join(["a" * 60] * 3) + ".example"
    told = refusal(f"http://{host}/hook", Names(["fd20:ce::254"]))
    short = "aaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaa.example"
    assert one_line(f"no connection: {told}").startswith(f"no connection: {short} is at fd20:ce::254, which is ")
    assert one_line(f"no connection: {told}").endswith(f'; if it is meant, add allow_hosts = ["{short}"] to its table')


def test_a_name_that_is_allowed_may_lead_inside(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"])
    assert post(f"http://Platform.example:{receiver.port}/hook", names, "platform.example") == 204
    assert names.asked == ["platform.example"]


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "127.0.0.1.", "foo.localhost", "%31%32%37.0.0.1"])
def test_what_a_real_resolver_makes_of_tricks_is_judged_by_the_address(receiver: Receiver, host: str) -> None:
    told = refusal(f"http://{host}:{receiver.port}/hook", Names(["127.0.0.1"]))
    assert told.startswith(f"{host} is at 127.0.0.1, which is loopback")
    assert receiver.connections == 0


def test_userinfo_is_no_host(receiver: Receiver) -> None:
    told = refusal(f"http://127.0.0.1:{receiver.port}@platform.example/", Names(["10.0.0.1"]))
    assert told.startswith("platform.example is at 10.0.0.1, which is private")


def test_a_name_that_changes_its_address_after_the_check_is_looked_up_no_second_time(receiver: Receiver) -> None:
    """The second answer, which nobody asks for, is the receiver's; the first is where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.2", 0))
        names = Names(["127.0.0.2"], ["127.0.0.1"])
        told = refusal(f"http://platform.example:{receiver.port}/hook", names, "127.0.0.2")
    assert "refused" in told.casefold()
    assert names.asked == ["platform.example"]
    assert receiver.connections == 0


def test_the_next_connection_is_judged_anew(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    url = f"http://platform.example:{receiver.port}/hook"
    assert post(url, names, "127.0.0.1") == 204
    assert "a cloud's metadata service" in refusal(url, names, "127.0.0.1")


def test_of_mixed_answers_just_the_good_ones_are_used(receiver: Receiver) -> None:
    names = Names(["10.0.0.1", "169.254.169.254", "::1", "127.0.0.1"])
    assert post(f"http://platform.example:{receiver.port}/hook", names, "127.0.0.1") == 204


def test_of_mixed_answers_a_bad_one_is_not_even_tried(receiver: Receiver) -> None:
    """The receiver is where it may not be; where it may be nobody listens."""
    told = refusal(f"http://platform.example:{receiver.port}/hook", Names(["127.0.0.1", "127.0.0.2"]), "127.0.0.2")
    assert "refused" in told.casefold()
    assert receiver.connections == 0


def test_a_redirect_inside_is_not_followed(receiver: Receiver, other_receiver: Receiver) -> None:
    receiver.then(redirect(other_receiver.url, 307))
    assert post(receiver.url, Names(["127.0.0.1"])) == 307
    assert other_receiver.requests == ()


def test_a_proxy_may_be_inside_and_looks_names_up_itself(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"])
    assert post("http://platform.example/hook", names, proxy=f"http://proxy.example:{receiver.port}") == 204
    assert names.asked == ["proxy.example"]
    assert receiver.requests[0].path == "http://platform.example/hook"


@pytest.mark.parametrize(("host", "told"), [
    ("169.254.169.254", "169.254.169.254 is a cloud's metadata service and not of the internet"),
    ("[fe80::1]", "fe80::1 is link-local"),
    ("[::ffff:7f00:1]", "::ffff:7f00:1 is an address in disguise: write it as 127.0.0.1"),
    ("2130706433", "2130706433 is an address in disguise"),
    ("127.1", "127.1 is an address in disguise"),
])
def test_an_address_in_the_url_is_judged_before_a_proxy_gets_it(receiver: Receiver, host: str, told: str) -> None:
    assert refusal(f"http://{host}/", Names(), proxy=receiver.url).startswith(told)
    assert receiver.connections == 0


def test_the_names_of_this_machine_by_its_own_resolver(receiver: Receiver) -> None:
    with DeadlineTransport(ssl.create_default_context()) as transport:
        url = f"http://localhost:{receiver.port}/hook"
        request = httpx.Request("POST", url, content=b"{}", extensions={"timeout": deadline(2)})
        with closing(transport.handle_request(request)) as response:
            assert response.status_code == 204
        trick = httpx.Request("POST", url.replace("localhost", "127.1"), extensions={"timeout": deadline(2)})
        with pytest.raises(httpcore.ConnectError, match=r"127\.1 is at 127\.0\.0\.1, which is loopback"):
            transport.handle_request(trick)
