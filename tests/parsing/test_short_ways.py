"""What is read by a short way in most mail says the same as by the long one."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.parsing.address_fields import only_address
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.smtp_reply import read_stage
from tests.parsing.test_totality import SOUP

FIELDS = st.from_regex(r" ?<?[a-cA-C0-9._+-]{1,9}@[a-c.-]{1,4}\.[a-cA-C0-9]{1,3}>? ?", fullmatch=True)
NAMES = ("subject", "final-recipient", "content-type")


@given(FIELDS)
def test_an_address_is_the_same_beside_a_comment(field: str) -> None:
    assert only_address(field) == only_address(f"(x){field}")


@given(SOUP)
def test_some_fields_are_those_that_all_fields_hold(block: bytes) -> None:
    headers = Headers(block)
    assert headers.firsts(NAMES) == {name: headers.get(name) for name in NAMES if name in headers}


@given(st.text(alphabet="ab ", max_size=60))
def test_words_before_a_stage_do_not_hide_it(words: str) -> None:
    for told in ("initial server greeting", "failed after i sent the message", "refused to talk to me"):
        assert read_stage(f"{words} {told}") is not None
