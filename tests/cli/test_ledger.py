"""The commands over the ledger: what they list, what they change, and the forms that scripts rely on."""

import json
import re
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.ledger.db.migrate import HEAD
from bounce_watcher.ledger.store import Ledger
from tests.cli.conftest import TOKENS, Program
from tests.families import for_each

EVENT = {
    "id", "at", "kind", "recipient", "stream", "action", "bounce_type", "reason", "status", "code", "diagnostic",
    "rule", "recognizer", "evidence", "counted", "sent_message_id", "mailbox",
}
SUPPRESSION = {"recipient", "stream", "state", "bounce_type", "reason", "since", "until", "because", "source"}
OUTBOX = {
    "id", "target", "type", "recipient", "sequence", "state", "attempts", "next_attempt_at", "last_answer",
}
RECIPIENT = {"recipient", "stream", "state", "counts", "because", "history"}


def test_import_again_changes_nothing(filled: Program) -> None:
    before = filled.ledger("events", "list", "--json").out
    done = filled.ledger("import", str(filled.folder / "mail"))
    assert "4 known already" in done.out
    assert filled.ledger("events", "list", "--json").out == before


def test_a_dry_import_writes_nothing(program: Program, mail: Path) -> None:
    done = program.ledger("import", "--dry-run", str(mail))
    assert done.status == 0
    assert "4 messages with 3 events" in done.out
    assert not (program.folder / "ledger.db").exists()


def test_an_import_goes_into_the_stream_of_the_mailboxes(program: Program, mail: Path) -> None:
    program.ledger("import", str(mail / "1.eml"))
    program.ledger("import", "--stream", "other", str(mail / "2.eml"))
    streams = [row["stream"] for row in program.ledger("events", "list", "--json").rows]
    assert sorted(streams) == ["news", "other"]


def test_events(filled: Program) -> None:
    rows = filled.ledger("events", "list", "--json").rows
    assert len(rows) == 3
    for row in rows:
        assert set(row) >= EVENT
        assert row["at"].endswith("Z")
        assert datetime.fromisoformat(row["at"]).tzinfo is not None
    by = {row["recipient"]: row for row in rows}
    assert by["anna@gone.example"]["counted"] is True
    assert by["carla@cross.example"]["kind"] == "complaint"


def test_what_does_not_count_says_why(program: Program, mail: Path) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    program.ledger("import", str(mail / "1.eml"))
    counted = program.ledger("events", "list", "--json").rows[0]["counted"]
    assert isinstance(counted, str)
    assert counted == "evidence too weak (report; needs token)"


@for_each("options, count", [
    (("--recipient", "Anna@GONE.example"), 1), (("--stream", "news"), 3), (("--stream", "other"), 0),
    (("--kind", "complaint"), 1), (("--bounce-type", "soft"), 1), (("--reason", "mailbox_full"), 1),
    (("--since", "2026-03-02"), 3), (("--until", "2026-03-02"), 0), (("--limit", "2"), 2), (("--newest-first",), 3),
])
def test_events_can_be_chosen(filled: Program, options: tuple[str, ...], count: int) -> None:
    assert len(filled.ledger("events", "list", "--json", *options).rows) == count


def test_suppressions(filled: Program) -> None:
    rows = filled.ledger("suppressions", "list", "--json").rows
    assert [(row["recipient"], row["reason"]) for row in rows] == [
        ("anna@gone.example", "invalid_recipient"), ("carla@cross.example", "complaint"),
    ]
    assert all(set(row) >= SUPPRESSION for row in rows)
    assert {row["source"] for row in rows} == {"policy"}
    shown = filled.ledger("suppressions", "show", "anna@gone.example", "--json").rows
    assert shown == rows[:1]
    assert "is not suppressed" in filled.ledger("suppressions", "show", "bela@full.example").out


def test_by_hand_and_back(filled: Program) -> None:
    done = filled.ledger("suppressions", "add", "edda@by.example", "--because", "asked by phone", "--until", "30d")
    assert done.status == 0
    row = filled.ledger("suppressions", "show", "edda@by.example", "--json").rows[0]
    assert (row["stream"], row["source"], row["because"]) == ("news", "manual", "asked by phone")
    assert row["until"] is not None
    done = filled.ledger("suppressions", "remove", "EDDA@by.example", "--because", "mistake")
    assert done.status == 0
    assert filled.ledger("suppressions", "show", "edda@by.example", "--json").rows == []
    state = filled.ledger("recipients", "show", "edda@by.example", "--json").rows[0]["state"]
    assert state == "released"


