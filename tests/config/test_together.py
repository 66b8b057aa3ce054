"""All that is wrong is told at once, in the order of the file, in plain words."""

from tests.config.samples import MAILBOX, OAUTH2, WEBHOOK, changed, refused

BROKEN = """\
databse = "sqlite:////srv/ledger.db"

[[mailbox]]
name = "returns"
hots = "imap.example.com"
port = "993"
folder = 3
password = "correct horse"
password_file = "imap-password"

[[mailbox]]
host = "imap.example.com"
security = "none"
username = "bounces@example.com"
poll_every = 60
secret = "whsec_x"

[[webhook]]
name = "platform"
url = "http://platform.example.com/hooks"
secret = "whsec_TWY="
events = ["recipient.supressed", "bounce.recorded"]

[policy]
mode = "shado"

[policy.soft]
span = "90d"

[log]
level = "loud"
"""


def test_every_fault_of_a_file_is_told_at_once_and_in_order() -> None:
    places = [problem.split(": ")[0:2] for problem in refused(BROKEN)]
    assert places == [
        ["line 1", "databse"],
        ["line 3", "mailbox[returns].username"],
        ["line 5", "mailbox[returns].hots"],
        ["line 6", "mailbox[returns].port"],
        ["line 7", "mailbox[returns].folder"],
        ["line 9", "mailbox[returns].password_file"],
        ["line 11", "[[mailbox]] #2"],  # name is missing
        ["line 11", "[[mailbox]] #2"],  # and a password
        ["line 13", "[[mailbox]] #2"],
        ["line 15", "[[mailbox]] #2"],
        ["line 16", "[[mailbox]] #2"],
        ["line 20", "webhook[platform].url"],
        ["line 21", "webhook[platform].secret"],
        ["line 22", "webhook[platform].events"],
        ["line 25", "policy.mode"],
        ["line 27", "policy.soft.window"],
        ["line 31", "log.level"],
    ]


def test_no_word_of_the_library_that_checks() -> None:
    told = " ".join(refused(BROKEN)).casefold()
    for word in ("pydantic", "errors.", "value_error", "value error", "type=", "input", "extra_", "validation"):
        assert word not in told


def test_each_problem_is_one_line() -> None:
    assert all("\n" not in problem for problem in refused(BROKEN))


def test_a_fault_in_one_key_does_not_hide_that_of_two_others_together() -> None:
    problems = refused(changed(MAILBOX, "port = 0", "- password") + changed(WEBHOOK, 'timeout = "x"'))
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == [
        "mailbox[returns].password", "mailbox[returns].port", "webhook[platform].timeout",
    ]


def test_a_fault_inside_oauth2_is_not_a_missing_password_as_well() -> None:
    problems = refused(changed(MAILBOX, "- password") + changed(OAUTH2, 'grant = "client"'))
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == ["mailbox[returns].oauth2.grant"]


def test_mailboxes_of_one_name_are_told_apart_by_number() -> None:
    problems = refused(MAILBOX + changed(MAILBOX, "port = 0", 'folder = "Other"'))
    assert [problem.partition(" (")[0] for problem in problems] == [
        'line 7: [[mailbox]] #2: name: "returns" is already the name of an earlier [[mailbox]]: choose another',
        "line 11: [[mailbox]] #2: port: 0 is out of range: from 1 to 65535",
    ]


def test_what_stands_in_an_inline_table_is_told_at_its_line() -> None:
    [problem] = refused('database = { raw_retention = "1 month" }\n' + MAILBOX)
    assert problem.startswith('line 1: database.raw_retention: "1 month" is not a duration')
