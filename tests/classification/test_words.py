"""How words compare."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.classification.classify import classify_reply
from bounce_watcher.classification.rule import fold, mask_addresses, starts_word
from bounce_watcher.classification.ruleset import load_builtin


def test_fold() -> None:
    assert fold("  Boîte  PLEINE\n") == "boite pleine"
    assert fold("User\0unknown\x1f") == "user unknown"
    assert fold("Boîte\0pleine") == "boite pleine"
    assert fold("Straße “voll”") == 'strasse "voll"'
    assert fold("ёлка Йод") == "елка иод"
    assert fold("한국어") == "한국어"


@given(st.text(max_size=200))
def test_fold_is_stable(text: str) -> None:
    once = fold(text)
    assert "  " not in once
    assert fold(once) == once or not text.isascii()


def test_what_is_no_character_can_be_looked_through() -> None:
    assert fold("550 Parked \ud800") == "550 parked ?"
    assert classify_reply("550 5.1.1 user unknown \udcff", load_builtin()).quote == "user unknown"


def test_addresses_are_masked_at_the_same_length() -> None:
    assert mask_addresses("550 <spam@virus.example>: no") == "550 <" + "@" * 18 + ">: no"
    assert mask_addresses("no address") == "no address"


@given(st.text(alphabet="ab@.< ", max_size=300))
def test_masking_keeps_the_length(text: str) -> None:
    assert len(mask_addresses(text)) == len(text)


def test_starts_word() -> None:
    assert starts_word("spam", 0)
    assert starts_word("a-spam", 2)
    assert not starts_word("antispam", 4)
    assert starts_word("收件人不存在", 3)
