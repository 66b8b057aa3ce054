"""Commands over the history: undo, simulate, reclassify, forget."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import AlertKind
from tests.cli.conftest import USER_UNKNOWN, Program, letter
from tests.facts import an_alert
from tests.ledger.making import Platform
from tests.mail import START, Letter, complaint, postfix

DAY = START.date().isoformat()
NEXT = START.date().replace(day=START.day + 1).isoformat()
THAT_DAY = ("undo", "--from", DAY, "--to", NEXT)

OWN_RULES = """
[[rule]]
id = "own.strange"
reason = "mailbox_full"
source = "https://postmaster.example/codes"
text = ["glass onion"]
examples = ["550 5.7.1 a glass onion"]
"""


def test_undo_releases_and_tells(filled: Program) -> None:
    rehearsed = filled.ledger(*THAT_DAY, "--dry-run", "--json").rows
    assert {row["recipient"]: row["released"] for row in rehearsed} == {
        "anna@gone.example": True, "carla@cross.example": True, "bela@full.example": False,
    }
    assert len(filled.ledger("suppressions", "list", "--json").rows) == 2
    done = filled.ledger(*THAT_DAY, "--domain", "gone.example", "--reason", "invalid_recipient")
    assert done.status == 0
    assert "released 1 of 1 recipient" in done.out
    assert [row["recipient"] for row in filled.ledger("suppressions", "list", "--json").rows] == ["carla@cross.example"]
    told = [row for row in filled.ledger("outbox", "list", "--json").rows if row["recipient"] == "anna@gone.example"]
    assert told[-1]["type"] == "recipient.released"
    (event,) = filled.ledger("events", "list", "--recipient", "anna@gone.example", "--json").rows
    assert event["counted"].startswith("undone: ")
    assert "released 0 of 0 recipients" in filled.ledger(*THAT_DAY, "--domain", "gone.example").out


@pytest.mark.parametrize("wrong, told", [
    (("--from", NEXT, "--to", DAY), "before"),
    (("--from", "soon", "--to", DAY), "is not a time"),
    ((*THAT_DAY[1:], "--reason", "bad_luck"), "is not a reason"),
    (("--from", DAY), "--to"),
    ((), "--alert"),
    (("--alert", "x"), "there is no alert 'x'"),
    (("--alert", "x", "--from", DAY), "omit --from"),
])
def test_undo_refuses(filled: Program, wrong: tuple[str, ...], told: str) -> None:
    done = filled.ledger("undo", *wrong)
    assert done.status == 2
    assert told in done.complaint


def outage(program: Program) -> None:
    """Three days of ordinary mail, and then twelve good addresses of one provider that bounce within minutes."""
    folder = program.folder / "outage"
    folder.mkdir()
    times = [START + timedelta(days=n) for n in range(1, 4)]
    times += [START + timedelta(days=5, minutes=n) for n in range(12)]
    for n, at in enumerate(times):
        address = f"u{n}@gmail.com"
        text = postfix(Letter(100 + n, address, USER_UNKNOWN.format(address), at))
        (folder / f"{n}.eml").write_text(text)
    assert program.ledger("import", str(folder)).status == 0


def test_undo_by_alert_and_by_provider(filled: Program) -> None:
    outage(filled)
    (alert,) = filled.ledger("alerts", "list", "--json").rows
    assert alert["subject"] == "provider google.com"
    assert alert["id"] in filled.ledger("alerts", "list").out
    rehearsed = filled.ledger("undo", "--alert", alert["id"], "--dry-run", "--json").rows
    assert {row["recipient"] for row in rehearsed} == {f"u{n}@gmail.com" for n in range(3, 15)}
    done = filled.ledger("undo", "--alert", alert["id"])
    assert done.status == 0
    assert "12 events no longer count" in done.out
    (event,) = filled.ledger("events", "list", "--recipient", "u4@gmail.com", "--json").rows
    assert event["counted"].startswith("undone: incident of ")
    assert alert["subject"] in event["counted"]
    since = (START + timedelta(hours=1)).isoformat()
    wider = filled.ledger("undo", "--from", since, "--to", "2026-12-31", "--provider", "gmail.com", "--json").rows
    assert {row["recipient"] for row in wider} == {f"u{n}@gmail.com" for n in range(3)}


@pytest.mark.parametrize("kind", sorted(set(AlertKind) - {AlertKind.OUTAGE, AlertKind.BLOCKS, AlertKind.FLOOD}))
def test_what_counts_against_nobody_is_listed_and_not_undone(filled: Program, kind: AlertKind) -> None:
    with Ledger.connect(f"sqlite:///{filled.folder}/ledger.db") as ledger:
        ledger.recording.tell_alerts([an_alert(kind, "returns", START)], [], START, Platform())
    (alert,) = filled.ledger("alerts", "list", "--under-way", "--json").rows
    assert (alert["alert"], alert["subject"], alert["state"], alert["ends_at"]) == (kind, "returns", "raised", None)
    done = filled.ledger("undo", "--alert", alert["id"])
    assert done.status == 2
    assert "there is nothing to undo" in done.complaint


def test_every_step_of_a_recipient_is_shown(filled: Program) -> None:
    filled.ledger(*THAT_DAY)
    (row,) = filled.ledger("recipients", "show", "anna@gone.example", "--json").rows
    assert [(step["state"], step["by"]) for step in row["course"]] == [("suppressed", "report"), ("released", "undo")]
    assert "incident of" in row["course"][1]["because"]
    assert "incident of" in filled.ledger("recipients", "show", "anna@gone.example").out


def test_simulate_tells_the_difference_and_writes_nothing(filled: Program) -> None:
    other = filled.folder / "other.toml"
    other.write_text(filled.config.read_text() + """