def test_the_platform_is_told_of_what_a_person_does(filled: Program) -> None:
    filled.ledger("suppressions", "remove", "anna@gone.example", "--because", "is back")
    told = [row for row in filled.ledger("outbox", "list", "--json").rows if row["recipient"] == "anna@gone.example"]
    assert [(row["type"], row["state"]) for row in told] == [
        ("recipient.suppressed", "superseded"), ("recipient.released", "due"),
    ]


def test_several_streams_need_a_name(filled: Program) -> None:
    text = filled.config.read_text()
    second = text[text.index("[[mailbox]]"):text.index("[[webhook]]")]
    for old, new in (("returns", "more"), ("news", "alerts"), ("bounces", "others")):
        second = second.replace(old, new)
    filled.config.write_text(f"{text}\n{second}")
    done = filled.ledger("suppressions", "add", "a@b.example", "--because", "x")
    assert done.status == 2
    assert "alerts, news" in done.complaint
    assert filled.ledger("suppressions", "add", "a@b.example", "--because", "x", "--stream", "alerts").status == 0


def test_a_target_is_paused_and_resumed(filled: Program) -> None:
    why = "moves to another host"
    assert filled.ledger("outbox", "pause", "platform", "--because", " ").status == 2
    assert filled.ledger("outbox", "pause", "nobody", "--because", why).status == 2
    done = filled.ledger("outbox", "pause", "platform", "--because", why)
    assert done.out == "webhook platform is paused until: bounce-watcher outbox resume platform\n"
    again = filled.ledger("outbox", "pause", "platform", "--because", "again")
    assert again.status == 1
    assert f"by shell: {why}" in again.complaint
    listed = filled.ledger("outbox", "list")
    waiting = len(listed.out.splitlines()) - 1
    assert listed.complaint.endswith(f"by shell: {why}: {waiting} items waiting")
    assert {row["paused"] for row in filled.ledger("outbox", "list", "--json").rows} == {True}
    check = next(row for row in filled.ledger("doctor", "--json").rows if row["name"] == "target platform")
    assert (check["ok"], check["mend"]) == (True, "bounce-watcher outbox resume platform")
    assert check["detail"].endswith(f"by shell: {why}; it is told nothing")
    done = filled.ledger("outbox", "resume", "platform")
    assert done.out == f"platform is resumed: {waiting} items waiting for the next round\n"
    assert "is not paused" in filled.ledger("outbox", "resume", "platform").complaint
    assert {row["paused"] for row in filled.ledger("outbox", "list", "--json").rows} == {False}
    assert filled.ledger("outbox", "list").err == ""


def test_outbox(filled: Program) -> None:
    rows = filled.ledger("outbox", "list", "--json").rows
    assert [row["recipient"] for row in rows] == ["anna@gone.example", "carla@cross.example"]
    assert all(set(row) >= OUTBOX for row in rows)
    assert {row["state"] for row in rows} == {"due"}


def test_discard_and_retry(filled: Program) -> None:
    first, second = (row["id"] for row in filled.ledger("outbox", "list", "--json").rows)
    rehearsed = filled.ledger("outbox", "discard", "--target", "platform", "--dry-run")
    assert "2 items would be discarded" in rehearsed.out
    assert {row["state"] for row in filled.ledger("outbox", "list", "--json").rows} == {"due"}
    assert filled.ledger("outbox", "discard", first).status == 0
    states = {row["id"]: row["state"] for row in filled.ledger("outbox", "list", "--json").rows}
    assert states == {first: "discarded", second: "due"}
    assert "1 item would be sent again" in filled.ledger("outbox", "retry", "--state", "discarded", "--dry-run").out
    assert filled.ledger("outbox", "retry", "--state", "discarded", first).status == 0
    assert filled.ledger("outbox", "list", "--state", "due", "--json").rows[0]["id"] == first
    assert filled.ledger("outbox", "retry").status == 0


