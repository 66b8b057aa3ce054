"""For any two different valid addresses, no report about the one is taken for one about the other."""

import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import Analysis, Evidence
from bounce_watcher.pipeline import Toolkit, analyse
from tests.examples import examples
from tests.families import for_each
from tests.trust.addresses import pairs
from tests.trust.reports import FORMS

EXAMPLES = int(os.environ.get("BOUNCE_WATCHER_EXAMPLES", examples(40)))
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
CEO = "ceo@corp.example"


def analysed(content: bytes, attribution: AttributionSettings) -> Analysis:
    return analyse(content, Toolkit(load_builtin(), attribution), AT)


def names(analysis: Analysis) -> set[str]:
    return {address_key(each.attribution.recipient) for each in analysis.recipients}


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(pair=pairs())
@example(pair=(CEO, "=ceo@corp.example"))
@example(pair=(CEO, '"ceo x"@corp.example'))
@example(pair=(CEO, "x|ceo@corp.example"))
@example(pair=(CEO, '"<ceo@corp.example>"@corp.example'))
@example(pair=(CEO, '"<ceo@corp.example>,"@corp.example'))
@example(pair=('"*"@corp.example', "**@corp.example"))
def test_a_report_on_one_address_names_no_other(name: str, pair: tuple[str, str]) -> None:
    check_names(name, pair)


def check_names(name: str, pair: tuple[str, str]) -> None:
    victim, other = pair
    form = FORMS[name]
    found = names(analysed(form.make(other), form.settings))
    assert address_key(victim) not in found
    if form.names(other):
        assert address_key(other) in found


@for_each("name", [name for name, form in FORMS.items() if form.must_name])
@for_each("address", [
    "=ceo@corp.example", "x|ceo@corp.example", '"a b"@corp.example', "smtp=ceo@corp.example", "o'neil+x@corp.example",
    "ärger@exämple.org", "?#/@corp.example", '"a@b"@corp.example', "'ceo'@corp.example", "ceo@[192.0.2.1]",
])
def test_odd_addresses_are_recognised_as_they_were_mailed(name: str, address: str) -> None:
    form = FORMS[name]
    (found,) = analysed(form.make(address), form.settings).recipients
    assert found.attribution.recipient == address
    assert found.attribution.evidence.at_least(Evidence.REPORT)
