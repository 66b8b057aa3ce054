"""The way in and out, and what who may only look is kept from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.ledger import State
from tests.browser.conftest import Dashboard, Open, copied, flaws, follow, heading

ACTING, LOOKING = "iV8cQz2WmR5tYk0sXpLdN7gHbJ3fUaEo", "Bq4nZx9KdV1rTy6wMs2LhPg8cJf0UiRe"


@pytest.fixture(scope="module")
def guarded(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    tokens = f'token = "{ACTING}"\nread_token = "{LOOKING}"'
    with copied(tmp_path_factory.mktemp("guarded"), stock, tokens) as shown:
        yield shown


@pytest.mark.presses("/login", "/logout")
@pytest.mark.parametrize("token", [ACTING, LOOKING])
def test_who_may_act_and_who_may_look(guarded: Dashboard, opened: Open, token: str) -> None:
    gone = next(iter(guarded.ledger.lists.suppressions(SuppressionFilter(state=State.SUPPRESSED))))
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


@pytest.mark.presses("/login", "/sessions/{id}/end")
def test_a_session_is_ended_from_elsewhere(guarded: Dashboard, opened: Open) -> None:
    there, here = (opened(guarded, "/settings") for _ in range(2))
    for page, token in ((there, LOOKING), (here, ACTING)):
        page.get_by_label("Token").fill(token)
        follow(page.get_by_role("button", name="Sign in"))
    assert there.get_by_role("heading", name="Sessions").count() == 0
    row = here.get_by_role("row").filter(has_text="read-only")
    follow(row.get_by_role("button", name="End the session"))
    assert here.get_by_role("status").inner_text().startswith("The session has ended.")
    assert flaws(here, ()) == []
    there.reload()
    assert heading(there) == "Sign in"
    here.reload()
    assert heading(here) == "Settings"
