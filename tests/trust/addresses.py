"""Mail addresses at random after RFC 5321, 5322 and 6531, and pairs of two that are easily taken for one another."""

from hypothesis import strategies as st

from bounce_watcher.model.address import address_key, parse_address

_ATEXT = "abcesz019ABCESZ!#$%&'*+/=?^_`{|}~-"
_FURTHER = st.characters(
    min_codepoint=0xA1, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufffd"
)
_LETTERS = st.one_of(st.sampled_from(_ATEXT), st.sampled_from("äßſﬀﬃéİıǅ中юก"), _FURTHER)
_ATOMS = st.one_of(st.text(st.sampled_from(_ATEXT), min_size=1, max_size=8), st.text(_LETTERS, min_size=1, max_size=6))
DOT_STRINGS = st.lists(_ATOMS, min_size=1, max_size=3).map(".".join)
_QUOTED_CONTENT = st.lists(
    st.one_of(
        st.sampled_from([' ', "@", "<", ">", ",", ";", ":", "(", ")", "[", "]", ".", "..", "  ", '\\"', "\\\\", "\\a"]),
        st.sampled_from(_ATEXT), st.sampled_from(["ceo", "ceo@corp.example", "<ceo@corp.example>", "ä"]),
    ),
    max_size=6,
).map("".join)
QUOTED_STRINGS = _QUOTED_CONTENT.map(lambda content: f'"{content}"')
_LABELS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
DOMAINS = st.one_of(
    st.sampled_from([
        "corp.example", "corp.example", "CORP.example", "evil.example", "sub.corp.example", "exämple.org",
        "straße.example", "strasse.example", "bücher.example", "xn--bcher-kva.example", "ไทย.example",
        "[192.0.2.1]", "[IPv6:2001:db8::1]", "a_b.example", "localhost",
    ]),
    st.lists(_LABELS, min_size=2, max_size=3).map(".".join),
)
_LOCAL_PARTS = st.one_of(DOT_STRINGS, DOT_STRINGS, QUOTED_STRINGS)
ADDRESSES = st.builds("{}@{}".format, _LOCAL_PARTS, DOMAINS).filter(parse_address)

_DISGUISES = (
    "={local}", "*{local}", "'{local}", "'{local}'", "`{local}", "`{local}'", "|{local}", "x|{local}",
    "{{{local}", "x{{{local}", "{{{local}}}", "/{local}", "/x/{local}", "smtp={local}", "SMTP={local}",
    "mailto={local}", "to={local}", "{local}'", "{local}+x", "x+{local}", "{local}+40corp", "{local}+2Btag",
    "{local}=corp.example", "{local}=", "{local}==a==corp.example", "{local}%corp.example",
    "corp.example!{local}", "=?utf-8?q?{local}?=", "=?utf-8?q?{local}", "prvs=0123ab45cd={local}",
    "SRS0=HHHH=TT=corp.example={local}", "IMCEAEX-{local}", "imceainvalid-{local}",
    "returns+{local}=corp.example", "~{local}~", "_{local}_", "550-{local}", "-{local}", "{local}-",
    "&lt;{local}", "\\x{local}", "{local}.x", "rfc822/{local}", '" {local}"', '"{local} "', '"x {local}"',
    '"{local},"', '"<{local}>"', '"{local}@corp.example"', '"\\"{local}"', '"({local})"',
)
"""Local parts that somebody may sign up with to be taken for the one that stands in them."""
_LOOKALIKES = str.maketrans({"s": "ſ", "k": "\u212a", "i": "ı", "f": "ﬀ", "e": "é"})


def _local(address: str) -> str:
    return address.rpartition("@")[0].strip('"') or "ceo"


@st.composite
def near(draw: st.DrawFn, address: str) -> str:
    """An address that a careless reader takes for `address`; perhaps none at all."""
    local, domain = _local(address), address.rpartition("@")[2]
    how = draw(st.integers(0, 3))
    if how == 0:
        disguise, at = draw(st.sampled_from(_DISGUISES)), draw(st.sampled_from([domain, "evil.example"]))
        return f"{disguise.format(local=local)}@{at}"
    if how == 1:
        return f"{local.translate(_LOOKALIKES)}@{domain}"
    if how == 2:
        alike = [f"x{domain}", f"{domain}x", f"sub.{domain}", f"{domain}.org", "evil.example"]
        return f"{local}@{draw(st.sampled_from(alike))}"
    return f"{draw(st.sampled_from(_ATEXT))}{local}{draw(st.sampled_from(_ATEXT))}@{domain}"


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two valid addresses of different mailboxes: the victim, and the one that the reports are about."""
    victim = draw(st.one_of(st.just("ceo@corp.example"), ADDRESSES))
    other = draw(st.one_of(near(victim), near(victim), ADDRESSES))
    if draw(st.booleans()):
        victim, other = other, victim
    usable = parse_address(victim) and parse_address(other) and address_key(victim) != address_key(other)
    return (victim, other) if usable else ("ceo@corp.example", "=ceo@corp.example")
