"""Protected by a button: an address, a domain; who and why is told, and it can be ended."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from bounce_watcher.model.ledger import Actor, NoticeType, State
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from tests.facts import BY
from tests.ledger.making import START, bounce, page
from tests.web.conftest import Web, on_page
from tests.web.looked_at import HOSTILE, demand_harmless
from tests.web.looking import csrf_of, form_of, links, section
from tests.web.looking import words as said
from tests.web.test_frame import READER, signed_in, with_reader
from tests.web.test_recipients import ANNA, BEN, desk, hear, path_to, standing, state_of, told  # noqa: F401

Make = Callable[..., Web]


def everything(client: Web) -> object:
    return state_of(client.ledger), client.ledger.lists.protections()


def reported(client: Web, address: str, name: str = "e") -> None:
    """A report that suppresses whom nobody protects."""
    event = bounce(name * 32, address, at=utcnow())
    client.ledger.recording.record(page(event), decider(client.settings), announcer(client.settings))


def test_protect_keeps_the_rules_off_and_says_what_happens_to_what_stands(desk: Web) -> None:  # noqa: F811
    path, before = path_to(desk), everything(desk)
    assert f"{path}/protect" in links(desk.get(path).text)
    preview = desk.get(f"{path}/protect").text
    demand_harmless(preview)
    shown = said(preview)
    for part in (
        "Protect anna@gmx.net", "No rule will suppress it", "every address of gmx.net",
        "It stays suppressed or held in 1 stream, unless you release it below.",
        "If it is released: 1 × recipient.released to crm-hook",
    ):
        assert part in shown, part
    assert everything(desk) == before, "looking changes nothing"
    form = form_of(preview, because="our founder", what="address", standing="stays")
    answer = desk.post(f"{path}/protect", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=protect")
    assert [state for _, state, _ in standing(desk.ledger)] == [State.SUPPRESSED]
    assert [(each.name, each.actor, each.because) for each in desk.ledger.lists.protections()] == [
        (ANNA, "API token", "our founder")
    ]
    text = desk.get(answer.headers["location"]).text
    assert "It is protected by API token since" in said(text)
    assert "so no rule suppresses it: our founder" in said(text)
    (done,) = desk.ledger.log.newest()
    assert (done.action, desk.ledger.names.address(done.subject), done.because) == ("protect", ANNA, "our founder")
    assert "Protected by API token: our founder" in said(text)


def test_protect_may_release_in_one_go(desk: Web) -> None:  # noqa: F811
    path = path_to(desk)
    form = form_of(desk.get(f"{path}/protect").text, because="our founder", what="address", standing="release")
    assert desk.post(f"{path}/protect", data=form).status_code == 303
    assert standing(desk.ledger) == []
    assert told(desk.ledger)[-1] == (NoticeType.RELEASED.value, ANNA, "our founder")
    assert [done.action for done in desk.ledger.log.newest()] == ["release", "protect"]
    reported(desk, ANNA)
    assert standing(desk.ledger) == []
    before = everything(desk)
    assert desk.post(f"{path}/protect", data=form).status_code == 409, "a double click"
    assert everything(desk) == before


def test_a_domain_is_protected_by_its_addresses_page_by_the_list_and_by_settings(desk: Web) -> None:  # noqa: F811
    path = path_to(desk, "new@example.org")
    form = form_of(desk.get(f"{path}/protect").text, because="ours", what="domain")
    assert desk.post(f"{path}/protect", data=form).status_code == 303
    reported(desk, "other@example.org")
    assert standing(desk.ledger, "other@example.org") == []
    assert "example.org, its domain, is protected by API token" in said(desk.get(path_to(desk, "x@example.org")).text)
    assert "/protect?domain=gmx.net" in links(desk.get("/recipients?domain=gmx.net").text)
    preview = desk.get("/protect?domain=GMX.net").text
    assert "Protect gmx.net" in said(preview)
    answer = desk.post("/protect?domain=GMX.net", data=form_of(preview, because="a partner"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?done=protect#protected")
    listed = section(desk.get("/settings?done=protect").text, "protected")
    for part in ("every address of example.org", "every address of gmx.net", "a partner", "Stop protecting…"):
        assert part in said(listed), part
    assert [done.subject for done in desk.ledger.log.newest()] == ["@gmx.net", "@example.org"]
    again = said(desk.get("/protect?domain=gmx.net").text)
    assert "It is protected already, by API token since" in again
    demand_harmless(desk.get("/log").text)


def test_the_end_of_it(desk: Web) -> None:  # noqa: F811
    desk.ledger.suppressions.protect("@gmx.net", Actor("jo", START, "a partner"))
    desk.ledger.suppressions.protect("dora@gmx.net", Actor("jo", START, "our founder"))
    text = desk.get(path_to(desk, "dora@gmx.net")).text
    (link,) = links(text, "/protected/")
    assert desk.ledger.names.address(link.split("/")[2]) == "dora@gmx.net"
    preview = desk.get(link).text
    assert "Protected by jo since 1 March 2026 at 12:00: our founder." in said(preview)
    form = form_of(preview, because="has left")
    assert desk.post(link, data=form).headers["location"] == "/settings?done=unprotect#protected"
    assert [each.name for each in desk.ledger.lists.protections()] == ["@gmx.net"]
    assert desk.post(link, data=form).status_code == 404, "a double click"
    of_domain = links(desk.get(path_to(desk, "dora@gmx.net")).text, "/protected/")
    assert [desk.ledger.names.address(each.split("/")[2]) for each in of_domain] == ["@gmx.net"]
    assert [done.action for done in on_page(desk)] == ["unprotect"]


def test_what_the_configuration_protects_is_ended_there(desk: Web) -> None:  # noqa: F811
    hear(desk, protected_domains=frozenset({"gmx.net"}))
    text = desk.get(path_to(desk)).text
    assert "gmx.net, its domain, is protected by the configuration" in said(text)
    assert links(text, "/protected/") == []


@pytest.mark.parametrize(("path", "status", "words"), [
    ("/protect", 422, "is not a domain"), ("/protect?domain=a@b.example", 422, "To protect an address, search for it"),
    ("/protect?domain=<b>", 422, "is not a domain"), ("/protected/none/end", 404, "not protected by hand"),
])
def test_what_is_no_domain_is_not_protected(desk: Web, path: str, status: int, words: str) -> None:  # noqa: F811
    answer = desk.get(path)
    assert (answer.status_code, words in answer.text) == (status, True)
    form = {"csrf": csrf_of(desk.get("/settings").text), "seen": "x", "because": "x"}
    assert desk.post(path, data=form).status_code == status
    assert desk.ledger.lists.protections() == []


@pytest.mark.parametrize(("fields", "status"), [
    ({"because": ""}, 422), ({"seen": "0" * 32}, 409), ({"csrf": "0" * 64}, 403), ({"what": "all"}, 422),
    ({"standing": "forget"}, 422),
])
def test_a_form_filled_in_wrongly_changes_nothing(desk: Web, fields: dict[str, str], status: int) -> None:  # noqa: F811
    path, before = f"{path_to(desk)}/protect", everything(desk)
    form = form_of(desk.get(path).text, because="why", what="address", standing="stays")
    assert desk.post(path, data={**form, **fields}).status_code == status
    assert everything(desk) == before


def test_who_may_only_look_protects_nobody(desk: Web) -> None:  # noqa: F811
    with_reader(desk)
    hear(desk)
    reader = signed_in(desk, READER)
    desk.ledger.suppressions.protect(BEN, Actor("jo", START, "x"))
    before = everything(desk)
    assert "Protect…</button>" in desk.get(path_to(desk), headers=reader).text
    end = f"/protected/{desk.ledger.names.name(BEN)}/end"
    for path in (f"{path_to(desk)}/protect", "/protect?domain=gmx.net", end):
        form = form_of(desk.get(path, headers=reader).text, because="why", what="address")
        assert desk.post(path, headers=reader, data=form).status_code == 403
    assert everything(desk) == before


def test_hostile_names_and_reasons_are_shown_harmless(desk: Web) -> None:  # noqa: F811
    for n, each in enumerate(HOSTILE):
        desk.ledger.suppressions.protect(f"h{n}{each}@example.org", Actor(each, START, each))
        demand_harmless(desk.get(path_to(desk, f"h{n}{each}@example.org")).text)
        demand_harmless(desk.get(f"/protected/{desk.ledger.names.name(f'h{n}{each}@example.org')}/end").text)
        demand_harmless(desk.get(f"/protect?{urlencode({'domain': each})}").text)
    demand_harmless(desk.get("/settings").text)


def test_forget_says_that_the_protection_ends(desk: Web) -> None:  # noqa: F811
    desk.ledger.suppressions.protect(ANNA, Actor("jo", START, "x"))
    assert "1 protection ends" in said(desk.get(f"{path_to(desk)}/forget").text)


def test_the_api_tells_who_protects(desk: Web) -> None:  # noqa: F811
    desk.ledger.suppressions.protect("@gmx.net", Actor("jo", START, "a partner"))
    (row,) = desk.get(f"/api/v1/recipients?recipient={ANNA}").json()["recipients"]
    assert row["protected"] == {"name": "@gmx.net", "by": "jo", "at": "2026-03-01T12:00:00Z", "because": "a partner"}
    desk.ledger.suppressions.unprotect("@gmx.net", BY)
    hear(desk, protected_addresses=frozenset({ANNA}))
    (row,) = desk.get(f"/api/v1/recipients?recipient={ANNA}").json()["recipients"]
    assert row["protected"] == {"name": ANNA, "by": "configuration", "at": None, "because": None}