[policy]
protected = ["@gone.example"]
""")
    other.chmod(0o600)
    before = (filled.folder / "ledger.db").read_bytes()
    done = filled.call("simulate", "--config", str(other), "--json")
    assert done.status == 0
    by = {row["recipient"]: row for row in done.rows if row["type"] == "recipient"}
    assert {name: (row["now"], row["then"]) for name, row in by.items()} == {
        "anna@gone.example": (True, False), "carla@cross.example": (True, True),
    }
    assert [row["day"] for row in done.rows if row["type"] == "day"] == [DAY] * 2
    assert done.rows[-1]["type"] == "total"
    assert (filled.folder / "ledger.db").read_bytes() == before
    assert "took_mail" in filled.call("simulate", "--config", str(other)).out


def strange(program: Program) -> None:
    """A reply that no rule of the package knows, in the ledger; and then a rule for it."""
    (program.folder / "strange.eml").write_text(
        postfix(letter(9, "edda@odd.example", "550 5.1.1 <{}>: a glass onion"))
    )
    assert program.ledger("import", str(program.folder / "strange.eml")).status == 0


def add_rules(program: Program, text: str) -> None:
    rules = program.folder / "rules"
    rules.mkdir()
    (rules / "own.toml").write_text(text)
    program.config.write_text(f'rules_dir = "{rules}"\n{program.config.read_text()}')
    assert program.ledger("check-config").status == 0


def test_reclassify_corrects_and_releases(program: Program) -> None:
    strange(program)
    assert program.ledger("reclassify", "--json").rows == []
    (row,) = program.ledger("suppressions", "list", "--json").rows
    assert row["recipient"] == "edda@odd.example"
    add_rules(program, OWN_RULES)
    rehearsed = program.ledger("reclassify", "--dry-run", "--json").rows
    assert [(row["was"], row["is"], row["rule"], row["old_state"], row["state"]) for row in rehearsed] == [
        ("hard invalid_recipient", "soft mailbox_full", "own.strange", "suppressed", "watching"),
    ]
    assert len(program.ledger("suppressions", "list", "--json").rows) == 1
    done = program.ledger("reclassify")
    assert "1 event corrected; suppressions ended: 1" in done.out
    assert program.ledger("suppressions", "list", "--json").rows == []
    (event,) = program.ledger("events", "list", "--json").rows
    assert (event["reason"], event["rule"]) == ("mailbox_full", "own.strange")
    assert event["formerly"].startswith("hard invalid_recipient by ")
    assert [row["type"] for row in program.ledger("outbox", "list", "--json").rows][-1] == "recipient.released"
    (record,) = program.ledger("recipients", "show", "edda@odd.example", "--json").rows
    assert record["course"][-1]["by"] == "rules"
    assert program.ledger("reclassify", "--json").rows == []


def test_reclassify_reads_diagnostics_where_mail_is_not_kept(program: Program) -> None:
    program.config.write_text(program.config.read_text().replace("[database]", '[database]\nraw_retention = "0d"'))
    strange(program)
    add_rules(program, OWN_RULES)
    assert [row["is"] for row in program.ledger("reclassify", "--json").rows] == ["soft mailbox_full"]
    assert program.ledger("suppressions", "list", "--json").rows == []
    assert program.ledger("reclassify", "--json").rows == []


def test_reclassify_since(program: Program) -> None:
    strange(program)
    add_rules(program, OWN_RULES)
    assert program.ledger("reclassify", "--since", NEXT, "--json").rows == []


def nameless_complaint(program: Program) -> None:
    """Imported: one whose loop struck the recipient out, but for a field of the platform's own."""
    report = complaint(letter(7, "carla@cross.example")).replace("carla@cross.example", "redacted")
    report = report.replace("X-Campaign:", "X-Recipient: carla@cross.example\nX-Campaign:")
    (program.folder / "fbl.eml").write_text(report)
    assert program.ledger("import", str(program.folder / "fbl.eml")).status == 0


