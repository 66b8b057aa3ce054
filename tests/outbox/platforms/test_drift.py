"""Every platform whose list can be read is held against the ledger and mended by the same few steps."""

from datetime import timedelta

import pytest

from bounce_watcher.model.list_comparison import DifferenceKind
from bounce_watcher.service.operations import drift as drifting
from bounce_watcher.service.operations.drift import Drift, drift
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Vendor

USER, OTHER, THEIRS = "user@example.org", "first.last+tag@example.org", "theirs@example.org"


def cases(found: Drift) -> dict[str, DifferenceKind]:
    found.read(lambda _: None)
    return {each.address.lower(): each.case for each in found.lists.differences()}


def test_its_list_is_compared_and_mended(desk: Desk, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    if not desk.platform.lists:
        pytest.skip(f"{vendor.kind} has no list that can be read")
    monkeypatch.setattr(drifting, "WAITS", (timedelta(0),))
    vendor.prepare(USER, OTHER, THEIRS)
    desk.suppress(USER, OTHER)
    desk.send()
    with drift(desk.settings, desk.ledger, desk.platform) as found:
        assert cases(found) == {}
    vendor.listed.discard(USER)
    vendor.prepare(USER)  # who is known there is subscribed again
    vendor.listed.add(THEIRS)
    with drift(desk.settings, desk.ledger, desk.platform) as found:
        assert cases(found) == {USER: DifferenceKind.MISSING, THEIRS: DifferenceKind.THEIRS}
        assert (found.fix_there(), found.fix_here("news")) == (1, 1)
    desk.send()
    assert vendor.listed >= {USER, OTHER, THEIRS}
    with drift(desk.settings, desk.ledger, desk.platform) as found:
        assert cases(found) == {}
        assert found.skipped == 0
