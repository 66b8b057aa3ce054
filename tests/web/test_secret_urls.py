"""No page and no answer of the API shows what may be a secret in the address of a webhook or platform."""

import json
from dataclasses import replace

import pytest

from bounce_watcher.outbox.platforms.http import Http
from tests.outbox.samples import target
from tests.web.conftest import Web
from tests.web.looking import words
from tests.web.outbox_desk import Make, items, tell

HIDDEN = "x7Y-secret-of-the-path"
QUERY = "k3y-in-the-query"


def laid_out(client: Web, *, url_is_secret: bool) -> Web:
    hook = replace(
        target("crm-hook", f"https://crm.example/services/{HIDDEN}?key={QUERY}"), url_is_secret=url_is_secret
    )
    lists = Http(
        name="lists", url="https://lists.example/v1", suppress_call=f"PUT /b/{{{{ recipient }}}}?key={QUERY}",
        release_call="DELETE /b?who={{ recipient }}",
    )
    client.settings = replace(client.settings, webhooks=(hook,), platforms=(lists,))
    tell(client, "a")
    return client


@pytest.mark.parametrize("url_is_secret", [True, False])
def test_nothing_shows_it(web: Make, url_is_secret: bool) -> None:
    client = laid_out(web(), url_is_secret=url_is_secret)
    found = {item.target: item for item in client.ledger.lists.outbox()}
    assert items(client.ledger).keys() == {"a"}
    places = ["/settings", *(f"/outbox/{item.id}" for item in found.values()), "/api/v1/outbox",
              *(f"/api/v1/outbox/{item.id}" for item in found.values())]
    for place in places:
        answer = client.get(place)
        assert answer.status_code == 200, place
        assert QUERY not in answer.text, place
        assert url_is_secret <= (HIDDEN not in answer.text), place
    here = "https://crm.example/…" if url_is_secret else f"https://crm.example/services/{HIDDEN}?…"
    settings = words(client.get("/settings").text)
    assert here in settings
    assert "https://lists.example/v1" in settings
    assert "PUT /b/{{ recipient }}?…" in settings
    page = client.get(f"/outbox/{found['crm-hook'].id}").text
    assert f"POST {here}" in words(page)
    assert here.replace("…", "SECRET") in words(page), "as a command to fill in"
    told = json.loads(client.get(f"/api/v1/outbox/{found['crm-hook'].id}").text)
    assert told["request"].startswith(f"POST {here}\n")
    assert "PUT https://lists.example/v1/b/a%40example.org?…" in words(client.get(f"/outbox/{found['lists'].id}").text)
    assert QUERY not in repr(client.settings.webhooks)
