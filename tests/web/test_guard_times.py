"""While the guard was on is shaded in the charts, and named beside them: not by colour alone."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bounce_watcher.ledger.lists.figures import Span
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.pages.statistics import bounces
from bounce_watcher.web.view import charts
from bounce_watcher.words.incidents import guard_words
from tests.facts import an_alert
from tests.families import for_each
from tests.web.conftest import NOON, Web
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import links, page, section
from tests.web.looking import words as said
from tests.web.test_incidents import DAY, HOUR, desk, path_of, the_alert, without_svg  # noqa: F401 - a fixture

Make = Callable[..., Web]
BINS = [Span(NOON + n * HOUR, NOON + (n + 1) * HOUR) for n in range(4)]
WORDS = r"Guard on for Google since (\d+ \w+, )?\d\d:\d\d"


def outage(since: float, until: float | None, subject: str = "provider google.com") -> Alert:
    """Hours of the bins; under way where it has no end."""
    it = an_alert(AlertKind.OUTAGE, subject, NOON + since * HOUR)
    return replace(it, cleared=until is not None, ends_at=NOON + (99 if until is None else until) * HOUR)


@for_each(("since", "until", "now", "places"), [
    (1, 2, 4, (1, 2)), (0.5, 2.25, 4, (0.5, 2.25)), (-5, 1, 4, (0, 1)), (3, 9, 99, (3, 4)), (1, None, 2.5, (1, 2.5)),
    (-5, 99, 99, (0, 4)),
])
def test_an_outage_is_shaded_where_it_was(
    since: float, until: float | None, now: float, places: tuple[float, float]
) -> None:
    found = bounces.shade(outage(since, until), BINS, NOON + now * HOUR)
    assert (found.begin, found.end) == places


def test_a_shade_lies_behind_the_bars_and_says_what_it_is() -> None:
    bar = charts.Bar((charts.BarSegment("address", 3),), "/events", "3")
    svg = charts.stacked_bars([bar, bar], [charts.Shade(0.5, 2, 'Guard <on> "it"'), charts.Shade(1, 1, "short")])
    assert '<title>Guard &lt;on&gt; &#34;it&#34;</title><rect class="guard" x="50" y="0.00" width="150"' in svg
    assert svg.index("guard") < svg.index("seg address")
    assert re.search(r'<title>short</title><rect class="guard" x="100" y="0.00" width="6"', svg), "still to be seen"
    assert "guard" not in charts.stacked_bars([bar])


@pytest.mark.parametrize(("given", "told"), [
    (outage(1, 3), "Guard on for Google, 13:00 to 15:00"), (outage(1, None), "Guard on for Google since 13:00"),
    (outage(1, 3, "wording a.rule # <b>"), "Guard on for one text, 13:00 to 15:00"),
])
def test_it_is_named(given: Alert, told: str) -> None:
    assert guard_words(given, NOON + 9 * HOUR) == told


@pytest.mark.parametrize("path", ["/?range=24h", "/?range=7d", "/providers/google.com?range=24h"])
def test_pages_shade_it_and_name_it_in_the_legend_and_the_table(desk: Web, path: str) -> None:  # noqa: F811
    text = page(desk, path)
    chart = section(text, "chart")
    assert chart.count('class="guard"') == 1
    assert re.search(WORDS, said(chart))
    assert path_of(desk) in links(chart)
    marked = re.findall(r"guard on</span>", chart)
    assert 1 <= len(marked) <= 6, "the bins of the last hours"
    demand_harmless(without_svg(re.sub("<svg.*?</svg>", "", text, flags=re.DOTALL)))


def test_no_outage_no_shade(desk: Web) -> None:  # noqa: F811
    began = the_alert(desk).since
    days = f"from={began - 9 * DAY:%Y-%m-%d}&to={began - 4 * DAY:%Y-%m-%d}"
    chart = section(page(desk, f"/?{days}"), "chart")
    assert "uard on" not in said(chart)
    assert 'class="guard"' not in chart


def test_the_incidents_own_chart_is_shaded(desk: Web) -> None:  # noqa: F811
    chart = section(desk.get(path_of(desk)).text, "chart")
    assert chart.count('class="guard"') == 1
    assert re.search(WORDS + ": shaded", said(chart))


def test_many_are_summed_up_and_hostile_words_shown_harmless(web: Make) -> None:
    client, now = web(), utcnow()
    from tests.web.test_overview import bounces as some
    from tests.web.test_overview import recorded

    recorded(client, some(40))
    many = [outage_at(now - n * HOUR - HOUR, f"provider {each}") for n, each in enumerate(HOSTILE)]
    client.ledger.recording.tell_alerts(many, [], now, announcer(client.settings))
    client.ledger.recording.tell_alerts([], many, now, announcer(client.settings))
    text = page(client, "/?range=7d")
    assert f"{len(HOSTILE) - bounces.MOST_GUARD} earlier guard periods" in said(section(text, "chart"))
    demand_harmless(re.sub("<svg.*?</svg>", "", text, flags=re.DOTALL))
    assert "<script>alert" not in text


def outage_at(since: datetime, subject: str) -> Alert:
    return replace(an_alert(AlertKind.OUTAGE, subject, since), ends_at=since + timedelta(minutes=30))