def test_retry_of_what_happened_since(filled: Program) -> None:
    happened = filled.ledger("events", "list", "--json").rows[0]["at"]
    assert filled.ledger("outbox", "discard", "--target", "platform").status == 0
    again = ("outbox", "retry", "--target", "platform", "--state", "discarded", "--since")
    assert "2 items would be sent again" in filled.ledger(*again, happened, "--dry-run").out
    assert "0 items would be sent again" in filled.ledger(*again, "0s", "--dry-run").out
    assert {row["state"] for row in filled.ledger("outbox", "list", "--json").rows} == {"discarded"}
    assert "0 items due again" in filled.ledger(*again, "0s").out
    assert "2 items due again" in filled.ledger(*again, happened).out
    assert {row["state"] for row in filled.ledger("outbox", "list", "--json").rows} == {"due"}
    refused = filled.ledger(*again, "lately")
    assert refused.status == 2
    assert "'lately' is not a time" in refused.complaint


def test_a_rehearsed_retry_counts_what_is_sent(filled: Program) -> None:
    """What lost its content is not."""
    assert filled.ledger("outbox", "discard", "--target", "platform").status == 0
    assert filled.ledger("forget", "anna@gone.example").status == 0
    again = ("outbox", "retry", "--state", "discarded")
    rehearsed = filled.ledger(*again, "--dry-run").out.splitlines()
    assert [line.split()[2] for line in rehearsed[:-1]] == ["carla@cross.example"]
    assert rehearsed[-1] == "1 item would be sent again"
    assert filled.ledger(*again).out == "1 item due again, for the next poll to send\n"


def test_a_retry_says_that_a_target_is_paused(filled: Program) -> None:
    (first, *_) = (row["id"] for row in filled.ledger("outbox", "list", "--json").rows)
    filled.ledger("outbox", "pause", "platform", "--because", "moves")
    filled.ledger("outbox", "discard", "--target", "platform")
    again = ("outbox", "retry", "--state", "discarded")
    for chosen in ((), ("--target", "platform"), (first,)):
        for run in (("--dry-run",), ()):
            told = filled.ledger(*again, *chosen, *run)
            assert told.status == 0, told
            assert "paused since" in told.complaint
            assert told.complaint.endswith(
                "by shell: moves; nothing is sent to it until: bounce-watcher outbox resume platform"
            )
            assert "paused" not in told.out
        filled.ledger("outbox", "discard", "--target", "platform")
    assert filled.ledger(*again, "msg_unknown", "--dry-run").err == ""
    filled.ledger("outbox", "resume", "platform")
    assert filled.ledger(*again).err == ""


def test_public_keys_are_those_of_the_private_ones(program: Program) -> None:
    shared = 'secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"'
    private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    text = program.config.read_text()
    refused = program.ledger("outbox", "public-key", "platform")
    assert refused.status == 1
    assert "have no public key" in refused.complaint
    program.config.write_text(text.replace(shared, f'{shared}\nold_secrets = ["{private}"]'))
    shown = program.ledger("outbox", "public-key", "platform")
    assert (shown.status, shown.out) == (0, f"{public}\n")
    row = program.ledger("outbox", "public-key", "platform", "--json").rows
    assert row == [{"target": "platform", "public_key": public}]
    assert program.ledger("outbox", "public-key", "nobody").status == 2


def test_recipients(filled: Program) -> None:
    row = filled.ledger("recipients", "show", "bela@full.example", "--json").rows[0]
    assert set(row) >= RECIPIENT
    assert (row["state"], row["counts"]) == ("watching", {"soft": 1})
    assert [event["reason"] for event in row["history"]] == ["mailbox_full"]
    told = filled.ledger("recipients", "show", "anna@gone.example").out
    assert "suppressed" in told
    assert "for good" in told
    assert "no reports about" in filled.ledger("recipients", "show", "nobody@b.example").out


def test_lists_as_lines(filled: Program) -> None:
    for command in (("events", "list"), ("suppressions", "list"), ("outbox", "list")):
        heading, *lines = filled.ledger(*command).out.splitlines()
        assert lines
        assert {line.count("\t") for line in lines} == {heading.count("\t")}


def test_database_commands(program: Program) -> None:
    assert "db upgrade" in program.ledger("db", "check").complaint
    assert program.ledger("db", "upgrade").status == 0
    assert program.ledger("db", "check").status == 0


