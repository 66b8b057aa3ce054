"""bounce_watcher/privacy.md: every table of the ledger, with the durations that hold, and commands that are there."""

import re
from dataclasses import fields
from datetime import timedelta

import pytest

from bounce_watcher.cli.main import main
from bounce_watcher.config.keys import table_at
from bounce_watcher.config.settings import Settings
from bounce_watcher.config.values import spell
from bounce_watcher.ledger.db.tables import METADATA
from tests.docs.pages import PRIVACY as PAGE
from tests.docs.pages import README, invocations, spans
from tests.families import for_each

ROWS = {match[1]: (match[2], match[3]) for match in re.finditer(r"^\| `(\w+)` \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)}
ON_A_PERSON = {"recipient", "recipient_key", "actor", "answer", "paused_by", "peer"}


def test_every_table_of_the_ledger_is_named_once() -> None:
    assert len(ROWS) == len(re.findall(r"^\| `", PAGE, re.MULTILINE))
    assert set(ROWS) == set(METADATA.tables)


@for_each("name", METADATA.tables)
def test_a_table_with_recipients_does_not_claim_to_hold_nothing(name: str) -> None:
    holds = bool(ON_A_PERSON & {column.name for column in METADATA.tables[name].columns}) or name == "message"
    assert ROWS[name][0].startswith("nothing") is not holds


def test_the_durations_are_those_that_hold() -> None:
    told = dict(re.findall(r"`(\w+_retention)` \(`(\w+)`", PAGE))
    database = table_at(("database",))
    assert database
    assert set(told) == {key for key in database.keys if key.endswith("_retention")}
    for key, text in told.items():
        (default,) = (field.default for field in fields(Settings) if field.name == key)
        assert text == (spell(default) if isinstance(default, timedelta) else "never"), key


def test_its_commands_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    calls = invocations(PAGE)
    assert {words[0] for words in calls} >= {"forget", "events", "recipients", "run"}
    for words in calls:
        options = [word for word in words if word.startswith("-")]
        arguments = [word for word in words if not word.startswith("-")]
        assert main([*arguments, "--help"]) == 0
        shown = capsys.readouterr().out
        assert [option for option in options if option not in shown] == []


def test_readme_leads_to_it() -> None:
    assert "bounce_watcher/privacy.md" in README
    assert any("suppressions export" in span for span in spans(PAGE))
