"""Authentication-Results as servers write them (RFC 8601 section 2.2 and appendix B), and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.parsing.authentication_results import (
    MAX_PROPERTIES,
    MAX_RESULTS,
    MAX_VALUE,
    AuthenticationResults,
    MethodResult,
    parse_authentication_results,
)
from tests.families import for_each


def results(value: str) -> tuple[MethodResult, ...]:
    found = parse_authentication_results(value)
    assert found is not None
    return found.results


@for_each(("value", "server"), [
    ("mx.example.com; none", "mx.example.com"),
    ("mx.example.com 1; none", "mx.example.com"),
    ("(added here) mx.example.com (by us) 1 (version); none", "mx.example.com"),
    ('"mx of ours"; none', "mx of ours"),
    ("MX.Example.COM ;none", "MX.Example.COM"),
    ("mx.bücher.example;", "mx.bücher.example"),
])
def test_the_server_that_says_so(value: str, server: str) -> None:
    assert parse_authentication_results(value) == AuthenticationResults(server)


@for_each("value", [
    "", ";", "mx.example.com", "mx.example.com 2; dkim=pass", "mx.example.com one; dkim=pass", "(mx.example.com); none",
    "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none",  # Microsoft's, which names no server
    "mx.example.com spf=pass; dkim=pass", "mx.example.com (; dkim=pass", '"mx.example.com; dkim=pass',
])
def test_what_is_no_such_field_of_this_version(value: str) -> None:
    assert parse_authentication_results(value) is None


def test_results_with_their_properties() -> None:
    value = (
        "mx.example.com; dkim=pass header.i=@example.org header.s=s1 header.b=YUAE/wRm; "
        "spf=softfail (mx.example.com: domain of transitioning; a@example.org) smtp.mailfrom=a@example.org;"
        'dmarc=fail (p=NONE sp=NONE dis=NONE) reason="no; alignment" header.from=example.org'
    )
    assert results(value) == (
        MethodResult("dkim", "pass", (("header.i", "@example.org"), ("header.s", "s1"), ("header.b", "YUAE/wRm"))),
        MethodResult("spf", "softfail", (("smtp.mailfrom", "a@example.org"),)),
        MethodResult("dmarc", "fail", (("header.from", "example.org"),)),
    )


@pytest.mark.parametrize(("part", "expected"), [
    ("DKIM=Pass Header.D=Example.ORG", MethodResult("dkim", "pass", (("header.d", "Example.ORG"),))),
    ("dkim/1 = pass header . d = example.org", MethodResult("dkim", "pass", (("header.d", "example.org"),))),
    ("dkim (a (nested \\) one) here) = pass", MethodResult("dkim", "pass")),
    ('spf=pass smtp.mailfrom="a b;c\\"d"@example.org',
     MethodResult("spf", "pass", (("smtp.mailfrom", '"a b;c\\"d"@example.org'),))),
    ('spf=pass smtp.mailfrom="example.org"', MethodResult("spf", "pass", (("smtp.mailfrom", "example.org"),))),
])
def test_each_form_of_a_result(part: str, expected: MethodResult) -> None:
    assert results(f"mx.example.com; {part}") == (expected,)


@for_each("part", ["none", "", "dkim", "dkim=", "=pass", "header.d=example.org", "()"])
def test_what_is_no_result_is_passed_over(part: str) -> None:
    assert results(f"mx.example.com; {part}; spf=pass") == (MethodResult("spf", "pass"),)


@pytest.mark.parametrize("repeated", [
    'spf=pass smtp.mailfrom="x; dmarc=pass"@example.org', "spf=pass (x; dmarc=pass)", 'spf=pass reason="; dmarc=pass',
    "spf=pass (x \\); dmarc=pass)", 'spf=pass smtp.mailfrom="\\"; dmarc=pass "@example.org',
])
def test_what_a_server_repeats_of_a_sender_makes_no_result(repeated: str) -> None:
    assert [each.method for each in results(f"mx.example.com; {repeated}")] == ["spf"]


def test_the_first_property_of_a_name_counts() -> None:
    [found] = results("mx.example.com; dkim=pass header.d=a.example header.d=b.example")
    assert (found.get("header.d"), found.get("header.i")) == ("a.example", "")


@for_each("value", [
    "mx.example.com;" + "dkim=pass;" * 10_000,
    "mx.example.com; dkim=pass " + "header.d=a.example " * 10_000,
    "mx.example.com; " + "(" * 100_000, "mx.example.com; " + '"\\' * 50_000, "mx.example.com; " + "=" * 100_000,
    "mx.example.com " + "9" * 100_000 + ";", " " * 100_000,
])
def test_size_is_bounded(value: str) -> None:
    found = parse_authentication_results(value)
    for each in found.results if found else ():
        assert len(each.properties) <= MAX_PROPERTIES
    assert found is None or len(found.results) <= MAX_RESULTS
    assert MAX_VALUE < 5_000  # as many digits as `int` reads


@given(st.text(max_size=200), st.lists(st.sampled_from(['"', "(", ")", "\\", ";", "=", ".", " ", "dkim", "1"])))
def test_it_is_total(noise: str, signs: list[str]) -> None:
    for value in (noise, "".join(signs), f"mx.example.com; {noise}", f"mx.example.com; {''.join(signs)}"):
        found = parse_authentication_results(value)
        assert found is None or all(each.method and each.result for each in found.results)