def alter(program: Program, statement: str) -> None:
    with closing(sqlite3.connect(program.folder / "ledger.db")) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("command", [
    ("db", "check"), ("db", "upgrade"), ("db", "vacuum"), ("import", "mail"), ("poll",), ("run",), ("simulate",),
    ("suppressions", "add", "a@b.example", "--because", "x"), ("events", "list"),
], ids=" ".join)
def test_a_ledger_of_another_schema_than_it_claims_is_refused(filled: Program, command: tuple[str, ...]) -> None:
    alter(filled, "ALTER TABLE event DROP COLUMN forwarded")
    alter(filled, "DROP INDEX event_by_reason")
    before = (filled.folder / "ledger.db").read_bytes()
    done = filled.ledger(*command)
    assert (done.status, done.out) == (1, "")
    *named, claim = [line for line in done.err.splitlines() if line.startswith("bounce-watcher: ")]
    assert named == [
        "bounce-watcher: column event.forwarded is missing",
        "bounce-watcher: index event_by_reason of table event is missing; "
        "run: CREATE INDEX event_by_reason ON event (reason, at, id)",
    ]
    assert "claims the schema 0001, but its tables have others (differences: 2); `db upgrade` can't repair it" in claim
    assert (filled.folder / "ledger.db").read_bytes() == before


def test_indexes_and_tables_of_ones_own_are_named(program: Program) -> None:
    program.ledger("db", "upgrade")
    alter(program, "CREATE INDEX mine ON event (stream, at)")
    alter(program, "CREATE TABLE customer (id INTEGER)")
    done = program.ledger("db", "check")
    assert (done.status, done.out.splitlines()) == (0, [
        "table customer is not the ledger's own", "index mine of table event is not the ledger's own",
        "the ledger's tables are up to date",
    ])


