"""The log of what people did: a list like the others."""

import pytest

from bounce_watcher.ledger.actions import Act, ActionLog
from bounce_watcher.ledger.db.paging import TookTooLong
from tests.facts import BY
from tests.web.conftest import Web
from tests.web.looking import words
from tests.web.outbox_desk import Make


@pytest.fixture
def desk(web: Make) -> Web:
    made = web()
    made.ledger.log.enter(Act(BY, "test", "crm-hook"))
    return made


def test_what_was_done_is_shown(desk: Web) -> None:
    assert "crm-hook" in words(desk.get("/log").text)


def test_an_invalid_filter_is_named_and_nothing_is_shown(desk: Web) -> None:
    text = words(desk.get("/log?from=2026-03-02&to=2026-03-01").text)
    assert "Invalid filter: from is after to." in text
    assert "Nothing is shown until the filter is corrected." in text
    assert "crm-hook" not in text and "No manual changes yet." not in text


def test_a_search_that_takes_too_long_says_so(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*_: object) -> None:
        raise TookTooLong("2 s")

    monkeypatch.setattr(ActionLog, "page", too_long)
    answer = desk.get("/log?by=jo")
    assert answer.status_code == 200
    assert "The search took too long and was stopped." in answer.text
    assert "crm-hook" not in answer.text
