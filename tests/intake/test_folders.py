
from bounce_watcher.intake.imap.folders import Hierarchy, same
from tests.families import for_each


@for_each(("delimiter", "prefix", "configured", "name"), [
    ("/", "", "Bounces/Processed", "Bounces/Processed"),
    (".", "", "Bounces/Processed", "Bounces.Processed"),
    (".", "INBOX.", "Bounces/Processed", "INBOX.Bounces.Processed"),
    (".", "INBOX.", "INBOX/Bounces/Processed", "INBOX.Bounces.Processed"),
    (".", "INBOX.", "INBOX.Bounces.Processed", "INBOX.Bounces.Processed"),
    ("/", "", "INBOX/Old", "INBOX/Old"),
    ("/", "INBOX/", "inbox", "INBOX"),
    (None, "", "Bounces/Processed", "Bounces-Processed"),
])
def test_names_are_written_as_the_server_has_them(
    delimiter: str | None, prefix: str, configured: str, name: str
) -> None:
    assert Hierarchy(delimiter, prefix).name(configured) == name


def test_only_inbox_is_the_same_in_any_case() -> None:
    assert same("inbox", "INBOX")
    assert same("Returns", "Returns")
    assert not same("returns", "Returns")