def test_tokens(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    made = program.ledger("token", "make", "--recipient", "anna@gone.example", "--stream", "news", "--sending", "s1")
    path = made.out.strip()
    assert path.startswith("returns+")
    assert path.endswith("@bounces.example.com")
    read = program.ledger("token", "read", path, "--json").rows[0]
    assert (read["recipient"], read["stream"], read["sending"], read["is_ours"]) == (
        "anna@gone.example", "news", "s1", True
    )
    assert program.ledger("token", "read", path.replace("gone", "g0ne"), "--json").rows[0]["is_ours"] is False
    assert program.ledger("token", "read", "returns@bounces.example.com", "--json").rows[0]["is_ours"] is False
    assert "is_ours: yes" in program.ledger("token", "read", path).out
    today = datetime.now(UTC).date()
    assert read["day"] in {str(today), str(today - timedelta(days=1))}
    assert read["until"] in {str(today + timedelta(days=90)), str(today + timedelta(days=89))}


def test_the_token_of_a_header(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    made = program.ledger("token", "make", "--recipient", "anna@gone.example", "--stream", "news", "--header")
    read = program.ledger("token", "read", made.out.strip(), "--json").rows[0]
    assert (read["recipient"], read["stream"], read["is_ours"]) == ("anna@gone.example", "news", True)


def test_a_token_that_has_run_out_says_so(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    settings = AttributionSettings("returns@bounces.example.com", (b"0123456789abcdef0123456789abcdef",))
    old = make_return_path(settings, "anna@gone.example", day=date(2025, 1, 1))
    read = program.ledger("token", "read", old, "--json").rows[0]
    assert (read["is_ours"], read["until"]) == (True, "2025-04-01")
    assert read["problem"].startswith("it has expired")


def test_many_tokens(program: Program) -> None:
    program.config.write_text(program.config.read_text() + TOKENS)
    lines = [{"recipient": "a@b.example", "stream": "news"}, {"stream": "news"}, {"recipient": "c@d.example"}]
    done = program.ledger("token", "make", "--jsonl", stdin="\n".join(map(json.dumps, lines)))
    assert done.status == 1
    assert "line 2" in done.complaint
    assert [set(row) for row in done.rows] == [{"recipient", "return_path", "header_token"}] * 2
    assert [row["recipient"] for row in done.rows] == ["a@b.example", "c@d.example"]


def test_check_config_sums_up_and_shows_no_secret(program: Program) -> None:
    done = program.ledger("check-config")
    assert done.status == 0
    assert "mailbox returns: INBOX" in done.out
    assert "secret-of-the-mailbox" not in done.out
    assert "whsec_" not in done.out


def test_check_config_warns(program: Program) -> None:
    program.config.chmod(program.config.stat().st_mode | stat.S_IROTH)
    assert "warning:" in program.ledger("check-config").out


def test_a_release_in_one_stream_tells_what_reaches_into_it_from_others(program: Program, mail: Path) -> None:
    """anna is gone in stream "news", which holds in all streams if it is said so."""
    program.config.write_text(program.config.read_text() + '[policy]\nhard_scope = "global"\n')
    assert program.ledger("import", str(mail)).status == 0
    filled = program
    filled.ledger("suppressions", "add", "anna@gone.example", "--because", "asked", "--stream", "shop")
    remove = ("suppressions", "remove", "anna@gone.example", "--because", "is back", "--stream")
    elsewhere = (
        "a suppression in stream news (1 of 1: invalid recipient on 2 March 2026) covers all streams: release it with "
        "--stream news, or everywhere without --stream"
    )
    done = filled.ledger(*remove, "shop")
    assert done.out.splitlines()[1:] == [f"It is still suppressed: {elsewhere}"]
    again = filled.ledger(*remove, "shop")
    assert (again.status, again.complaint) == (
        1, f"bounce-watcher: anna@gone.example is not suppressed in stream shop: {elsewhere}"
    )
    last = filled.ledger(*remove, "news")
    assert len(last.out.splitlines()) == 1
    assert filled.ledger(*remove, "news").complaint.endswith(
        "is not suppressed in stream news: see `suppressions list`"
    )


def test_what_is_changed_at_the_shell_stands_in_the_log_without_an_address(filled: Program) -> None:
    def actions() -> list[tuple[str, str, int, str | None]]:
        with Ledger.connect(f"sqlite:///{filled.folder}/ledger.db") as ledger:
            named = [(each, ledger.names.address(each.subject) or each.subject) for each in ledger.log.newest(None, 50)]
        assert all("anna@" not in each.subject and each.actor == "shell" for each, _ in named)
        return [(each.action, subject, each.count, each.because) for each, subject in reversed(named)]

    for words in (
        ("suppressions", "add", "anna@new.example", "--because", "asked by phone"),
        ("suppressions", "remove", "anna@new.example", "--because", "asked again"),
        ("outbox", "discard", "--target", "platform"),
        ("outbox", "discard", "--target", "platform"),
        ("forget", "anna@gone.example", "--dry-run"),
        ("forget", "anna@gone.example"),
    ):
        assert filled.ledger(*words).status == 0, words
    done = actions()
    assert done[:2] == [
        ("suppress", "anna@new.example", 1, "asked by phone"), ("release", "anna@new.example", 1, "asked again"),
    ]
    assert [(action, count > 0) for action, _, count, _ in done[2:]] == [("discard", True), ("forget", True)]


def test_a_backup_tells_what_it_holds_and_can_be_used_in_the_ledgers_place(filled: Program) -> None:
    events = filled.ledger("events", "list", "--json").out
    done = filled.ledger("db", "backup", "copy.db", "--json")
    [row] = done.rows
    assert (done.status, row["file"], row["revision"]) == (0, "copy.db", HEAD)
    assert row["newest"] == max(json.loads(line)["at"] for line in events.splitlines())
    assert row["size"] == (filled.folder / "copy.db").stat().st_size
    for each in filled.folder.glob("ledger.db*"):
        each.unlink()
    (filled.folder / "copy.db").rename(filled.folder / "ledger.db")
    assert filled.ledger("events", "list", "--json").out == events


def test_a_second_backup_needs_to_be_told_to_replace_the_first(filled: Program) -> None:
    assert filled.ledger("db", "backup", "copy.db").status == 0
    refused = filled.ledger("db", "backup", "copy.db")
    assert (refused.status, refused.err.strip()) == (
        1, "bounce-watcher: copy.db: exists already; name another file, or use --replace"
    )
    again = filled.ledger("db", "backup", "copy.db", "--replace")
    assert again.status == 0
    assert re.fullmatch(r"copy\.db: \d+ bytes, schema \d{4}, newest event [\d-]{10} [\d:]{8} UTC\n", again.out)
