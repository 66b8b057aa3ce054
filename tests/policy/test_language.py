"""A wording's language is told where its words tell it, and never guessed."""

import sys
from importlib import reload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.policy import language as module
from bounce_watcher.policy.language import NAMES, language, told
from bounce_watcher.policy.masking import Mark, wording
from tests.families import for_each

REFUSALS = {
    "en": "550 5.0.0 <u@example.org>: the zorp of number 17 has been unplugged",
    "de": "550 Dieses Postfach wurde vom Inhaber am 3. März aufgegeben",
    "fr": "550 5.0.0 cette adresse ne reçoit plus de courrier depuis longtemps",
    "es": "554 esta cuenta ya no recibe mensajes de fuera de la empresa",
    "it": "550 questa casella non riceve più posta dall'esterno",
    "pt": "550 esta caixa não recebe mais mensagens de fora da empresa",
    "nl": "550 dit adres ontvangt geen berichten van buiten het bedrijf meer",
    "pl": "550 ta skrzynka nie przyjmuje już wiadomości z zewnątrz",
    "cs": "550 tato schránka již nepřijímá zprávy zvenčí",
    "sv": "550 den här brevlådan tar inte längre emot meddelanden utifrån",
    "tr": "550 bu posta kutusu artık dışarıdan ileti kabul etmiyor",
    "ru": "550 этот ящик больше не принимает письма извне",
    "uk": "550 ця скринька більше не приймає листи ззовні",
    "el": "550 αυτή η θυρίδα δεν δέχεται πλέον μηνύματα",
    "he": "550 תיבה זו אינה מקבלת עוד דואר מבחוץ",
    "ar": "550 لم يعد هذا الصندوق يستقبل الرسائل من الخارج",
    "ja": "550 このアドレスは現在ご利用になれません",
    "zh": "550 该邮箱已停止接收外部邮件",
    "zh-Hant": "550 該郵箱已停止接收外部郵件",
    "ko": "550 이 계정은 더 이상 메일을 받지 않습니다",
}


@for_each("code", REFUSALS)
def test_a_sentence_tells_its_language(code: str) -> None:
    assert language(wording(REFUSALS[code], "u@example.org")) == code
    assert told(code) != code


@for_each("said", [
    "", "550", "rejected", "OK", "zorp fnord quux", "gw-error 554 zxqv", " ".join(Mark), "<address> <host> #, #",
    "id abc123 sid 0xdeadbeef", "\x00\x85\ufffe\ud800 zorp",
])
def test_what_tells_none_has_none(said: str) -> None:
    assert language(wording(said, "")) is None


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_is_borne(said: str) -> None:
    assert language(said) in {None, *NAMES}


def test_marks_are_no_words_of_any_language() -> None:
    assert language("<address> <name> <date> <number> <address> <name>") is None


def test_without_the_library_no_language_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycld2", None)
    try:
        reload(module)
        assert module.language(REFUSALS["de"]) is None
        assert (module.told("de"), dict(module.NAMES)) == ("de", {})
    finally:
        monkeypatch.undo()
        reload(module)
