"""Who handed a message to our servers, as they saw it: the forms of mail servers, and what a client can do."""

import pytest

from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.received import client_ip
from tests.families import for_each

OUTSIDE = "203.0.113.9"
FORGED = "198.51.100.66"


def of(*fields: str) -> str | None:
    return client_ip(Headers("".join(f"Received: {each}\n" for each in fields).encode()))


@for_each("field", [
    f"from mx.example.net (mx.example.net [{OUTSIDE}])\n\tby mail.example.com (Postfix) with ESMTPS id 4F; date",
    f"from mx.example.net ([{OUTSIDE}])\n by mail.example.com with esmtp (Exim 4.96) id 1x; date",
    f"from [{OUTSIDE}] (helo=mx.example.net) by mail.example.com with esmtp (Exim 4.96); date",
    f"from mx.example.net ([{OUTSIDE}] helo=other.example) by mail.example.com with esmtp (Exim); date",
    f"from mx.example.net ({OUTSIDE}) by mail.example.com (10.0.0.1) with Microsoft SMTP Server; date",
    f"from unknown (HELO mx.example.net) ({OUTSIDE}) by mail.example.com with SMTP; date",
    f"from mx.example.net (mx.example.net. [{OUTSIDE}])\n by mx.google.com with ESMTPS id a1; date",
])
def test_the_forms_of_servers(field: str) -> None:
    assert of(field) == OUTSIDE


@pytest.mark.parametrize("field", [
    f"from [{FORGED}] (mx.example.net [{OUTSIDE}]) by mail.example.com (Postfix); date",
    f"from [{OUTSIDE}] (helo=[{FORGED}]) by mail.example.com with esmtp (Exim 4.96); date",
    f"from mx.example.net ([{OUTSIDE}] helo=[{FORGED}]) by mail.example.com with esmtp (Exim); date",
    f"from unknown (HELO [{FORGED}]) ({OUTSIDE}) by mail.example.com with SMTP; date",
])
def test_what_a_client_calls_itself_is_not_believed(field: str) -> None:
    assert of(field) == OUTSIDE


def test_our_own_hops_are_passed_over_and_forged_fields_below_are_not_reached() -> None:
    assert of(
        "from localhost (localhost [127.0.0.1]) by mail.example.com (Postfix); date",
        "from relay.internal (relay.internal [10.1.2.3]) by mail.example.com (Postfix); date",
        f"from mx.example.net (mx.example.net [{OUTSIDE}]) by relay.example.com (Postfix); date",
        f"from own.example.com (own.example.com [{FORGED}]) by mx.example.net (Postfix); date",
    ) == OUTSIDE


def test_ipv6() -> None:
    assert of("from mx.example.net (mx.example.net [IPv6:2001:db8::7]) by mail.example.com; date") == "2001:db8::7"


@pytest.mark.parametrize("fields", [
    (), ("by mail.example.com (Postfix, from userid 0) id 4F; date",), ("from x (unknown [999.1.1.1]) by y; date",),
    ("from " + "(" * 50_000,), ("from [" + "1" * 50_000 + "] by x",),
])
def test_none_where_nothing_tells(fields: tuple[str, ...]) -> None:
    assert of(*fields) is None
