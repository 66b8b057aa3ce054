"""The way in and out, and what who may only look is kept from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bounce_watcher.ledger.filters import SuppressionFilter
from bounce_watcher.model.ledger import State
from tests.browser.conftest import Dashboard, Open, copied, flaws, follow, heading

ACTING, LOOKING = "a token to act by", "a token to look by"


@pytest.fixture(scope="module")
def guarded(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    tokens = f'token = "{ACTING}"\nread_token = "{LOOKING}"'
    with copied(tmp_path_factory.mktemp("guarded"), stock, tokens) as shown:
        yield shown


@pytest.mark.presses("/login", "/logout")
@pytest.mark.parametrize("token", [ACTING, LOOKING])
def test_who_may_act_and_who_may_look(guarded: Dashboard, opened: Open, token: str) -> None:
    gone = next(iter(guarded.ledger.suppressions(SuppressionFilter(state=State.SUPPRESSED))))
    path = f"/recipients/{guarded.ledger.names.name(gone.recipient)}"
    page = opened(guarded, path)
    assert heading(page) == "Sign in"
    page.get_by_label("Token").fill(token)
    follow(page.get_by_role("button", name="Sign in"))
    assert heading(page) == gone.recipient, "where it was going"
    assert page.get_by_role("link", name="Release…").count() == (token == ACTING)
    assert page.get_by_role("button", name="Release…", disabled=True).count() == (token == LOOKING)
    assert flaws(page, ()) == []
    follow(page.get_by_role("button", name="Sign out"))
    assert heading(page) == "Sign in"
    page.goto(path)
    assert heading(page) == "Sign in"
