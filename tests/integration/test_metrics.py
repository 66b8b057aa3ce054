"""What the running service tells Prometheus, held against its own lists."""

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.integration.house import House, wait_until
from tests.integration.test_platform import SHOWN, TOKEN
from tests.mail import mailbag
from tests.servers.processes import free_port


def scrape(port: int) -> dict[tuple[str, ...], float]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=SHOWN).raise_for_status().text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(each.name.removeprefix("bounce_watcher_"), *_labels(each)): each.value for each in samples}


def _labels(sample: Sample) -> list[str]:
    """By the names of the labels."""
    return [value for _, value in sorted(sample.labels.items())]


def test_figures_are_those_of_the_lists(house: House) -> None:
    port = free_port()
    house.more = f'[web]\nlisten = "127.0.0.1:{port}"\ntoken = "{TOKEN}"'
    house.configure()
    house.dovecot.deliver(house.user, [content for content, _ in mailbag(60)])
    house.start("run")
    wait_until(lambda: sum(house.filed().values()) == 60, 30, "all are filed")
    wait_until(lambda: not house.rows("outbox", "list", "--state", "due"), 20, "all is told")
    wait_until(lambda: "action=web_started" in house.log(), 20, "listening")
    figures = scrape(port)
    verdicts = Counter((each["reason"] or "", each["bounce_type"] or each["kind"]) for each in house.events())
    told = {tuple(labels): value for (name, *labels), value in figures.items() if name == "verdicts_total" and value}
    assert told == verdicts
    filed = {place: figures["messages_filed_total", "returns", place] for place in house.filed()}
    assert filed == house.filed()
    assert sum(value for (name, *_), value in figures.items() if name == "messages_total") == 60
    assert figures["deliveries_total", "delivered", "platform"] == len(house.outbox())
    assert figures["suppressions", "suppressed"] == len(house.suppressions())
    assert figures["outbox_due", "platform"] == figures["mailbox_waiting_messages", "returns"] == 0
    assert figures["mailbox_up", "returns"] == figures["ledger_up",] == 1
