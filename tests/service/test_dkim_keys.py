"""Keys out of the DNS: asked once, within bounds, and never waited for twice."""

from dataclasses import dataclass, field

import pytest

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.service.analysis.dkim_keys import (
    KEPT_SECONDS,
    MAX_KEPT,
    PAUSE_SECONDS,
    QUESTIONS,
    KeyLookup,
    key_lookup,
)


@dataclass
class World:
    """A resolver and a clock. `down`: nobody answers."""

    now: float = 1000.0
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def ask(self, name: str) -> str | None:
        self.asked.append(name)
        if self.down:
            raise TemporaryFailure("DNS: nobody answers")
        return None if name.startswith("absent") else f"v=DKIM1; {name}"

    def lookup(self) -> KeyLookup:
        return KeyLookup(self.ask, lambda: self.now)


@pytest.mark.parametrize(("name", "record"), [("s1._domainkey.example.com", "v=DKIM1; s1._domainkey.example.com"),
                                              ("absent._domainkey.example.com", None)])
def test_an_answer_holds_for_a_while(name: str, record: str | None) -> None:
    world = World()
    lookup = world.lookup()
    assert [lookup(name), lookup(name)] == [record] * 2
    assert world.asked == [name]
    world.now += KEPT_SECONDS + 1
    assert lookup(name) == record
    assert world.asked == [name] * 2


def test_who_names_ever_new_selectors_costs_no_more_than_so_many_questions() -> None:
    world = World()
    lookup = world.lookup()
    for number in range(1000):
        lookup(f"s{number}._domainkey.example.com")
    assert len(world.asked) == QUESTIONS
    world.now += PAUSE_SECONDS
    assert lookup("s999._domainkey.example.com") is not None


def test_a_resolver_that_fails_is_left_in_peace_and_asked_again() -> None:
    world = World(down=True)
    lookup = world.lookup()
    assert [lookup("s1._domainkey.example.com") for _ in range(10)] == [None] * 10
    assert len(world.asked) == 1
    world.now += PAUSE_SECONDS
    world.down = False
    assert lookup("s1._domainkey.example.com") is not None


def test_an_old_answer_is_better_than_none() -> None:
    world = World()
    lookup = world.lookup()
    lookup("s1._domainkey.example.com")
    world.now += KEPT_SECONDS + 1
    world.down = True
    assert lookup("s1._domainkey.example.com") is not None


def test_memory_is_bounded() -> None:
    world = World()
    lookup = world.lookup()
    for number in range(MAX_KEPT + 10):
        world.now += PAUSE_SECONDS
        lookup(f"s{number}._domainkey.example.com")
    assert len(lookup._kept) == MAX_KEPT


@pytest.mark.parametrize(("settings", "asks"), [
    (AttributionSettings(), False),
    (AttributionSettings(own_domains=frozenset({"example.com"})), True),
    (AttributionSettings(own_domains=frozenset({"example.com"}), dkim_dns=False), False),
])
def test_nothing_is_asked_unless_domains_are_named(settings: AttributionSettings, asks: bool) -> None:
    assert (key_lookup(settings) is not no_key) is asks
