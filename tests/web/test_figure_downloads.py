"""Lists of figures as files: the rows of the page, and no formula among them."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bounce_watcher.model.sending import SentCount
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.view import links
from tests.ledger.making import bounce, mail, record
from tests.web.conftest import Web
from tests.web.looking import page
from tests.web.test_overview import bounces, recorded

Make = Callable[..., Web]
FORMULA = "=cmd|' /C calc'!A0"


def table(client: Web, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_providers_are_downloaded_as_they_are_shown(web: Make) -> None:
    client = web()
    recorded(client, bounces(60))
    shown = table(client, "/providers.csv?range=30d&sort=bounces")
    numbers = [int(row["Bounces"]) for row in shown]
    assert numbers == sorted(numbers, reverse=True)
    assert sum(numbers) == len([event for event in client.ledger.lists.events() if event.type])
    google = next(row for row in shown if row["Domain"] == "google.com")
    kinds = ("About the address", "Complaints", "May pass", "About the sender", "Not recognised")
    assert sum(int(google[kind]) for kind in kinds) == int(google["Bounces"])
    lines = [json.loads(line) for line in client.get("/providers.jsonl?range=30d").text.splitlines()]
    assert {line["provider"] for line in lines} == {row["Domain"] for row in shown}
    assert "/providers.csv?range=30d" in page(client, "/providers?range=30d")
    assert {client.get(f"/providers{ending}?from=nonsense").status_code for ending in ("", ".csv")} == {422}


def test_streams_and_campaigns_are_downloaded_and_start_no_formula(web: Make) -> None:
    client = web()
    now = utcnow() - timedelta(minutes=1)
    events = [replace(bounce(f"m{n}", f"u{n}@gmx.de", at=now, stream=FORMULA), sending=FORMULA) for n in range(3)]
    record(client.ledger, [mail(each) for each in events])
    client.ledger.recording.put_counts(
        [SentCount((now - timedelta(days=n)).date(), FORMULA, "gmx.de", 100) for n in range(7)]
    )
    (row,) = table(client, "/streams.csv")
    assert (row["Stream"], row["Bounces"], row["Sent"]) == (f"'{FORMULA}", "3", "700")
    path = links.stream(FORMULA)
    (row,) = table(client, f"{path}/campaigns.csv")
    assert (row["Campaign"], row["Bounces"]) == (f"'{FORMULA}", "3")
    (line,) = map(json.loads, client.get(f"{path}/campaigns.jsonl").text.splitlines())
    assert (line["campaign"], line["by_type"]["hard"]) == (FORMULA, 3)
    assert f"{path}/campaigns.csv" in page(client, path)


def test_the_tile_tells_how_many_wordings_wait(web: Make) -> None:
    client = web()
    recorded(client, bounces(20))
    assert "1 wording to review" in page(client, "/?range=30d")
