"""What is asked and done of an address over the API once it was forgotten: it is found, and stored nowhere again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bounce_watcher.ledger.db.files import Files
from tests.facts import BY
from tests.ledger.making import bounce, page, record
from tests.ledger.searching import in_files, in_rows
from tests.web.conftest import TOKEN, Web, on_page

Make = Callable[..., Web]
ADA = "ada.lovelace@corp.example"
ASKED = {"recipient": ADA, "stream": "default", "because": f"{ADA} asked by phone"}
PLACE = f"/api/v1/suppressions?recipient={ADA}"


def test_no_call_on_a_forgotten_address_brings_it_back(web: Make, tmp_path: Path) -> None:
    client = web(token=TOKEN)

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = client.ask(method, path, headers={"authorization": f"Bearer {TOKEN}"}, **more)
        assert answer.is_success, answer.text
        return answer.json()

    record(client.ledger, page(bounce("m1", ADA)))
    client.ledger.outbox.discard(BY, target="platform")
    client.ledger.privacy.forget(ADA, BY)
    names = client.ledger.names

    (found,) = ask("GET", PLACE)["suppressions"]
    assert found["recipient"] == client.ledger.lists.known_as(ADA)
    assert ask("GET", f"/api/v1/events?recipient={ADA}")["events"]
    assert ask("DELETE", f"{PLACE}&because={ADA} is back") == {"changed": 1}
    ask("POST", "/api/v1/suppressions", json=ASKED)
    ask("POST", "/api/v1/sent", json=[{"message_id": "<1@x>", "recipient": ADA, "stream": "default"}])
    ask("POST", "/api/v1/delivered", json=[{"recipient": ADA, "stream": "default"}])
    assert ask("DELETE", f"{PLACE}&because=again") == {"changed": 1}

    done = on_page(client)
    assert [each.action for each in done] == ["release", "suppress", "release"]
    assert {names.address(each.subject) for each in done} == {client.ledger.lists.known_as(ADA)}
    assert [each.because for each in done] == ["again", "[forgotten] asked by phone", "[forgotten] is back"]
    url = str(client.settings.database_url.get_secret_value())
    assert in_rows(url, "lovelace") == []
    assert client.ledger.privacy.clean_files() is Files.CLEAN
    assert in_files(tmp_path / "ledger.db", "lovelace") == {}
