"""Lines of keys."""


from bounce_watcher.config.locate import Lines, Path
from tests.families import for_each

TEXT = '''\
rules_dir = "x"  # [not.a.table]
[database]
url = """
[policy]
key = "in a string"
"""
[[mailbox]]
name = 'first'
folder = [
  "INBOX",  # ]
  "[[mailbox]]",
]
port = 993
[[mailbox]]
  name = "second"
  [mailbox.oauth2]
  grant = "x"
[policy]
evidence.hard = "token"
"soft" = { bounces = 3, span = "]" }
[ policy . expiry ]
hard = "never"
'''


@for_each(("path", "line"), [
    (("rules_dir",), 1),
    (("database",), 2),
    (("database", "url"), 3),
    (("database", "key"), 2),
    (("mailbox",), 7),
    (("mailbox", 0), 7),
    (("mailbox", 0, "name"), 8),
    (("mailbox", 0, "folder"), 9),
    (("mailbox", 0, "folder", 1), 9),
    (("mailbox", 0, "port"), 13),
    (("mailbox", 1), 14),
    (("mailbox", 1, "name"), 15),
    (("mailbox", 1, "oauth2"), 16),
    (("mailbox", 1, "oauth2", "grant"), 17),
    (("policy",), 18),
    (("policy", "evidence", "hard"), 19),
    (("policy", "soft", "bounces"), 20),
    (("policy", "expiry", "hard"), 22),
    (("webhook", 0, "url"), None),
])
def test_where_a_key_stands(path: Path, line: int | None) -> None:
    assert Lines(TEXT).of(path) == line


def test_line_ends_of_windows() -> None:
    assert Lines(TEXT.replace("\n", "\r\n")).of(("policy", "expiry", "hard")) == 22
