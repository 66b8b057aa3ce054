"""Rules of one's own, wherever a configuration is named: check-config, classify, classify-reply, explain, import."""

from pathlib import Path

import pytest

from tests.cli.conftest import Program, letter
from tests.mail import mailbag, postfix

REPLY = "550 5.1.1 user unknown"
RULE = """\
[[rule]]
id = "own.directory"
reason = "system_error"
source = "postmaster@example.org"
text = ["user unknown"]
examples = ["550 5.1.1 user unknown"]
"""


@pytest.fixture
def own(program: Program) -> Path:
    """The file of a rule that the configuration names."""
    folder = program.folder / "rules"
    folder.mkdir()
    program.config.write_text(f'rules_dir = "rules"\n{program.config.read_text()}')
    (folder / "own.toml").write_text(RULE)
    return folder / "own.toml"


def test_check_config_counts_them_and_tells_what_they_take(program: Program, own: Path) -> None:
    done = program.ledger("check-config")
    assert done.status == 0
    assert f"rules: 1 rule of yours in {own}" in done.out
    assert (
        f"warning: rules_dir: {own}: rule 'own.directory' takes “User unknown” from our rule 'common.no-such-user' "
        "(invalid_recipient → system_error)"
    ) in done.out


def test_check_config_refuses_a_rule_that_does_not_win_its_example(program: Program, own: Path) -> None:
    own.write_text(RULE.replace("550 5.1.1 user unknown", "550 nobody here").replace('"system_error"', '"sytem_error"'))
    done = program.ledger("check-config")
    assert done.status == 2
    assert "rule 'own.directory': reason 'sytem_error' is unknown; did you mean 'system_error'?" in done.complaint
    own.write_text(RULE.replace("550 5.1.1 user unknown", "550 \x1b[31mnobody here".replace("\x1b", "\\u001b")))
    done = program.ledger("check-config")
    assert done.status == 2
    assert "does not win its example “550 \\x1b[31mnobody here”" in done.complaint


def test_classify_goes_by_them_only_where_their_configuration_is_named(
    program: Program, own: Path, mail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reasons(*arguments: str) -> str:
        return str(program.call(*arguments).rows[0]["recipients"][0]["reason"])

    message = str(mail / "1.eml")
    assert reasons("classify", "--json", message, "-c", str(program.config)) == "system_error"
    assert reasons("-c", str(program.config), "classify", "--json", message) == "system_error"
    monkeypatch.setenv("BOUNCE_WATCHER_CONFIG", str(program.config))
    assert reasons("classify", "--json", message) == "invalid_recipient"


def test_a_backlog_is_classified_by_them_in_every_process(program: Program, own: Path) -> None:
    folder = program.folder / "backlog"
    folder.mkdir()
    for number, (content, _) in enumerate(mailbag(600)):
        (folder / f"{number:04d}.eml").write_bytes(content)
    rows = program.ledger("classify", "--json", str(folder)).rows
    rules = [each["rule"] for row in rows for each in row["recipients"]]
    assert rules.count("own.directory") > 50
    assert "common.no-such-user" not in rules


def test_classify_reply_goes_by_them(program: Program, own: Path) -> None:
    [row] = program.ledger("classify-reply", "--json", REPLY).rows
    assert (row["reason"], row["rule"]) == ("system_error", "own.directory")
    assert program.call("classify-reply", "--json", REPLY).rows[0]["reason"] == "invalid_recipient"


def test_explain_says_whose_rule_it_is(program: Program, own: Path) -> None:
    out = "".join(program.ledger("explain", "-", stdin=postfix(letter(1, "anna@gone.example"))).out.split())
    assert f"rule:own.directory,yours,in{own}" in out
    assert "itssource:postmaster@example.org" in out
    assert "verdict:soft:system_error" in out


def test_import_goes_by_them(program: Program, own: Path, mail: Path) -> None:
    assert program.ledger("import", str(mail / "1.eml")).status == 0
    [event] = program.ledger("events", "list", "--json").rows
    assert (event["reason"], event["rule"]) == ("system_error", "own.directory")
    assert program.ledger("suppressions", "list", "--json").rows == []


def test_a_faulty_rule_stops_every_command_that_goes_by_it(program: Program, own: Path, mail: Path) -> None:
    own.write_text("[[rule]]\n")
    for command in (("classify", str(mail)), ("classify-reply", "550"), ("explain", str(mail)), ("import", str(mail))):
        done = program.ledger(*command)
        assert done.status == 2
        assert f"{own}: rule number 1: id is missing" in done.err
