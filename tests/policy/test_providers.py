"""Whose a domain is: one provider for each organisation, by the public suffix list."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.policy import providers
from bounce_watcher.policy.providers import provider_of, registrable
from tests.families import for_each


@for_each(("host", "domain"), [
    ("example.com", "example.com"),
    ("mx1.mail.example.com", "example.com"),
    ("mx.example.co.uk", "example.co.uk"),
    ("silva.adv.br", "silva.adv.br"),
    ("mail.maria.adv.br", "maria.adv.br"),
    ("mx.city.kawasaki.jp", "city.kawasaki.jp"),       # an exception of the list
    ("a.example.kawasaki.jp", "a.example.kawasaki.jp"),
    ("mx.example.uk.com", "example.uk.com"),           # private suffixes
    ("mx.example.eu.org", "example.eu.org"),
    ("someone.github.io", "someone.github.io"),
    ("mx.example.公司.cn", "example.公司.cn"),
    ("mx.example.xn--55qx5d.cn", "example.xn--55qx5d.cn"),
    ("mx.example.no-such-tld", "example.no-such-tld"),
    ("mx.microsoft", "mx.microsoft"),
])
def test_the_domain_that_was_registered(host: str, domain: str) -> None:
    assert registrable(host) == domain


@for_each("host", ["", "localhost", "com", "co.uk", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a..b", ".a.b"])
def test_what_nobody_registered_stays_as_it_is(host: str) -> None:
    assert registrable(host) == host


@given(st.text(max_size=300) | st.text(".-ax[]:\udcff\u0130ß公") | st.just("x." * 5000 + "xn--\udc80.com"))
def test_nothing_makes_it_fail(host: str) -> None:
    assert isinstance(registrable(host), str)
    assert isinstance(provider_of(host, host), str)


def test_neighbours_below_a_public_suffix_are_no_one_provider() -> None:
    assert provider_of(None, "silva.adv.br") != provider_of(None, "maria.adv.br")
    assert provider_of("mx.a.uk.com", "a.uk.com") != provider_of("mx.b.uk.com", "b.uk.com")


@pytest.mark.parametrize("domain", ["yahoo.fr", "yahoo.co.uk", "yahoo.com.br", "yahoo.com"])
def test_a_brand_below_a_country_is_that_organisation(domain: str) -> None:
    assert provider_of(None, domain) == "yahoo.com"


@pytest.mark.parametrize("domain", ["yahoo.github.io", "yahoo.adv.br", "yahoo.eu.org", "yahoo.co.jp"])
def test_a_brand_below_anything_else_is_just_a_name(domain: str) -> None:
    assert provider_of(None, domain) == domain


def test_every_name_of_the_tables_is_one_that_can_be_found() -> None:
    named = {*providers._HOSTS, *providers._DOMAINS, *providers._NOT_YAHOOS}
    assert {name for name in named if registrable(name) != name} == set()


def test_the_list_is_not_read_before_it_is_needed() -> None:
    program = ("from bounce_watcher.policy import providers; assert not providers._suffixes.cache_info().currsize; "
               "providers.registrable('example.com'); assert providers._suffixes.cache_info().currsize")
    subprocess.run([sys.executable, "-c", program], check=True)
