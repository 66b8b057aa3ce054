"""What a person is shown of a verdict: words, rule, source, stage; and nothing that could paint the terminal."""

import pytest

from bounce_watcher.classification.classify import classify_reply
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.cli.mail.explain import STAGES
from bounce_watcher.parsing.smtp_reply import read_reply
from tests.cli.conftest import Program, letter
from tests.families import for_each
from tests.mail import auto_reply, complaint, postfix

AFTER_THE_DATA = "host mx.example.org[192.0.2.7] said: 550 5.1.1 user unknown (in reply to end of DATA command)"


def told(out: str) -> dict[str, str]:
    """The labelled values of one block, each on one line."""
    values: dict[str, str] = {}
    label = ""
    for line in out.splitlines():
        if line.startswith("  ") and line[2] != " ":
            label, _, value = line.strip().partition(":")
            values[label] = value.strip()
        elif label and line.strip():
            values[label] += f" {line.strip()}"
    return values


def test_explain_names_recognizer_rule_source_and_words(program: Program) -> None:
    shown = told(program.call("explain", "-", stdin=postfix(letter(1, "anna@gone.example"))).out)
    assert shown["verdict"].startswith("hard: invalid_recipient, ")
    assert shown["words"] == "“User unknown”"
    assert shown["rule"] == "common.no-such-user, built in"
    assert shown["its source"].startswith("Postfix, ")
    assert shown["found by"].startswith("rfc3464, in part 2: ")
    assert shown["code, status"] == "550, 5.1.1"
    assert "it says" not in shown


def test_explain_names_the_recognizer_of_a_mail_without_recipients(program: Program) -> None:
    assert told(program.call("explain", "-", stdin=auto_reply(letter(1, "anna@gone.example"))).out)["known by"]
    assert "known by" not in told(program.call("explain", "-", stdin="Subject: lunch\n\nat noon?\n").out)
    assert told(program.call("explain", "-", stdin=postfix(letter(1, "a@gone.example"))).out)["known by"] == "standard"


def test_explain_tells_what_the_stage_made_of_the_words(program: Program) -> None:
    shown = told(program.call("classify-reply", AFTER_THE_DATA).out)
    assert shown["verdict"].startswith("soft: recipient_filtered, ")
    assert shown["it says"].startswith("hard: invalid_recipient, ")
    assert shown["it says"].endswith(STAGES["DOT"])
    assert shown["said"] == STAGES["DOT"]
    assert shown["last reply"] == "550 5.1.1 user unknown"
    assert shown["refused by"] == "mx.example.org"


def test_a_verdict_by_numbers_names_no_rule(program: Program) -> None:
    assert told(program.call("classify-reply", "550 5.2.2 zzz").out)["rule"].startswith("status.5.2.2: no rule matches")
    assert told(program.call("classify-reply", "550 zzz").out)["rule"] == "no rule matches these words"


def test_several_replies_are_explained_one_by_one(program: Program) -> None:
    first, second = program.call("classify-reply", "550 5.1.1 no such user", "552 5.2.2 over quota").out.split("\n\n")
    assert first.splitlines()[0] == "550 5.1.1 no such user"
    assert told(second)["verdict"].startswith("soft: mailbox_full, ")


@for_each("command", ["connection", "EHLO", "STARTTLS", "AUTH", "MAIL FROM", "RCPT TO", "DATA"])
def test_every_stage_has_its_words(command: str) -> None:
    at = "initial connection" if command == "connection" else f"{command} command"
    stage = read_reply(f"host mx.example.org[192.0.2.7] said: 550 no (in reply to {at})").stage
    assert stage in STAGES


