"""For any two different valid addresses, nothing that is said or done of the one changes a row of the other."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from sqlalchemy import create_engine, select

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.config.loading import parse
from bounce_watcher.ledger.db.tables import EVENT, METADATA
from bounce_watcher.ledger.db.types import recipient_key
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import address_key
from bounce_watcher.model.ledger import Actor, State
from bounce_watcher.model.message import RawMessage
from bounce_watcher.pipeline import Toolkit
from bounce_watcher.service.analysis.worker import analyse_one
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.operations.reported import RowOptions, take_deliveries, take_sent
from tests.examples import examples
from tests.facts import BY
from tests.ledger.conftest import new_file
from tests.trust.addresses import pairs
from tests.trust.reports import FORMS

EXAMPLES = max(1, int(os.environ.get("BOUNCE_WATCHER_EXAMPLES", examples(40))) // 8)
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
CONFIGURATION = parse("""
[database]
url = "sqlite:///unused.db"
[[mailbox]]
name = "returns"
host = "imap.example.com"
username = "u"
password = "p"
[[webhook]]
name = "shop"
url = "https://shop.example.com/hook"
secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
events = ["recipient.suppressed", "recipient.released", "bounce.recorded", "complaint.recorded"]
[policy.guard]
enabled = false
""", "test")
RULES = load_builtin()


class House:
    """A ledger with the service's own way into it."""

    def __init__(self, folder: str) -> None:
        path = Path(folder) / "ledger.db"
        path.write_bytes(new_file())
        self.url = f"sqlite:///{path}"
        self.ledger = Ledger.connect(self.url)
        self.announce = announcer(CONFIGURATION)
        self._mails = 0

    def take(self, content: bytes, day: float, attribution: AttributionSettings) -> None:
        self._mails += 1
        raw = RawMessage(f"returns/INBOX#{self._mails}", content + b"\n" * self._mails, START + timedelta(days=day))
        record = analyse_one(raw, Toolkit(RULES, attribution)).record
        assert record is not None
        self.ledger.recording.record([record], decider(CONFIGURATION), self.announce, CONFIGURATION.policy)

    def rows_of(self, address: str) -> Mapping[str, list[tuple[object, ...]]]:
        """Every row that is filed under an address."""
        engine, key = create_engine(self.url), recipient_key(address)
        try:
            with engine.connect() as connection:
                return {
                    table.name: sorted(map(tuple, connection.execute(
                        select(table).where(table.c.recipient_key == key)
                    )), key=repr)
                    for table in METADATA.sorted_tables if "recipient_key" in table.c
                }
        finally:
            engine.dispose()

    def suppressed(self, address: str) -> State | None:
        return next((each.state for each in self.ledger.lists.suppressions(SuppressionFilter(address))), None)

    def everything_else(self, address: str) -> None:
        """All that a platform and people may say of an address."""
        reading, now = RowOptions("default", START + timedelta(days=200)), START + timedelta(days=30)
        mail = {"message_id": "<1@example.com>", "recipient": address, "at": "2026-03-01T00:00:00Z"}

        def refuse(_: int, why: str) -> None:
            raise AssertionError(why)

        take_sent(CONFIGURATION, self.ledger, [(1, mail)], reading, refuse)
        take_deliveries(CONFIGURATION, self.ledger, [(1, {"recipient": address})], reading, refuse)
        self.ledger.suppressions.release(address, None, Actor("jo", now, "x"), announce=self.announce)
        self.ledger.suppressions.suppress(address, "default", Actor("jo", now, "x"), announce=self.announce)
        self.ledger.suppressions.protect(address_key(address), Actor("x", now, "x"))
        assert self.ledger.lists.protection(address) is not None
        self.ledger.privacy.forget(address, BY)


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(pair=pairs())
@example(pair=('"ceo@corp.example\\a"@corp.example', "ceo@corp.example"))
@example(pair=('"*"@corp.example', "**@corp.example"))
def test_what_is_said_of_one_address_changes_no_row_of_another(name: str, pair: tuple[str, str]) -> None:
    check_rows(name, pair)


def check_rows(name: str, pair: tuple[str, str]) -> None:
    victim, other = pair
    form, first = FORMS[name], FORMS["Final-Recipient"]
    with TemporaryDirectory() as folder:
        house = House(folder)
        soft = first.make(victim).replace(b"5.1.1", b"4.2.2").replace(b"User unknown", b"mailbox full")
        house.take(soft, 0, first.settings)
        before = house.rows_of(victim)
        assert before[EVENT.name]
        for day in (1, 10, 20):
            house.take(b"X-Day: %d\n" % day + form.make(other), day, form.settings)
        assert house.rows_of(victim) == before
        if form.names(other):
            assert house.suppressed(other) is State.SUPPRESSED
        house.everything_else(other)
        assert house.ledger.lists.protection(victim) is None
        assert house.rows_of(victim) == before
        house.ledger.close()
