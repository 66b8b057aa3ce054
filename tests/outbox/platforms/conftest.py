from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import Vendor, serving
from tests.outbox.platforms.vendors import vendor_classes

VENDORS = vendor_classes()
ARCHETYPES = {"customerio", "http", "mailchimp", "mailgun", "mailman3", "ses"}
"""Those that are run by default: a call for each address and batches, lists that can be read and that can't, an
address that is never taken, a release that is never allowed, success without a body, a signature instead of a key.
"""
EACH_KIND = [kind if kind in ARCHETYPES else pytest.param(kind, marks=pytest.mark.whole) for kind in sorted(VENDORS)]


@pytest.fixture(params=EACH_KIND)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    """Every platform over HTTP in turn."""
    with serving(VENDORS[request.param]()) as it:
        yield it


@pytest.fixture
def desk(vendor: Vendor, tmp_path: Path) -> Iterator[Desk]:
    settings = configuration(vendor.kind, vendor.keys(), vendor.url, tmp_path, more='timeout = "10s"\nrate = 1000.0')
    with desk_of(settings) as it:
        yield it