@pytest.mark.parametrize("columns", ["80", "60"])
def test_explain_keeps_to_the_width(program: Program, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = program.call("explain", "-", stdin=postfix(letter(1, "anna@gone.example", f"{AFTER_THE_DATA} " * 3))).out
    assert max(map(len, out.splitlines())) <= int(columns)


@pytest.mark.parametrize(("results", "genuine", "doubt"), [
    ("dmarc=pass header.from=mx.example", "its From is that of mx.example", None),
    ("dmarc=fail header.from=mx.example", "no: the mailbox's server says its From is not mx.example "
     "(dmarc=fail)", "the mailbox's server says its From is not mx.example (dmarc=fail)"),
    ("none", None, None),
])
def test_explain_tells_what_the_mailboxs_server_found(
    program: Program, results: str, genuine: str | None, doubt: str | None
) -> None:
    message = f"Authentication-Results: MX.example.com; {results}\n" + postfix(letter(1, "anna@gone.example"))
    assert "genuine" not in told(program.ledger("explain", "-", stdin=message).out)
    program.config.write_text(program.config.read_text().replace(
        'stream = "news"', 'stream = "news"\ntrusted_authserv_id = "mx.example.com"'
    ))
    shown = told(program.ledger("explain", "-", stdin=message).out)
    assert (shown.get("genuine"), shown.get("doubt")) == (genuine, doubt)


def test_explain_tells_which_sending_it_was(program: Program) -> None:
    message = postfix(letter(1, "anna@gone.example")).replace(
        "X-Campaign: spring", "List-Id: News <News.example.com>\nFeedback-ID: spring-26:42:news:example"
    )
    sent = "List-ID: news.example.com; Feedback-ID: spring-26:42:news:example"
    shown = told(program.ledger("explain", "-", stdin=message).out)
    assert sent in shown["sent mail"]
    assert "campaign" not in shown
    with program.config.open("a") as config:
        config.write('[attribution.headers]\ncampaign = "Feedback-ID"\nstream = "List-ID"\n')
    shown = told(program.ledger("explain", "-", stdin=message).out)
    assert (shown["stream"], shown["campaign"]) == ("news.example.com", "spring-26")


def know_the_mail(program: Program, number: int, recipient: str) -> None:
    with program.config.open("a") as config:
        config.write('[policy.evidence]\nhard = "known_message"\ncomplaint = "known_message"\n')
    mail = f"<{number}.news@example.com>,{recipient},may"
    (program.folder / "sent.csv").write_text(f"message_id,recipient,campaign\n{mail}\n")
    assert program.ledger("import-sent", str(program.folder / "sent.csv")).status == 0


def test_explain_knows_what_the_platform_has_sent(program: Program) -> None:
    message = postfix(letter(1, "anna@gone.example"))
    know_the_mail(program, 1, "anna@gone.example")
    shown = told(program.ledger("explain", "-", stdin=message).out)
    assert shown["evidence"].startswith("known_message: ")
    assert (shown["campaign"], shown["policy would"]) == ("may", "suppress the recipient")
    other = told(program.ledger("explain", "-", stdin=postfix(letter(2, "anna@gone.example"))).out)
    assert other["evidence"].startswith("report: ")
    assert other["because"] == "evidence too weak (report; needs known_message)"


def test_explain_names_whose_complaint_it_is_where_the_platform_told(program: Program) -> None:
    message = complaint(letter(3, "carla@cross.example")).replace("carla@cross.example", "redacted")
    nameless = program.ledger("explain", "-", stdin=message).out
    assert "carla" not in nameless
    assert "policy would" not in nameless
    know_the_mail(program, 3, "carla@cross.example")
    out = program.ledger("explain", "-", stdin=message).out
    assert "\ncarla@cross.example\n" in out
    assert told(out)["policy would"] == "suppress the recipient"


def test_hostile_words_cannot_paint(program: Program) -> None:
    reply = "550 5.1.1 \x1b[2J\x07user unknown\u202e"
    for arguments in (("classify-reply", reply), ("explain", "-")):
        out = program.call(*arguments, stdin=postfix(letter(1, "anna@gone.example", reply))).out
        assert "user unknown" in out
        assert all(line.isprintable() for line in out.splitlines())


def test_words_that_decide_are_quoted_from_the_reply() -> None:
    text = "550 5.1.1 No Such USER here"
    assert classify_reply(text, load_builtin()).quote in text
