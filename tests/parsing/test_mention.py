"""One address in all the ways in which texts and mail write it."""

import base64
import binascii
import quopri
from email.header import Header

from bounce_watcher.attribution.return_path import make_header_token
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.parsing.mention import STRUCK_OUT, Mention, named_in, texts_of_mail
from tests.families import for_each

CEO = Mention.of("ceo@corp.example")
TOKEN = make_header_token(
    AttributionSettings(return_path="returns@bounces.example.com", token_keys=(b"0123456789abcdef",)),
    "jo_e+x@corp.example", "news",
)

FORMS = (
    ("ceo@corp.example", "550 no such user"),
    ("ceo@corp.example", "550 <ceo@corp.example> unknown"),
    ("ceo@corp.example", "550 CEO@Corp.Example"),
    ("ceo@corp.example", "try ceo@corp.example."),
    ("ceo@corp.example", "rejected: 'ceo@corp.example'"),
    ("ceo@corp.example", "rejected: `ceo@corp.example'"),
    ("ceo@corp.example", "rcpt=ceo@corp.example, gone"),
    ("ceo@corp.example", '"ceo"@corp.example'),
    ("ceo@corp.example", '{"to":"\\"ceo\\"@corp.example"}'),
    ("ceo@corp.example", "bounces+ceo=corp.example@lists.example.org"),
    ("ceo@corp.example", "<17.ceo=corp.example@mailer.example.org>"),
    ("ceo@corp.example", "bounces-17-ceo=corp.example@lists.example.org"),
    ("ceo@corp.example", "news-owner+ceo==a==corp.example@lists.example.org"),
    ("ceo@corp.example", "SRS0=hHh1=TT=corp.example=ceo@forward.example.org"),
    ("ceo@corp.example", "prvs=2771a8b3c1=ceo@corp.example"),
    ("ceo@corp.example", "corp.example!ceo"),
    ("ceo@corp.example", "ceo%corp.example@relay.example.org"),
    ("ceo@corp.example", "https://example.org/?e=ceo%40corp.example&x=1"),
    ("ceo@corp.example", "%3Cceo%40corp.example%3E"),
    ("ceo@corp.example", "ceo=40corp.example"),
    ("ceo@corp.example", "ORCPT=rfc822;ceo+40corp.example"),
    ("ceo@corp.example", "IMCEASMTP-ceo+40corp+2Eexample@x.example.org"),
    ("ceo@corp.example", "ceo&#64;corp.example"),
    ("ceo@corp.example", "&#99;&#101;&#111;&#x40;corp&#46;example"),
    ("ceo@corp.example", "ceo at corp dot example"),
    ("ceo@corp.example", "ceo [at] corp.example"),
    ("jo_e+x@corp.example", TOKEN),
    ("jo+x@corp.example", "jo%2Bx%40corp.example"),
    ("jo+x@corp.example", "jo+2Bx+40corp.example"),
    ("ada@xn--bcher-kva.example", "ada@bücher.example"),
    ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ("bücher@corp.example", "utf-8; b\\x{FC}cher@corp.example"),
    ("bücher@corp.example", "b%C3%BCcher%40corp.example"),
    ('"a b"@example.org', '550 <"a b"@example.org> unknown'),
    ('"a b"@example.org', "mailto:a%20b%40example.org"),
    ("=ceo@corp.example", "550 <=ceo@corp.example>"),
)
OTHERS = (
    "xceo@corp.example", "x.ceo@corp.example", "x-ceo@corp.example", "x+ceo@corp.example", "<=ceo@corp.example>",
    "<*ceo@corp.example>", "<smtp=ceo@corp.example>", "ceo@corp.example.org", "ceo@corp.example-x.org",
    "ceo@xcorp.example", "xceo=corp.example@lists.example.org", "ceo", "corp.example", "x%2Bceo%40corp.example",
    "ceo2@corp.example", "_ceo@corp.example",
)


@for_each(("address", "text"), FORMS[1:])
def test_it_is_found_in_every_form_and_struck_out(address: str, text: str) -> None:
    mention = Mention.of(address)
    masked = mention.masked(text)
    assert STRUCK_OUT in masked
    assert not mention.is_in(masked)
    assert mention.local not in masked


def test_what_does_not_name_it_stays() -> None:
    for text in (FORMS[0][1], *OTHERS):
        assert CEO.masked(text) == text


@for_each(("address", "text"), FORMS[1:])
def test_a_text_gives_the_addresses_that_it_may_name(address: str, text: str) -> None:
    assert Mention.of(address) in {Mention.of(each) for each in named_in(text)}


def test_an_address_that_ends_alike_is_spared_where_it_is_known() -> None:
    other = Mention.of("=ceo@corp.example")
    text = "rfc822; =ceo@corp.example gave way to ceo@corp.example"
    assert CEO.masked(text, [other]) == f"rfc822; =ceo@corp.example gave way to {STRUCK_OUT}"
    assert other.masked(text) == f"rfc822; {STRUCK_OUT} gave way to ceo@corp.example"


@for_each("content", [
    b"Subject: x\n\nto ceo@corp.example",
    b"Subject: x\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"hello there\nto: <ceo@corp.example>\n"),
    b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(
        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(b"lines and lines\nto: ceo@corp.example\n")),
    b"Content-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring("grüße an ceo@corp.example".encode() * 3),
    b"\n\nlong line ceo@cor=\np.example end",
    b"Subject: " + Header("für ceo@corp.example", "utf-8").encode().encode() + b"\n\nx",
    b"Subject: =?utf-8?B?Y2Vv?=\n =?utf-8?B?QGNvcnAuZXhhbXBsZQ==?=\n\nx",
    b"Subject: x\n\nhttps://example.org/u/" + base64.urlsafe_b64encode(b"ceo@corp.example") + b"/17",
    b"Subject: x\n\nceo<wbr>@corp<b></b>.example",
    b"Subject: x\nTo: ceo@corp.\r\n example\n\nx",
    "ceo@corp.example".encode("utf-16"),
    b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes("to ceo@corp.example".encode("utf-16-le")),
    b"begin 644 mail.txt\n" + binascii.b2a_uu(b"to ceo@corp.example") + b"`\nend\n",
])
def test_mail_that_names_it_encoded_is_found(content: bytes) -> None:
    assert CEO.is_in_mail(content)
    assert CEO in {Mention.of(each) for text in texts_of_mail(content) for each in named_in(text)}


def test_mail_that_does_not_name_it_is_not_found() -> None:
    assert not CEO.is_in_mail(b"To: xceo@corp.example\n\nceo of corp.example, " + base64.encodebytes(b"x" * 500))


def test_hostile_mail_takes_no_long() -> None:
    for content in (b"ceo=" * 100_000, b"ceo@corp." * 50_000, b"&#99;" * 100_000, b"<" * 400_000, b"A" * 600_000,
                    b"=?u?b?" * 60_000, b"begin 644 x\n" * 50_000, b"ceo at " + b" " * 300_000,
                    b"\\\"" * 200_000, b"%40" * 100_000):
        texts = list(texts_of_mail(content))
        assert not any(CEO.is_in(text) for text in texts)
        assert all(len(named_in(text)) < 200_000 for text in texts)
