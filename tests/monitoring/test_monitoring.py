"""The files for Prometheus and Grafana: they name what there is, and say what they should."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.promtool import promtool
from tests.web.conftest import Web, web
from tests.web.test_metrics import at

__all__ = ["at", "web"]

SHIPPED = files("bounce_watcher") / "monitoring"
RULES = (SHIPPED / "alerts.yml").read_text()
DASHBOARD: dict[str, Any] = json.loads((SHIPPED / "grafana.json").read_text())
HERE = Path(__file__).parent
_NAME = re.compile(r"\b(?:bounce_watcher|process)_[a-z_]+")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


@pytest.fixture
def scraped(at: Web) -> dict[str, set[str]]:
    """Every name of a scrape, and its labels."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(at.get("/metrics").text):
        for name in {family.name, *(sample.name for sample in family.samples)}:
            found.setdefault(name, {"instance"}).update(*(sample.labels for sample in family.samples))
    return found


def test_every_name_is_in_a_scrape(scraped: dict[str, set[str]]) -> None:
    named = {name for text in (RULES, *expressions()) for name in _NAME.findall(text)}
    assert len(named) > 20
    assert named - scraped.keys() == set()


def test_the_names_in_the_readme_are_real_ones(scraped: dict[str, set[str]]) -> None:
    section = (HERE.parents[1] / "README.md").read_text().partition("\n## Monitoring\n")[2].partition("\n## ")[0]
    named = set(_NAME.findall(section))
    assert len(named) > 10
    assert named - scraped.keys() == set()


def test_every_label_belongs_to_its_name(scraped: dict[str, set[str]]) -> None:
    texts = [*(re.findall(r"expr: (.*)", RULES)), *expressions()]
    chosen = [each for text in texts for each in re.findall(r"(bounce_watcher_[a-z_]+)\{([^}]*)\}", text)]
    assert len(chosen) > 20
    for name, labels in chosen:
        assert set(re.findall(r"(\w+)[=!]", labels)) <= scraped[name], name


def test_rules_are_such() -> None:
    assert promtool("check", "rules", str(SHIPPED / "alerts.yml")) == ""


def test_rules_alarm_when_they_should_and_not_before() -> None:
    assert promtool("test", "rules", "alerts.test.yml", within=HERE) == ""


def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    """As a rule, so that promtool reads it."""
    texts = [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in expressions()]
    rules = [{"record": f"a{number}", "expr": text} for number, text in enumerate(texts)]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert promtool("check", "rules", str(tmp_path / "rules.json")) == ""


def test_the_dashboard_can_be_laid_out() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
