"""The same words are the same whatever address, host, date, id or number stands among them; and other words are not."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.policy.masking import LONGEST, longest_constant, parts, wording
from tests.families import for_each

WHO = "anna.lee@example.org"


@for_each(("text", "told"), [
    ("550 5.0.0 Zorp says no to <anna.lee@example.org>", "# zorp says no to <address>"),
    ("smtp; 550-5.0.0 [192.0.2.7] Zorp\n550-5.0.0 says no", "# zorp says no"),
    ("554 refused by mx7.example.net, ask again 2026-03-01T10:11:12Z", "# refused by <host> ask again <date>"),
    ("554 until Mon, 3 Mar 2026 10:11:12 +0100 (CET) shut", "# until <date> shut"),
    ("554 since Tue Mar  3 10:11:12 2026 shut", "# since <date> shut"),
    ("554 (#8 anna.lee ab12-cd) https://example.org/?id=7 ok", "# <name> <id> <link> ok"),
    ("554 zzYxwvutsrqponmlkjihgfedcba= id", "# <id> id"),
    ("", ""),
])
def test_what_varies_is_marked(text: str, told: str) -> None:
    assert wording(text, WHO) == told


@given(st.text(max_size=3000), st.text(max_size=60))
def test_it_takes_whatever_there_is(text: str, recipient: str) -> None:
    told = wording(text, recipient)
    assert len(told) <= LONGEST
    assert "".join(piece for piece, _ in parts(told)) == told
    assert longest_constant(told) in told


def test_the_longest_piece_that_does_not_vary_stands_between_two_marks() -> None:
    told = wording("550 no: <anna.lee@example.org> has left the building (17)", WHO)
    assert longest_constant(told) == "has left the building"
    assert longest_constant(wording("550 5.1.1", WHO)) == ""