def tell_what_was_sent(program: Program) -> None:
    (program.folder / "sent.csv").write_text("message_id,recipient\n<7.news@example.com>,Carla@cross.example\n")
    assert program.ledger("import-sent", str(program.folder / "sent.csv")).status == 0


def suppressed(program: Program) -> list[str]:
    return [row["recipient"] for row in program.ledger("suppressions", "list", "--json").rows]


def read_the_platforms_field(program: Program) -> None:
    with program.config.open("a") as config:
        config.write('[attribution.headers]\nuser = "X-Recipient"\n')


def test_reclassify_finds_whose_complaint_it_was_once_that_is_known(program: Program) -> None:
    nameless_complaint(program)
    assert program.ledger("reclassify", "--json").rows == []
    tell_what_was_sent(program)
    (row,) = program.ledger("reclassify", "--dry-run", "--json").rows
    assert (row["recipient"], row["stream"], row["was"]) == ("Carla@cross.example", "news", "not understood")
    assert suppressed(program) == []
    assert len(program.ledger("reclassify", "--json").rows) == 1
    assert suppressed(program) == ["Carla@cross.example"]
    assert program.ledger("reclassify", "--json").rows == []


@pytest.mark.parametrize("first", [tell_what_was_sent, read_the_platforms_field])
def test_reclassify_leaves_a_complaint_to_whom_it_was_settled_on(
    program: Program, first: Callable[[Program], None]
) -> None:
    plain = program.config.read_text()
    first(program)
    nameless_complaint(program)
    (event,) = program.ledger("events", "list", "--json").rows
    assert [name.casefold() for name in suppressed(program)] == ["carla@cross.example"]
    outbox = program.ledger("outbox", "list", "--json").rows
    tell_what_was_sent(program)
    for config in (plain, program.config.read_text(), f'{plain}[attribution.headers]\nuser = "X-Recipient"\n'):
        program.config.write_text(config)
        assert program.ledger("reclassify", "--json").rows == []
    assert program.ledger("events", "list", "--json").rows == [event]
    assert program.ledger("outbox", "list", "--json").rows == outbox


def test_forget(filled: Program, mail: Path) -> None:
    assert "would be erased: 1 message, 1 event" in filled.ledger("forget", "anna@gone.example", "--dry-run").out
    assert "1 webhook still due" in filled.ledger("forget", "anna@gone.example").out
    filled.ledger("outbox", "discard", "--target", "platform")
    (erased,) = filled.ledger("forget", "anna@gone.example", "--json").rows
    assert (erased["webhooks"], erased["due"], erased["files"]) == (0, 0, "clean")
    (row,) = filled.ledger("suppressions", "show", "anna@gone.example", "--json").rows
    assert row["state"] == "suppressed"
    for command in (("suppressions", "list"), ("events", "list"), ("outbox", "list")):
        assert "anna" not in filled.ledger(*command, "--json").out
    assert filled.ledger("import", str(mail)).status == 0
    assert "anna" not in filled.ledger("events", "list", "--json").out
    done = filled.ledger("suppressions", "remove", "anna@gone.example", "--because", "asked")
    assert done.status == 0
    assert filled.ledger("suppressions", "show", "anna@gone.example", "--json").rows == []
